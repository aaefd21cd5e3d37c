//! The API as its callers meet it: a real listener, a real client, both homes.

#![expect(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod answer;
mod batches;
mod bodies;
mod cancel;
mod check;
mod connections;
mod create;
mod django;
mod email;
mod gathered;
mod idempotency;
mod keys;
mod limits;
mod messages;
mod numbers;
mod outages;
mod pages;
mod policies;
mod races;
mod receipts;
mod reference;
mod replies;
mod reports;
mod resend;
mod secrecy;
mod service;
mod show;
mod sns;
mod suppressions;
mod templates;
mod topics;
mod twilio;
mod voice;
mod webhooks;
mod workflow;

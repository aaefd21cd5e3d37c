//! The API as its callers meet it: a real listener, a real client, both homes.

#![expect(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod answer;
mod batches;
mod bodies;
mod cancel;
mod check;
mod connections;
mod create;
mod decoys;
mod django;
mod email;
mod first_start;
mod gathered;
mod idempotency;
mod inbox;
mod keys;
mod limits;
mod messages;
mod numbers;
mod outages;
mod page;
mod policies;
mod races;
mod receipts;
mod receipts_offline;
mod reference;
mod replies;
mod reports;
mod resend;
mod secrecy;
mod service;
mod show;
mod sns;
mod suppressions;
mod takeovers;
mod templates;
mod tenants;
mod topics;
mod twilio;
mod voice;
mod webhooks;
mod workflow;

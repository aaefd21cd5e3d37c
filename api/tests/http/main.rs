//! The API as its callers meet it: a real listener, a real client, both homes.

mod answer;
mod bodies;
mod cancel;
mod check;
mod create;
mod idempotency;
mod keys;
mod limits;
mod messages;
mod numbers;
mod outages;
mod pages;
mod receipts;
mod reference;
mod resend;
mod secrecy;
mod service;
mod show;

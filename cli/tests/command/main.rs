//! The command as a person runs it: the real binary, its output, its exit codes, its signals.

#![expect(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod breaker;
mod configuration;
mod doctor;
mod drill;
mod email;
mod examples;
mod features;
mod help;
mod import;
mod keeping;
mod keys;
mod line;
mod outside_bytes;
mod policies;
mod production;
mod program;
mod rate;
mod replies;
mod sandbox;
mod sending;
mod serve;
mod spend;
mod status;
mod suppressions;
mod templates;
mod tenants;
mod webhooks;

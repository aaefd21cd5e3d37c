//! Everything this crate knows of the product, and it knows it only from outside: its
//! configuration keys, its HTTP calls and the columns the checker reads. A change of the
//! product's contract is mended here and nowhere else.

mod config;
mod fill;
mod ledger;
mod points;
mod rows;
mod settings;
mod wire;

pub(crate) use self::{
    config::{Chain, Config, Secrets},
    fill::{BYTES_OF_ONE, Filling, fill, keep_patterns, rows_of_all_tables},
    ledger::{Attempt, Ledger, Message, Standing, Verification},
    points::{ACCEPT, BEGIN, CLAIM, OUTCOME},
    rows::{
        cancel_waiting, count_bulk, count_expired, count_ok, count_pending, forget_messages,
        keep_bulk, restore_bulk, sample_columns,
    },
    settings::{base_urls, bulk_concurrency, fallback_after, lifetime, rate},
    wire::{
        Accepted, BATCH, CHECK, HINTS, LIVE, MESSAGES, NDJSON, OFFER, READY, START, SUPPRESSED,
        SUPPRESSIONS, TEXT, batch_body, check_body, code_in, code_of, create_body, create_body_for,
        hint, inbox_path, message_body, path_of, recipient_csv, recipient_ndjson, refusal,
        reply_address, send_body, suppressions_path, text_ndjson,
    },
};

//! Everything this crate knows of the product, and it knows it only from outside: its
//! configuration keys, its HTTP calls and the columns the checker reads. A change of the
//! product's contract is mended here and nowhere else.

mod config;
mod rows;
mod wire;

pub(crate) use self::{
    config::{Chain, Config, Secrets},
    rows::{
        Attempt, Message, Verification, attempts, count_pending, messages, moving, sample_columns,
        verifications,
    },
    wire::{
        Accepted, CHECK, HINTS, READY, START, check_body, code_in, code_of, create_body,
        inbox_path, path_of, refusal,
    },
};

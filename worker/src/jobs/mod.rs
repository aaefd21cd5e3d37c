//! The jobs. Each may run twice; its name is a contract between versions.

pub mod send_message;

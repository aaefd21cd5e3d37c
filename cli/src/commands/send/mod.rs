//! `otpost send`: one text to one number, or to each person of a file.

mod dry_run;
mod failures;
mod file;
mod follow;
mod one;
pub mod people;
mod summary;

use std::path::Path;

use crate::{
    args::SendOptions,
    output::{Done, Failure},
};

pub async fn run(config: Option<&Path>, options: SendOptions) -> Done {
    match (&options.to, &options.to_file) {
        (Some(_), _) => one::run(config, options).await,
        (None, Some(path)) => file::run(config, &options, path).await,
        // The reader of arguments lets only the others pass.
        (None, None) => Err(Failure::misused("say --to or --to-file")),
    }
}

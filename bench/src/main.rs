//! Measures and breaks Otpost from outside; depends on none of its crates.
//!
//! * [`gateway`]: a fake SMS gateway that misbehaves on request
//! * [`harness`]: private servers and the real product, started and stopped
//! * [`proxy`]: a TCP proxy that breaks connections on request
//! * [`product`]: all that is known of the product's contract
//! * [`show`]: fail-over, faults with the invariant checker, parallel guesses
//! * [`measure`]: rates, latencies, memory, each beside its bare limit
//! * [`load`], [`http`], [`numbers`]: the load generator, its client, its recipients
//! * [`output`]: what is printed

#![expect(
    clippy::cast_precision_loss,
    reason = "counts become rates and shares, where the 53rd bit is of no interest"
)]

#[macro_use]
mod output;

mod cli;
mod error;
mod gateway;
mod harness;
mod http;
mod interrupt;
mod load;
mod measure;
mod numbers;
mod product;
mod proxy;
mod show;

use std::process::ExitCode;

use clap::Parser;

#[tokio::main]
async fn main() -> ExitCode {
    match interrupt::or_leave(Box::pin(cli::Cli::parse().run())).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            note!("bench: {error}");
            ExitCode::from(2)
        }
    }
}

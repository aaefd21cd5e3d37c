//! The binary: an allocator and a runtime for the command.

use std::process::ExitCode;

/// Twenty small allocations a request, many given back by another thread, are a quarter of the
/// API's time with the system's allocator (docs/decisions/0010-allocator.md).
#[cfg(target_os = "linux")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[tokio::main]
async fn main() -> ExitCode {
    otpost::run().await
}

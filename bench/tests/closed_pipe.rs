//! What is piped into `head` ends quietly when `head` has gone.

use std::process::{Command, Stdio};

#[test]
fn a_reader_that_has_gone_is_no_error() {
    for command in [&["list"][..], &["faults", "--list"], &["numbers", "--count", "4000000000"]] {
        let mut bench = Command::new(env!("CARGO_BIN_EXE_bench"));
        bench.args(command).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut running = bench.spawn().expect("started");
        drop(running.stdout.take());
        let ended = running.wait_with_output().expect("ended");
        let said = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.success() && said.is_empty(), "{command:?}: {ended:?}");
    }
}

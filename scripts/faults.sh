#!/usr/bin/env bash
# Breaks the real thing for a few seconds in each way, on private services of its own, and checks
# the invariants. `cargo run --release -p bench -- faults all` does the same for longer.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/services.sh

install_missing
cargo build --quiet -p otpost -p bench
target="${CARGO_TARGET_DIR:-target}/debug"
bench() { "$target/bench" --otpost "$target/otpost" "$@"; }
bench failover
bench guesses --home sqlite --rounds 5
bench guesses --home postgres --rounds 5
bench faults all --seconds "${SECONDS_PER_FAULT:-8}" --rate 40 --untimed

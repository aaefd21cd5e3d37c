#!/usr/bin/env bash
# Breaks the real thing for a few seconds in each way, on private services of its own, and checks
# the invariants; then ten rounds of three faults at a time. Three rows are played at once, so
# latencies are shown and not judged. On a quiet machine, with the full times and all judged:
#   cargo run --release -p bench -- faults all
# Arguments are rows to play instead of all: ./scripts/faults.sh redis-kill clocks
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/services.sh

if [ "${1:-}" = "--help" ] || [ "${1:-}" = "-h" ]; then
  sed -n '2,6s/^# \{0,1\}//p' "$0"
  exit 0
fi

install_missing
cargo build --quiet -p otpost -p bench
target="${CARGO_TARGET_DIR:-target}/debug"
bench() { "$target/bench" --otpost "$target/otpost" "$@"; }
# Each as far as it gets: one that fails does not hide the others.
failed=0
if [ $# -eq 0 ]; then
  bench failover || failed=1
  bench guesses --home sqlite --rounds 5 || failed=1
  bench guesses --home postgres --rounds 5 || failed=1
fi
bench faults "${@:-all}" --short --untimed --seconds "${SECONDS_PER_FAULT:-8}" \
  --rate "${RATE:-12}" --rounds "${ROUNDS:-10}" --jobs "${JOBS:-3}" || failed=1
exit "$failed"

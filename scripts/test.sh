#!/usr/bin/env bash
# Runs every test, on SQLite with memory and on Postgres with Redis, and skips none. Installs
# what is missing, starts private services, stops them again, and ends with a count.
# Arguments go to `cargo test`: ./scripts/test.sh -p otpost-shared check
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/services.sh

if [ "${1:-}" = "--help" ] || [ "${1:-}" = "-h" ]; then
  sed -n '2,4s/^# //p' "$0"
  exit 0
fi

trap stop_services EXIT
start_services

# The tests of the command run the real thing, with all that is optional.
cargo build --quiet -p otpost --features smpp
log="$services/tests.log"
status=0
# With --workspace cargo would not look at a package that is named.
scope=(--workspace)
case " $* " in *" -p "* | *" --package "*) scope=() ;; esac
cargo test "${scope[@]}" --all-features --no-fail-fast "$@" 2>&1 | tee "$log" || status=$?

count() { grep -Eo "[0-9]+ $1" "$log" | awk '{sum += $1} END {print sum + 0}'; }
passed=$(count passed)
failed=$(count failed)
skipped=$(count ignored)
if [ "$status" -eq 0 ] && { [ "$passed" -eq 0 ] || [ "$skipped" -ne 0 ]; }; then
  say "no test ran, or some were skipped"
  status=1
fi
printf '\n%s passed, %s failed, %s skipped\n' "$passed" "$failed" "$skipped" |
  tee "${CARGO_TARGET_DIR:-target}/tests.count"
exit "$status"

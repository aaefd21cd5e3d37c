#!/usr/bin/env bash
# Writes the generated pages of docs/; with --check only says whether they are up to date.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo build --quiet -p otpost
otpost="${CARGO_TARGET_DIR:-target}/debug/otpost"
status=0
generate() {
  local file="docs/$1" kind="$2" fresh
  fresh=$(mktemp)
  "$otpost" reference "$kind" >"$fresh"
  if [ "${check:-}" ]; then
    if ! cmp -s "$fresh" "$file"; then
      echo "$file is out of date; run ./scripts/generate.sh" >&2
      status=1
    fi
  else
    cp "$fresh" "$file"
  fi
  rm -f "$fresh"
}
[ "${1:-}" != "--check" ] || check=1
generate openapi.json openapi
generate configuration.md configuration
generate errors.md errors
exit "$status"

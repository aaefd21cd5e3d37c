#!/usr/bin/env bash
# Goes through the hosted page with a real browser, by keyboard alone, and asks axe what a screen reader would
# meet. Installs Chromium, Node and two packages if they are missing (on Debian).
# Screenshots are kept where it is told to: SHOTS=/tmp/shots ./scripts/page.sh
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/services.sh

if [ "${1:-}" = "--help" ] || [ "${1:-}" = "-h" ]; then
  sed -n '2,4s/^# //p' "$0"
  exit 0
fi

missing=()
command -v chromium >/dev/null || missing+=(chromium fonts-noto-core)
command -v node >/dev/null || missing+=(nodejs)
command -v npm >/dev/null || missing+=(npm)
install_packages "${missing[@]}"
target="${CARGO_TARGET_DIR:-target}"
export MODULES="$target/page"
mkdir -p "$MODULES"
MODULES=$(cd "$MODULES" && pwd)
npm install --prefix "$MODULES" --no-save --silent --no-audit --no-fund playwright-core@1.65.1 axe-core@4.14.1
cargo build --quiet -p otpost
OTPOST="$target/debug/otpost" node scripts/page.mjs

#!/bin/sh
# The web part: packages from the lock file, types, lint, unit tests, the tests against the real
# server, examples, size budgets. Ends with one line; fails where a part failed.
#
#   scripts/web.sh [BINARY]       from the top of the tree; default: target/debug/greenroom
#
# The binary must be built already.
set -eu
cd "$(dirname -- "$0")/.."

GREENROOM=$PWD/${1:-target/debug/greenroom}
export GREENROOM
[ -x "$GREENROOM" ] || { echo "web: there is no $GREENROOM; cargo build --bin greenroom" >&2; exit 1; }
sh scripts/web-packages.sh
cd web
began=$(date +%s)
npm run --silent build
npm run --silent types
npm run --silent lint
npm run --silent size
npm run --silent test
npm run --silent test:server
npm run --silent examples
echo "web: all good, $(($(date +%s) - began)) s"

#!/bin/sh
# The browser suite: the app in Chromium against target/debug/greenroom with the real speech model.
# Arguments go to web/e2e/run.mjs: --repeat N, --only WORD, --first. SHOTS names a folder for
# pictures of every state.
set -eu
cd "$(dirname -- "$0")/.."

if ! command -v node >/dev/null 2>&1; then
    echo "e2e: Node 20.19 or later is needed" >&2
    exit 1
fi
sh scripts/web-packages.sh
exec node web/e2e/run.mjs "$@"

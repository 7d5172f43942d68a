#!/bin/sh
# Builds the web app and packs it into crates/api/app, from where the next cargo build takes it into
# the program. Without Node it says so and ends well: the program works without the app.
set -eu
cd "$(dirname -- "$0")/.."

say() { printf 'app: %s\n' "$*" >&2; }
if ! command -v node >/dev/null 2>&1 || ! command -v npm >/dev/null 2>&1; then
    say "Node 20.19 or later is needed for the web app; going on without it"
    exit 0
fi
# What it is made of, so that nothing is built twice.
made=crates/api/app/.made
now=$({ find web/app web/packages/client/src web/packages/react/src crates/coach/templates -type f \
    -not -path '*/node_modules/*' -not -path '*/dist/*' -exec cat {} +; cat web/package-lock.json; } |
    sha256sum)
if [ -f "$made" ] && [ "$(cat "$made")" = "$now" ]; then
    exit 0
fi
sh scripts/web-packages.sh
(cd web/app && npx --no-install vite build --logLevel warn)
printf '%s\n' "$now" >"$made"
say "built; the next cargo build takes it in"

#!/bin/sh
# Installs the real clients that crates/server/tests/clients lets loose on the server, from the
# lock file and the pinned list in tests/clients, and what tries out the HTTP API by its description,
# from the list in tests/api; unless they are there already.
set -eu
cd "$(dirname -- "$0")/../tests/clients"

stamp=node_modules/.greenroom-lock
if ! { [ -f "$stamp" ] && cmp -s package-lock.json "$stamp"; }; then
    command -v npm >/dev/null 2>&1 || { echo "clients: npm is needed (Node 20 or later)" >&2; exit 1; }
    npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2
    cp package-lock.json "$stamp"
fi
for folder in . ../api; do
    stamp=$folder/.venv/.greenroom-lock
    if ! { [ -f "$stamp" ] && cmp -s "$folder/requirements.txt" "$stamp"; }; then
        python3 -m venv "$folder/.venv" || { echo "clients: python3 with venv is needed" >&2; exit 1; }
        "$folder/.venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps \
            -r "$folder/requirements.txt" >&2
        cp "$folder/requirements.txt" "$stamp"
    fi
done

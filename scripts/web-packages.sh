#!/bin/sh
# Installs the packages of web/ from its lock file, unless they are there already. No package runs
# a program of its own while it is installed.
set -eu
cd "$(dirname -- "$0")/../web"

command -v npm >/dev/null 2>&1 || {
    echo "web: npm is needed (Node 20.19 or later)" >&2
    exit 1
}
stamp=node_modules/.greenroom-lock
if [ -f "$stamp" ] && cmp -s package-lock.json "$stamp"; then
    exit 0
fi
npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2
cp package-lock.json "$stamp"

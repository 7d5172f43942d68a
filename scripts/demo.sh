#!/bin/sh
# One whole interview: starts the server in a temporary folder and lets a real client take part
# with recordings of people. On a terminal the server stays up until Ctrl-C, to look at the report.
set -eu
cd "$(dirname "$0")/.."

bin=${GREENROOM:-target/release/greenroom}
austen=/usr/share/pocketsphinx/test/data/librivox/sense_and_sensibility_01_austen_64kb-0870.wav
folder=$(mktemp -d)
server=

stop() {
    trap - EXIT INT TERM
    if [ -n "$server" ]; then
        kill "$server" 2>/dev/null || true
        wait "$server" 2>/dev/null || true
    fi
    rm -rf "$folder"
}
trap stop EXIT
trap 'exit 130' INT TERM

# 8080 if it is free, else any port.
port=$(python3 - <<'PY'
import socket
for port in (8080, 0):
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind(("127.0.0.1", port))
        except OSError:
            continue
        print(s.getsockname()[1])
        break
PY
)
url=http://127.0.0.1:$port
JWT_SECRET=$(head -c 48 /dev/urandom | base64 | tr -d '\n')
export JWT_SECRET

"$bin" serve --dev --listen "127.0.0.1:$port" --data "$folder/data" >"$folder/server.log" 2>&1 &
server=$!

python3 - "$url/readyz" "$server" <<'PY' || { cat "$folder/server.log" >&2; exit 1; }
import os, sys, time, urllib.request
url, server = sys.argv[1], int(sys.argv[2])
limit = time.monotonic() + 30
while time.monotonic() < limit:
    try:
        urllib.request.urlopen(url, timeout=2).read()
        sys.exit(0)
    except OSError:
        pass
    try:
        os.kill(server, 0)
    except ProcessLookupError:
        sys.exit("the server ended:")
    time.sleep(0.05)
sys.exit("the server was not ready within 30 s:")
PY

token=$("$bin" token --user ana --role candidate --session demo)
"$bin" interview --url "$url" --token "$token" --session demo --plan practice \
    --audio "$austen" \
    --audio models/recordings/two_cities.wav \
    --audio models/recordings/beckett.wav

if [ -t 1 ] && [ -z "${CI:-}" ]; then
    echo
    echo "The server is still running. The report as a page:"
    echo "  $url/reports/demo?token=$token"
    echo "Ctrl-C stops it."
    wait "$server"
fi

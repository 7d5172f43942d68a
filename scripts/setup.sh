#!/bin/sh
# Makes a machine ready to build, test and run. Safe to repeat: what is there is left alone, and a
# second run takes a moment.
#
#   scripts/setup.sh
#
# Ends 0 when everything is there; 3 when all but the speech model, the recordings, Node or the
# official clients is there (everything but speech or the web part works then, and tests say what
# they lack); 1 otherwise. Says what to do in both cases.
set -eu
cd "$(dirname -- "$0")/.."

say() { printf 'setup: %s\n' "$*" >&2; }
has() { command -v "$1" >/dev/null 2>&1; }
lacks=0

# --- System packages -------------------------------------------------------------------------
# make and a C compiler build the database; pip fetches the speech model; the recordings are
# people reading aloud, used by the demonstration and by tests.
RECORDINGS=pocketsphinx-testdata
wanted=
{ has cc && has c++; } || wanted="$wanted build-essential"
{ has python3 && python3 -m pip --version >/dev/null 2>&1; } || wanted="$wanted python3 python3-pip"
# The official clients for Python, which tests let loose on the server.
{ has python3 && python3 -c 'import ensurepip' 2>/dev/null; } || wanted="$wanted python3-venv"
# Faults that tests make: system calls that fail, a wall clock that jumps.
has strace || wanted="$wanted strace"
[ -e /usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1 ] || wanted="$wanted libfaketime"
recordings=no
has dpkg-query && dpkg-query -W -f='${Status}' "$RECORDINGS" 2>/dev/null | grep -q ' installed' &&
    recordings=yes
[ "$recordings" = yes ] || wanted="$wanted $RECORDINGS"
# The browser the app is tested in, and one of the real clients. What needs it fails without it.
BROWSER=chromium
has "$BROWSER" || wanted="$wanted $BROWSER"

if [ -n "$wanted" ] && has apt-get && [ "$(id -u)" -eq 0 ]; then
    say "installing$wanted"
    export DEBIAN_FRONTEND=noninteractive
    # shellcheck disable=SC2086 # a list of names
    { apt-get install -y -q $wanted || { apt-get update -q && apt-get install -y -q $wanted; }; } \
        </dev/null >&2 || say "apt-get could not install all of:$wanted"
elif [ -n "$wanted" ]; then
    say "missing:$wanted"
    say "on Debian or Ubuntu: sudo apt-get install$wanted"
fi

has cc || { say "a C compiler is needed to build the database"; exit 1; }
if ! { has dpkg-query &&
    dpkg-query -W -f='${Status}' "$RECORDINGS" 2>/dev/null | grep -q ' installed'; }; then
    say "without $RECORDINGS some recordings of speech are missing"
    lacks=3
fi

has "$BROWSER" || say "without $BROWSER make e2e, make screenshots and two tests of real clients do not run"

# --- Rust ------------------------------------------------------------------------------------
if ! has cargo; then
    say "Rust is needed: install rustup from your system's packages or from rustup.rs"
    exit 1
fi
needed=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
found=$(rustc --version | awk '{ print $2 }')
oldest=$(printf '%s\n%s\n' "$needed" "$found" | sort -V | head -n 1)
if [ "$oldest" != "$needed" ]; then
    say "Rust $needed or later is needed, this is $found: rustup update stable"
    exit 1
fi
if ! cargo fmt --version >/dev/null 2>&1 || ! cargo clippy --version >/dev/null 2>&1; then
    if has rustup; then
        say "adding rustfmt and clippy"
        rustup component add rustfmt clippy >&2 || say "rustup could not add rustfmt and clippy"
    else
        say "make test needs rustfmt and clippy; install them as you installed Rust"
    fi
fi
if ! cargo fetch --locked --quiet --offline 2>/dev/null; then
    say "fetching crates"
    cargo fetch --locked >&2 || { say "the crates could not be fetched; check the network"; exit 1; }
fi

# --- The web part ----------------------------------------------------------------------------
# Client library, hooks and app are TypeScript; the server itself is built without Node.
if ! has npm && has apt-get && [ "$(id -u)" -eq 0 ]; then
    say "installing nodejs npm"
    DEBIAN_FRONTEND=noninteractive apt-get install -y -q nodejs npm </dev/null >&2 ||
        say "apt-get could not install nodejs and npm"
fi
if has npm && node -e 'const [a, b] = process.versions.node.split(".").map(Number)
process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)'; then
    sh scripts/web-packages.sh || { say "the packages of web/ could not be installed"; lacks=3; }
else
    say "Node 20.19 or later with npm is needed for what is in web/"
    lacks=3
fi

# --- The official clients --------------------------------------------------------------------
if ! sh scripts/clients.sh; then
    say "without the official clients their tests fail; run make setup again to get them"
    lacks=3
fi

# --- The speech model ------------------------------------------------------------------------
# Sizes tell whether a look at every hash is needed; the server checks the hashes before it uses
# the model in any case.
complete() {
    [ -r crates/speech/models.lock ] || return 1
    while read -r kind target bytes _; do
        [ "$kind" = file ] || continue
        [ -f "models/$target" ] && [ "$(wc -c <"models/$target")" -eq "$bytes" ] || return 1
    done <crates/speech/models.lock
}
if ! complete; then
    if ! sh scripts/models.sh models; then
        say "going on without speech; run make setup again to get it"
        lacks=3
    fi
fi

if [ "$lacks" -eq 0 ]; then
    say "everything is there"
fi
exit "$lacks"

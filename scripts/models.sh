#!/bin/sh
# Gets the speech model, its runtime library and two recordings, and puts them in DIR.
#
#   scripts/models.sh DIR [WHEEL]
#
# With WHEEL, a copy of the pinned package fetched by other means, nothing is downloaded.
# What is fetched is pinned in crates/speech/models.lock: one wheel, checked by SHA-256 before it
# is opened, and every file taken out of it checked again before it is placed by a rename.
# A second run only verifies. Needs python3; pip is found or, for root on Debian, installed.
set -eu

say() { printf '%s\n' "$*" >&2; }
fail() { say "models: $1"; shift; for line in "$@"; do say "        $line"; done; exit 1; }

[ $# -eq 1 ] || [ $# -eq 2 ] || fail "usage: scripts/models.sh DIR [WHEEL]"
dir=$1
given=${2:-}
[ -z "$given" ] || [ -f "$given" ] || fail "there is no file $given"
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
lock=$here/../crates/speech/models.lock
[ -r "$lock" ] || fail "cannot read the list of pinned files at $lock" "run this script from a complete checkout"

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else return 1; fi
}

install_debian() {
    command -v apt-get >/dev/null 2>&1 || return 1
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q "$@" >&2 ||
        { as_root apt-get update -q >&2 &&
            as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q "$@" >&2; }
}

if ! command -v python3 >/dev/null 2>&1; then
    say "models: python3 is missing, installing it"
    install_debian python3 python3-pip ||
        fail "python3 is needed to unpack the speech model" \
            "install python3 and pip (Debian: apt-get install python3 python3-pip), then run this again"
fi

# python3 does the checking and the placing, so no other tool has to be there.
files() { python3 - "$1" "$lock" "$dir" "${2:-}" <<'PY'
import hashlib, os, sys, tempfile, zipfile

mode, lock, target_dir, wheel = sys.argv[1:5]
wheels, files = [], []
with open(lock, encoding="utf-8") as handle:
    for line in handle:
        part = line.split()
        if not part or part[0].startswith("#"):
            continue
        if part[0] == "wheel":
            wheels.append(part[1:])
        elif part[0] == "file":
            files.append((part[1], int(part[2]), part[3], part[4]))


def stop(*lines):
    for index, line in enumerate(lines):
        print(("models: " if index == 0 else "        ") + line, file=sys.stderr)
    sys.exit(1)


def digest(path):
    total = hashlib.sha256()
    with open(path, "rb") as handle:
        for block in iter(lambda: handle.read(1 << 20), b""):
            total.update(block)
    return total.hexdigest()


def placed(name, size, sha):
    path = os.path.join(target_dir, name)
    return os.path.isfile(path) and os.path.getsize(path) == size and digest(path) == sha


missing = [entry for entry in files if not placed(*entry[:3])]
if mode == "verify":
    sys.exit(1 if missing else 0)

_, size, sha, name = wheels[0]
if os.path.getsize(wheel) != int(size) or digest(wheel) != sha:
    stop(
        "the downloaded package is not the one that was pinned; nothing was installed",
        "file:     " + os.path.basename(wheel),
        "expected: sha256 " + sha,
        "found:    sha256 " + digest(wheel),
        "try again; if it stays so, your package index serves something else",
    )
try:
    with zipfile.ZipFile(wheel) as archive:
        for name, size, sha, member in missing:
            path = os.path.join(target_dir, name)
            os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
            body = archive.read(member)
            if len(body) != size or hashlib.sha256(body).hexdigest() != sha:
                stop("%s in the package is not the pinned file; nothing was placed for it" % member)
            handle, partial = tempfile.mkstemp(prefix=".partial-", dir=os.path.dirname(path))
            try:
                with os.fdopen(handle, "wb") as out:
                    out.write(body)
                    out.flush()
                    os.fsync(out.fileno())
                os.chmod(partial, 0o644)
                os.replace(partial, path)
            except BaseException:
                os.unlink(partial)
                raise
            print("  %-28s %6.1f MB  checked" % (name, size / 1e6), file=sys.stderr)
except OSError as error:
    stop("cannot write to %s: %s" % (target_dir, error), "free some space or choose another folder")
PY
}

if files verify; then
    say "models: all files in $dir are in place and checked"
    exit 0
fi

machine=$(uname -s)-$(uname -m)
[ "$machine" = Linux-x86_64 ] ||
    fail "the speech model's runtime is pinned for Linux on x86_64 only, and this is $machine" \
        "everything but speech works without it"

place() {
    mkdir -p "$dir" || fail "cannot create $dir"
    say "models: placing files in $dir"
    files install "$1"
    say "models: done"
}

if [ -n "$given" ]; then
    place "$given"
    exit 0
fi

pip=
find_pip() {
    for candidate in "python3 -m pip" pip3 pip; do
        # Unquoted on purpose: the candidate may be a command with arguments.
        if $candidate --version >/dev/null 2>&1; then pip=$candidate; return 0; fi
    done
    return 1
}
if ! find_pip; then
    say "models: pip is missing, trying to install it"
    install_debian python3-pip || true
    find_pip || fail "pip is needed to download the speech model" \
        "install it (Debian: apt-get install python3-pip), then run this again"
fi

package=$(awk '$1 == "package" { print $2 "==" $3 }' "$lock")
platform=$(awk '$1 == "wheel" { print $2; exit }' "$lock")
sha=$(awk '$1 == "wheel" { print $4; exit }' "$lock")
wheel_name=$(awk '$1 == "wheel" { print $5; exit }' "$lock")
megabytes=$(awk '$1 == "wheel" { printf "%d", $3 / 1000000; exit }' "$lock")

temporary=$(mktemp -d "${TMPDIR:-/tmp}/models.XXXXXX")
trap 'rm -rf "$temporary"' EXIT
trap 'exit 130' INT TERM
printf '%s --hash=sha256:%s\n' "$package" "$sha" >"$temporary/requirements.txt"

say "models: downloading $package ($megabytes MB)"
$pip download --no-deps --only-binary=:all: --python-version 3.11 --platform "$platform" \
    --require-hashes --disable-pip-version-check --no-input --timeout 60 --retries 3 \
    --dest "$temporary" -r "$temporary/requirements.txt" >&2 ||
    fail "the download failed" \
        "check the network, or point pip at an index you can reach (PIP_INDEX_URL), and run this again" \
        "or fetch $wheel_name by other means and run: $0 $dir FILE"
[ -f "$temporary/$wheel_name" ] || fail "pip did not leave $wheel_name where it was asked to"

place "$temporary/$wheel_name"

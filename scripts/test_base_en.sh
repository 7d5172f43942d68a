#!/bin/sh
# Tests of the second speech model, which is in FOLDER/base-en already.
#
#   scripts/test_base_en.sh FOLDER [PACKAGE]
#
# One recording that sends this model round in circles comes in the package of the other model and
# is not installed with it, so that package is fetched once more; with PACKAGE, it is there.
set -eu
cd "$(dirname -- "$0")/.."
lock=crates/speech/models.lock
models=$(CDPATH='' cd -- "$1" && pwd)
temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT
trap 'exit 130' INT TERM

package=${2:-}
if [ -z "$package" ]; then
    awk '$1 == "package" { line = $2 "==" $3 } $1 == "wheel" { print line " --hash=sha256:" $4; exit }' \
        "$lock" >"$temporary/wanted"
    python3 -m pip download --no-deps --only-binary=:all: --python-version 3.11 --require-hashes \
        --platform "$(awk '$1 == "wheel" { print $2; exit }' "$lock")" --quiet --no-input \
        --disable-pip-version-check --dest "$temporary" -r "$temporary/wanted"
    package=$temporary/$(awk '$1 == "wheel" { print $5; exit }' "$lock")
fi
python3 - "$package" "$temporary/quarrel.wav" <<'PY'
import sys, zipfile
package, target = sys.argv[1:]
with zipfile.ZipFile(package) as archive, open(target, "wb") as out:
    out.write(archive.read("moonshine_voice/assets/endgame_nagg_nell.wav"))
PY
GREENROOM_MODELS=$models GREENROOM_QUARREL=$temporary/quarrel.wav \
    cargo test --locked -p speech --features base-en --test base_en -- --nocapture

#!/bin/sh
# make test: format, lints, every test, the web part, simulated worlds, a browser. Goes on after a
# failure, so that one run shows all there is to mend, and ends with one line that says how it went.
set -u
cd "$(dirname -- "$0")/.."

WORLDS=${WORLDS:-50000}
SEED=${SEED:-1}
# Written where cargo's own files are: never in the way of a commit.
log=target/test.log
mkdir -p target
began=$(date +%s)
failed=
# Rebuilding after an edit is for people; here it would only cost time and disk.
[ -z "${CI:-}" ] || export CARGO_INCREMENTAL=0

step() {
    name=$1
    shift
    printf '\n== %s\n' "$name"
    at=$(date +%s)
    if "$@"; then
        printf '== %s: ok, %s s\n' "$name" $(($(date +%s) - at))
    else
        printf '== %s: FAILED\n' "$name"
        failed="$failed $name"
    fi
}

tests() {
    # A pipe would hide cargo's exit code from plain sh.
    { cargo test --locked --workspace --no-fail-fast 2>&1; echo $? >target/test.code; } | tee "$log"
    [ "$(cat target/test.code)" -eq 0 ]
}

worlds() {
    cargo build --locked --workspace --bin sim && target/debug/sim --worlds "$WORLDS" --seed "$SEED"
}

# One whole interview in a real browser, axe on every page of it.
browser() {
    sh scripts/app.sh && cargo build --locked --workspace --bin greenroom && sh scripts/e2e.sh --first
}

step format cargo fmt --all --check
step lints cargo clippy --locked --workspace --all-targets -- -D warnings
step tests tests
step web sh scripts/web.sh target/debug/greenroom
step simulation worlds
step browser browser

passed=$(awk '/^test result:/ { n += $4 } END { print n + 0 }' "$log")
broken=$(awk '/^test result:/ { n += $6 } END { print n + 0 }' "$log")
seconds=$(($(date +%s) - began))
took="$((seconds / 60)) min $((seconds % 60)) s"
if [ "$passed" -eq 0 ]; then
    failed="$failed no-test-ran"
fi
if [ -n "$failed" ]; then
    grep -E '^test .* FAILED$' "$log"
    printf '\nFAILED:%s. %s tests passed, %s failed; %s.\n' "$failed" "$passed" "$broken" "$took"
    exit 1
fi
printf '\nAll good: %s tests, %s worlds; %s.\n' "$passed" "$WORLDS" "$took"

#!/bin/sh
# make fuzz: every decoder under libFuzzer, on the stable compiler. Coverage comes from the
# compiler's own flags; a counting heap (fuzz/lib.rs) takes the place of a sanitizer's. Prints the
# seed, executions and executions a second of each, and ends non-zero at the first crash, whose
# input lies in fuzz/artifacts: give it a name in fuzz/corpus together with the fix.
#
#   RUNS=10000000 SEED=1 TARGETS="ws_receive wav" scripts/fuzz.sh
set -eu
cd "$(dirname -- "$0")/.."

RUNS=${RUNS:-10000000}
SEED=${SEED:-$(date +%s)}
TARGETS=${TARGETS:-$(ls fuzz/corpus)}
# Inputs up to this length; two bodies compare with a model after every step, so that longer ones
# cost them more than they find: 256 bytes are 128 operations on an outbox, or 128 packets of a poll.
MAX_LEN=${MAX_LEN:-}
JOBS=${JOBS:-2}

command -v c++ >/dev/null 2>&1 || { echo "fuzz: a C++ compiler is needed: run make setup" >&2; exit 1; }
host=$(rustc -vV | sed -n 's/^host: //p')
coverage="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4
 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table
 -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1"
# shellcheck disable=SC2086 # a list of flags
RUSTFLAGS=$(echo $coverage) cargo build --locked --release --target "$host" --manifest-path fuzz/Cargo.toml --target-dir fuzz/target

one() {
    found=fuzz/target/found/$1
    log=fuzz/target/$1.log
    mkdir -p "$found" fuzz/artifacts
    case $1 in
    outbox | polling_body) longest=${MAX_LEN:-256} ;;
    *) longest=${MAX_LEN:-1024} ;;
    esac
    if "fuzz/target/$host/release/$1" -runs="$RUNS" -seed="$SEED" -max_len="$longest" -timeout=10 \
        -rss_limit_mb=1024 -print_final_stats=1 -verbosity=0 -artifact_prefix="fuzz/artifacts/$1-" \
        "$found" "fuzz/corpus/$1" >"$log" 2>&1; then
        awk -v name="$1" '
            /number_of_executed_units/ { runs = $2 }
            /average_exec_per_sec/ { rate = $2 }
            /peak_rss_mb/ { rss = $2 }
            END { printf "fuzz: %-16s %10d executions, %7d a second, %4d MiB at most\n", name, runs, rate, rss }
        ' "$log"
    else
        tail -n 40 "$log"
        printf 'fuzz: %-16s FAILED with SEED=%s, see %s\n' "$1" "$SEED" "$log"
        return 1
    fi
}

printf 'fuzz: seed %s, %s executions each\n' "$SEED" "$RUNS"
began=$(date +%s)
code=0
running=0
pids=
for target in $TARGETS; do
    one "$target" &
    pids="$pids $!"
    running=$((running + 1))
    if [ "$running" -ge "$JOBS" ]; then
        for pid in $pids; do wait "$pid" || code=1; done
        pids=
        running=0
    fi
done
for pid in $pids; do wait "$pid" || code=1; done
printf 'fuzz: %s s; %s\n' $(($(date +%s) - began)) "$([ $code -eq 0 ] && echo 'no crash' || echo FAILED)"
exit $code

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# fuzz.sh [NAME ...] - fuzz each target (default: all) for FUZZ_SECONDS (60), starting from tests/fuzz/corpus/NAME.
#
# As many targets run at once as there are processors. What a run discovers goes to a temporary corpus and is forgotten; an
# input that breaks something stays in build-fuzz/crashes/ and this program fails. To see it again:
#     build-fuzz/tests/fuzz/fuzz_NAME build-fuzz/crashes/NAME-crash-...
# With the mend, the input moves to tests/fuzz/corpus/NAME/, where every build replays it.
set -eu

cd "$(dirname "$0")/.."
build=build-fuzz
crashes=$build/crashes

fuzz_one() {
    name=$1
    found=$(mktemp -d)
    log=$build/$name.log
    dictionary=
    if [ -f "tests/fuzz/$name.dict" ]; then dictionary=-dict=tests/fuzz/$name.dict; fi

    # shellcheck disable=SC2086  # no dictionary, no argument
    if "$build/tests/fuzz/fuzz_$name" -max_total_time="${FUZZ_SECONDS:-60}" -timeout=10 -rss_limit_mb=1024 \
        -print_final_stats=1 -artifact_prefix="$crashes/$name-" $dictionary \
        "$found" "tests/fuzz/corpus/$name" >"$log" 2>&1
    then
        runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
        echo "$name: $runs runs, $(ls "$found" | wc -l) new inputs"
        result=0
    else
        grep -E 'ERROR|does not hold|runtime error|SUMMARY|Test unit written|^ +#[0-9] ' "$log" | head -30
        echo "FAILED $name; all of it is in $log"
        result=1
    fi
    rm -rf "$found"
    return $result
}

if [ "${1:-}" = --one ]; then
    fuzz_one "$2"
    exit
fi

if [ $# = 0 ]; then
    for source in tests/fuzz/fuzz_*.c; do
        name=$(basename "$source" .c)
        if [ "$name" != fuzz_main ]; then set -- "$@" "${name#fuzz_}"; fi
    done
fi
if [ ! -f $build/build.ninja ]; then CC=clang meson setup $build -Dfuzzer=true >/dev/null; fi
mkdir -p $crashes
for name; do echo "tests/fuzz/fuzz_$name"; done | xargs ninja -C $build --quiet
# xargs fails when one of them does.
printf '%s\n' "$@" | xargs -n 1 -P "$(nproc)" tools/fuzz.sh --one

#!/bin/sh
# Fuzzes under AddressSanitizer and UndefinedBehaviorSanitizer, in 256 MiB and with one second for
# an input:
#
#   tools/fuzz.sh <target | all> <seconds for each target>
#
# Starts from the seeds that the tests make and from tests/fuzz/corpus/<target>, keeps what it finds
# worth keeping in build/fuzz/<target> for the next time, and puts what fails into
# build/fuzz/failures/<target>-*. Exit status 1 when something failed.
set -eu
cd "$(dirname "$0")/.."

if [ $# -ne 2 ]; then
    sed -n 's/^#   /usage: /p' "$0" >&2
    exit 2
fi
seconds=$2
programs=build/linux-asan/tests/fuzz
[ -d "$programs" ] || cmake --preset linux-asan >/dev/null
cmake --build --preset linux-asan >/dev/null
mkdir -p build/fuzz/failures
"$programs/fuzz_seeds" build/fuzz/seeds

targets=$1
if [ "$targets" = all ]; then
    targets=$(cd "$programs" && ls | sed -n 's/^fuzz_\(.*\)_regression$/\1/p')
fi

# A sanitizer's own memory counts, too: little of what was freed is kept back.
ASAN_OPTIONS=quarantine_size_mb=8:allocator_may_return_null=1:detect_leaks=1
export ASAN_OPTIONS
failed=0
for target in $targets; do
    work=build/fuzz/$target
    mkdir -p "$work"
    set -- "$work"
    for folder in "build/fuzz/seeds/$target" "tests/fuzz/corpus/$target"; do
        [ -d "$folder" ] && set -- "$@" "$folder"
    done
    echo "fuzz_$target: $seconds seconds"
    if ! "$programs/fuzz_$target" -max_total_time="$seconds" -rss_limit_mb=256 -timeout=1 \
        -max_len=196608 -len_control=0 -print_final_stats=1 -verbosity=1 \
        -artifact_prefix="build/fuzz/failures/$target-" "$@" >"$work.log" 2>&1; then
        failed=1
        echo "fuzz_$target: FAILED, see $work.log"
        grep -E "does not hold|ERROR|SUMMARY|runtime error|Test unit written" "$work.log" || true
    fi
    sed -n 's/^stat::number_of_executed_units: */  executions: /p' "$work.log"
done
exit $failed

#!/usr/bin/env bash
# All tests, from nothing: installs what they need, builds with gcc and clang, runs the unit tests under
# ASan+UBSan and the threaded ones under TSan, then everything that talks to real peers.
# The last line is "N passed, N failed".
set -uo pipefail
cd "$(dirname "$0")/.."
. deploy/packages.sh
results=$PWD/build/results
rm -rf "$results"
mkdir -p "$results"
failed=()

# shellcheck disable=SC2086
install_packages $BUILD_PACKAGES $TEST_PACKAGES
make_venv .venv/tests tests/requirements.txt
make_venv .venv/phoenix deploy/demo/phoenix.txt

try() { # LOG COMMAND…: what cannot be installed here is skipped by its tests, which quote the log
    local log=$1
    shift
    "$@" 2> "$log" || { echo "left out: $*"; tail -n 1 "$log"; }
}

try .venv/frameworks.log make_venv .venv/frameworks tests/e2e/apps/frameworks.txt &
try .venv/instrumentors.log make_venv .venv/instrumentors tests/e2e/apps/requirements.txt
try tests/e2e/apps/vercel_ai/node_modules.log \
    make_node_modules .venv/instrumentors/bin tests/e2e/apps/vercel_ai
wait

build() { # PRESET DIRECTORY [CMAKE OPTION…]
    local preset=$1 directory=$2
    shift 2
    echo "building $directory"
    { cmake -C ".cmake/$preset.cmake" -B "build/$directory" -G Ninja "$@" . &&
        ninja -C "build/$directory"; } > "$results/$directory.log" 2>&1 && return
    grep -E 'error|FAILED' "$results/$directory.log" | head -n 20
    failed+=("build $directory")
}

unit() { # DIRECTORY PATTERN
    local program name
    for program in build/"$1"/tests/test_*; do
        name=$(basename "$program")
        [[ -x $program && -f $program && $name =~ $2 ]] || continue
        CMOCKA_MESSAGE_OUTPUT=xml CMOCKA_XML_FILE="$results/$1-$name.xml" \
            timeout 300 "$program" > "$results/$1-$name.log" 2>&1 && continue
        tail -n 30 "$results/$1-$name.log"
        # what cmocka wrote down is counted from its file; a crash writes nothing
        [ -s "$results/$1-$name.xml" ] && grep -q '<failure\|<error' "$results/$1-$name.xml" ||
            failed+=("$1 $name")
    done
}

ours() { git ls-files -z --cached --others --exclude-standard -- "$@"; } # as they are now

checked() { # NAME COMMAND…: fed with file names; what it prints when it fails is shown and counted
    local name=$1
    shift
    echo "checking: $name"
    "$@" > "$results/$name.log" 2>&1 && return
    grep -E '(error|warning):' "$results/$name.log" | sort -u | head -n 40
    failed+=("$name")
}

style() { # one file a process: clang-tidy 14 mixes up what it knows of several
    checked clang-format xargs -0 clang-format --dry-run -Werror < <(ours '*.c' '*.h')
    checked clang-tidy xargs -0 -n 1 -P "$(nproc)" clang-tidy -p build/clang --quiet < <(ours '*.c')
}

fuzz() { # TARGET…: from seeds out of the fixtures, briefly; a crash is a failure
    local target
    python3 tests/fuzz/seeds.py build/seeds
    for target in "$@"; do
        build/clang/tests/fuzz/fuzz_"$target" -max_total_time=20 -max_len=65536 -rss_limit_mb=4096 \
            -artifact_prefix="$results/" build/seeds/"$target" > "$results/fuzz_$target.log" 2>&1 || {
            tail -n 20 "$results/fuzz_$target.log"
            failed+=("fuzz_$target")
        }
    done
}

# tests/tsan_report.py tells whose the reports are; test_cache has a second process
mkdir "$results/tsan"
export TSAN_OPTIONS="exitcode=0 die_after_fork=0 log_path=$results/tsan/tsan"
build dev dev
unit dev '^test_'
echo "dialect fixtures, compared field by field:" # the unit test's own table
grep -h ' spans, .* passed' "$results/dev-test_llm_extract.log"
build dev clang -DCMAKE_C_COMPILER=clang # its UBSan sees what gcc's does not
style
unit clang '^test_'
fuzz reply replay extract config store
build tsan tsan
unit tsan '^test_(loop|store|net|llm_trace|pipeline)'
python3 tests/tsan_report.py "$results/tsan" || failed+=("TSan")
build release release

talk() { # NAME BINARY FOLDER…: what talks to real peers
    local name=$1
    export TRUSTSPAN_BIN=$PWD/build/$2/trustspan
    shift 2
    (cd tests && timeout 1200 ../.venv/tests/bin/python -m pytest -q -p no:cacheprovider --rootdir=. \
        --junitxml="$results/pytest-$name.xml" "$@") || {
        [ -s "$results/pytest-$name.xml" ] || failed+=("pytest $name")
    }
}

export TRUSTSPAN_TSAN_BIN=$PWD/build/tsan/trustspan PHOENIX_BIN=$PWD/.venv/phoenix/bin/phoenix
talk main release contract e2e/test_phoenix.py e2e/test_instrumentors.py
talk pipeline clang e2e --ignore=e2e/test_phoenix.py --ignore=e2e/test_instrumentors.py --ignore=e2e/apps
talk faults release faults
.venv/tests/bin/python tests/tally.py "$results" ${failed[@]+"${failed[@]}"}

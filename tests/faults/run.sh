#!/usr/bin/env bash
# Faults against a release build, and what must hold all the same. As root all of them, else those that need no rights.
#   tests/faults/run.sh 2h                               schedules by new seeds, and a summary
#   tests/faults/run.sh --seed N [--scorer tlm]          one schedule again
#   tests/faults/run.sh --kills 1000 --scorer local      SIGKILLs under load, and one table
set -euo pipefail
cd "$(dirname "$0")/../.."
[ -x build/release/trustspan ] || {
    cmake -C .cmake/release.cmake -B build/release -G Ninja . && ninja -C build/release
} >/dev/null
TRUSTSPAN_BIN=${TRUSTSPAN_BIN:-$PWD/build/release/trustspan} exec .venv/tests/bin/python tests/faults/run.py "$@"

"""Fault runs by hand; see run.sh."""

from __future__ import annotations

import argparse
import re
import secrets
import shutil
import sys
import tempfile
import time
from pathlib import Path

from driver import play, report

UNITS = {"s": 1, "m": 60, "h": 3600}


def seconds(text: str) -> int:
    found = re.fullmatch(r"(\d+)([smh])", text)
    if not found:
        raise argparse.ArgumentTypeError(f"'{text}' is no duration; write 30m or 2h")
    return int(found[1]) * UNITS[found[2]]


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests/faults/run.sh", description=__doc__)
    parser.add_argument("duration", nargs="?", type=seconds, default=0, help="new seeds until it is over: 2h")
    parser.add_argument("--seed", type=int, help="this schedule, once")
    parser.add_argument("--kills", type=int, default=0, help="so many SIGKILLs under load, instead of a schedule")
    parser.add_argument("--scorer", choices=("local", "tlm"), help="absent: tlm and local in turns")
    parser.add_argument("--steps", type=int, default=48)
    args = parser.parse_args()
    end, bad, runs = time.monotonic() + args.duration, [], 0
    while True:
        seed = secrets.randbelow(1 << 31) if args.seed is None else args.seed
        scorer = args.scorer or ("tlm", "local")[runs % 2]
        how = f"--kills {args.kills}" if args.kills else f"--steps {args.steps}"
        command = f"tests/faults/run.sh --scorer {scorer} {how} --seed {seed}"
        print(f"== {command}", flush=True)
        directory = Path(tempfile.mkdtemp(prefix="faults-"))
        begin = time.monotonic()
        run, violations = play(directory, scorer, seed, args.steps, args.kills,
                               lambda text: print(" ", text, flush=True))
        print(report(run, violations, command))
        print(f"{time.monotonic() - begin:10.0f}  seconds", flush=True)
        runs += 1
        if violations:
            bad.append(command)
            print(f"what it wrote: {directory}")
        else:
            shutil.rmtree(directory, ignore_errors=True)
        if time.monotonic() >= end:
            break
    print(f"{runs} runs, {len(bad)} with violations", *bad, sep="\n  ")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())

"""Which of TSan's reports are ours? tsan_report.py DIRECTORY prints them, and fails when there are any.

The distribution's libraries are not instrumented. What TSan sees of them all the same is every call of libc's that it
stands in for: memcpy, free, close, and pthread's locks. That is enough for libraries that lock with
pthread (libuv, libcurl, LMDB, libmicrohttpd): their threads, and callbacks of ours in them, are judged like our
own. It is not for gRPC, which synchronizes by atomics and futexes: there everything that one thread hands to
another looks like a race, on its memory and on ours.

So all is reported to files (log_path) and nothing ends the process (exitcode=0); here is told whose a report is.
Passed over is one that has gRPC or absl in the stacks of what was done, or nothing of ours. All else is ours. What
this hides: races of ours in which one side is a callback that gRPC calls, or gRPC's use of what we gave it.
Stacks that only say where a thread or a block came from do not count, so a thread that gRPC began may be ours."""

from __future__ import annotations

import re
import sys
from collections import Counter
from pathlib import Path

# Sections of a report that say where something came from, not what was done.
ORIGIN = re.compile(r"\s*(Location is|Thread T\d+|Mutex M\d+ \(.*\) created|Hint:|And the next|SUMMARY)")
FRAME = re.compile(r"^\s+#\d+ (.*)$", re.M)
RUNTIME = re.compile(r"libsanitizer|compiler-rt|\(libtsan\.so")
CANNOT_BE_SEEN_INTO = re.compile(r"\((\S*/)?lib(grpc|gpr|absl|address_sorting|upb)[^()]*\+0x")
OF_PROGRAM = re.compile(r"\((?![^()]*\.so[.\d]*\+0x)[^()\s]+\+0x")


def options(directory: Path) -> dict[str, str]:
    """The environment of a program whose reports are to be in this directory."""
    directory.mkdir(parents=True, exist_ok=True)
    return {"TSAN_OPTIONS": f"exitcode=0 die_after_fork=0 log_path={directory}/tsan"}


def done(report: str) -> list[str]:
    """The frames of what was done, without TSan's own."""
    out = []
    for section in re.split(r"\n\s*\n", report):
        if not ORIGIN.match(section.lstrip("\n")):
            out += [f for f in FRAME.findall(section) if not RUNTIME.search(f)]
    return out


def is_ours(report: str) -> bool:
    frames = done(report)
    if not frames:
        return True  # not understood: somebody must look at it
    return any(OF_PROGRAM.search(f) for f in frames) and not any(CANNOT_BE_SEEN_INTO.search(f) for f in frames)


def read(directory: Path) -> tuple[list[str], list[str]]:
    """Ours, and those of others."""
    text = "".join(p.read_text(errors="replace") for p in sorted(directory.glob("tsan.*")))
    text = re.sub(r"^ThreadSanitizer: reported \d+ warnings$", "", text, flags=re.M)
    reports = [r for r in re.split(r"^={18}$", text, flags=re.M) if "ThreadSanitizer" in r]
    return [r for r in reports if is_ours(r)], [r for r in reports if not is_ours(r)]


def main() -> int:
    ours, theirs = read(Path(sys.argv[1]))
    for report in ours:
        print(report)
    print(f"TSan: {len(ours)} reports of ours, {len(theirs)} of libraries")
    for summary, n in Counter(re.sub(r".*data race |\+0x\w+", "", r.strip().splitlines()[-1])[:100]
                              for r in theirs).most_common():
        print(f"  {n} x {summary}")
    return 1 if ours else 0


if __name__ == "__main__":
    sys.exit(main())

"""Two builds of trustspan in turns, row by row: is the new one slower? The load and the sink are the new build's
for both. Every round starts both programs afresh, first the one that was second before; of the rounds the
median counts, and beside it stand the least and the most. Nothing here passes or fails.

turns.py OLD_BUILD NEW_BUILD [MILLIONS_OF_SPANS] [ROUNDS]
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from run import ROWS, Trustspan, free_port, measure, memory, wait_port


def once(build: Path, tools: Path, sink: int, row: tuple, spans: int) -> dict:
    _, shape, storage, scorer = row
    with tempfile.TemporaryDirectory() as directory:
        t = Trustspan(build, sink, directory, storage, scorer)
        idle = memory(t.child.pid, "VmRSS")
        found = measure(tools, t.child.pid, t.port, shape, spans // (8 if shape == "small" else 1),
                        t.drained)
        t.child.terminate()
        t.child.wait()
        return {**found, "idle": idle}


def ratio(rounds: list[tuple[dict, dict]], key: str) -> str:
    found = sorted(new[key] / old[key] for old, new in rounds)
    return f"{statistics.median(found):5.2f} ({found[0]:.2f} to {found[-1]:.2f})"


def main() -> None:
    old, new = (Path(a).resolve() for a in sys.argv[1:3])
    spans = int(float(sys.argv[3] if len(sys.argv) > 3 else 1) * 1e6)
    count = int(sys.argv[4] if len(sys.argv) > 4 else 7)
    port = free_port()
    sink = subprocess.Popen([new / "tests/bench/bench_sink", str(port)], stdout=subprocess.DEVNULL)
    wait_port(port)
    print(f"{'new / old':<28}{'CPU a span':>22}{'spans/s':>22}{'peak':>22}{'idle':>22}")
    for row in ROWS:
        rounds = []
        for i in range(count):
            order = (old, new) if i % 2 == 0 else (new, old)
            found = {build: once(build, new, port, row, spans) for build in order}
            rounds.append((found[old], found[new]))
        print(f"{row[0]:<28}" + "".join(f"{ratio(rounds, k):>22}"
                                        for k in ("cpu", "spans/s", "peak", "idle")), flush=True)
    sink.terminate()


if __name__ == "__main__":
    main()

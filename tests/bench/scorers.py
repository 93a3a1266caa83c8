"""The scorers by themselves: local on one core, and 10,000 scores of tlm in flight beside the reference client
in the same run, against the same judge. Nothing here passes or fails.

scorers.py BUILD_DIRECTORY [PYTHON_WITH_THE_REFERENCE_CLIENT]
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path

from run import free_port, wait_port

HERE = Path(__file__).parent
LATENCY_MS, SCORES, PEER_SCORES = "500", "10000", "300"


def output(*argv: object) -> dict:
    done = subprocess.run([str(a) for a in argv], stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    build = Path(sys.argv[1]).resolve() / "tests/bench"
    peer = sys.argv[2] if len(sys.argv) > 2 else None
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    local = output(build / "bench_local")
    print(f"local, 2 kB prompt, 1 kB response      {local['records_per_cpu_second']:>8} records/s a core")
    print(f"local, and 2 kB of context             {local['with_context']:>8} records/s a core")
    port = free_port()
    judge = subprocess.Popen([sys.executable, HERE / "judge.py", str(port), LATENCY_MS])
    wait_port(port)
    rows = [(c, output(build / "bench_tlm", port, SCORES, c)) for c in (2048, 10000) if c < most]
    reference = output(peer, HERE / "tlm_peer.py", port, PEER_SCORES) if peer else None
    judge.terminate()
    for connections, r in rows:
        ratio = f"1/{reference['cpu_ms_per_score'] / r['cpu_ms_per_score']:.0f} of the reference client" \
            if reference else ""
        print(f"tlm, {SCORES} scores in flight over {connections:>5} connections  "
              f"{r['bytes_per_score'] / 1024:>5.1f} KiB a score, CPU {ratio}")


if __name__ == "__main__":
    main()

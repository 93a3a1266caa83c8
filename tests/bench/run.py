"""trustspan beside a bare gRPC-core sink, in one run: spans per second, CPU seconds per million spans,
peak memory, and what they are as ratios. Nothing here passes or fails.

run.py BUILD_DIRECTORY [MILLIONS_OF_SPANS]
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def memory(pid: int, row: str) -> float:
    text = Path(f"/proc/{pid}/status").read_text()
    return int(next(r for r in text.splitlines() if r.startswith(row)).split()[1]) / 1024


def wait_port(port: int) -> None:
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            time.sleep(0.02)
    sys.exit(f"nothing listens on {port}")


def load(build: Path, port: int, shape: str, spans: int, in_flight: int) -> dict:
    done = subprocess.run([build / "tests/bench/bench_load", str(port), shape, str(spans),
                           str(in_flight)], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def measure(build: Path, pid: int, port: int, shape: str, spans: int, drained) -> dict:
    load(build, port, shape, spans // 10, 8)  # warm
    drained()
    before = cpu_seconds(pid)
    result = load(build, port, shape, spans, 8)
    drained()
    return {"spans/s": result["spans"] / result["seconds"],
            "cpu": (cpu_seconds(pid) - before) / result["spans"] * 1e6,
            "peak": memory(pid, "VmHWM")}


class Trustspan:
    def __init__(self, build: Path, sink: int, directory: str, storage: str, scorer: str | None):
        self.port, self.metrics_port = free_port(), free_port()
        config = {
            "receivers": {"otlp": {"protocols": {"grpc": {
                "endpoint": f"127.0.0.1:{self.port}", "max_recv_msg_size_mib": 64}}}},
            "processors": {"trust": {"scorer": scorer}} if scorer else {},
            "exporters": {"otlp_grpc": {"endpoint": f"127.0.0.1:{sink}", "tls": {"insecure": True}}},
            "extensions": {"file_storage": {"directory": directory}},
            "service": {"storage": storage, "telemetry": {
                "metrics": {"endpoint": f"127.0.0.1:{self.metrics_port}"}},
                "pipelines": {"traces": {"receivers": ["otlp"], "exporters": ["otlp_grpc"],
                                         "processors": ["trust"] if scorer else []}}},
        }
        path = Path(directory) / "bench.yaml"
        path.write_text(json.dumps(config))
        self.child = subprocess.Popen([build / "trustspan", "run", "--config", path],
                                      stderr=subprocess.DEVNULL)
        wait_port(self.port)

    def drained(self) -> None:
        while True:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics") as page:
                rows = dict(r.rsplit(" ", 1) for r in page.read().decode().splitlines()
                            if r[:1] != "#")
            if rows["trustspan_batches"] == "0" and rows["trustspan_spool_requests"] == "0":
                return
            time.sleep(0.05)


# name, shape of the load, storage, scorer
ROWS = (
    ("forwarded, memory", "plain", "none", None),
    ("a: no LLM spans, memory", "plain", "none", "local"),
    ("b: one in ten, memory", "mix", "none", "local"),
    ("a: no LLM spans, durable", "plain", "file_storage", "local"),
    ("b: one in ten, durable", "mix", "file_storage", "local"),
    ("small requests, durable", "small", "file_storage", "local"),
)


def main() -> None:
    build = Path(sys.argv[1]).resolve()
    spans = int(float(sys.argv[2] if len(sys.argv) > 2 else 1) * 1e6)
    sink_port = free_port()
    sink = subprocess.Popen([build / "tests/bench/bench_sink", str(sink_port)],
                            stdout=subprocess.DEVNULL)
    wait_port(sink_port)
    rows = [("bare sink, " + shape, measure(build, sink.pid, sink_port, shape, n, lambda: None))
            for shape, n in (("plain", spans), ("mix", spans), ("small", spans // 8))]
    base = {name.split(", ")[1]: row for name, row in rows}
    for name, shape, storage, scorer in ROWS:
        with tempfile.TemporaryDirectory() as directory:
            t = Trustspan(build, sink_port, directory, storage, scorer)
            idle = memory(t.child.pid, "VmRSS")
            n = spans // 8 if shape == "small" else spans
            row = measure(build, t.child.pid, t.port, shape, n, t.drained)
            rows.append((f"{name}", {**row, "idle": idle, "shape": shape}))
            t.child.terminate()
            t.child.wait()
    sink.terminate()
    print(f"{'':<28}{'spans/s':>10}{'CPU s/M':>9}{'x sink':>8}{'peak MB':>9}{'idle MB':>9}")
    for name, r in rows:
        against = base[r.get("shape", name.split(", ")[-1])]["cpu"]
        print(f"{name:<28}{r['spans/s']:>10.0f}{r['cpu']:>9.2f}{r['cpu'] / against:>8.1f}"
              f"{r['peak']:>9.0f}{r.get('idle', 0):>9.0f}")


if __name__ == "__main__":
    main()

"""What the tests that talk to real peers share: processes on free ports, and how to wait for them."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TRUSTSPAN = os.environ.get("TRUSTSPAN_BIN", str(ROOT / "build/release/trustspan"))


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def http(url: str, body: object = None, timeout: float = 10) -> object:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=timeout) as reply:
        text = reply.read()
    return json.loads(text) if text[:1] in b"{[" else text.decode()


def wait_for(condition, seconds: float = 30, what: str = "it"):
    """The first true value that `condition` returns; exceptions of peers not yet up count as false."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            found = condition()
        except (OSError, urllib.error.URLError, KeyError):
            found = None
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"waited {seconds} s for {what} in vain")


class Process:
    """A child with its output in a file."""

    def __init__(self, name: str, argv: list[str], directory: Path, env: dict | None = None,
                 stdout: int | None = None):
        self.log_path = directory / f"{name}.log"
        self.log_file = self.log_path.open("ab")
        self.child = subprocess.Popen(argv, stdout=stdout or self.log_file, stderr=self.log_file,
                                      env={**os.environ, **(env or {})}, cwd=directory)

    def log(self) -> str:
        return self.log_path.read_text(errors="replace")

    def kill(self) -> None:
        self.child.send_signal(signal.SIGKILL)
        self.child.wait()

    def stop(self, seconds: float = 30) -> int:
        if self.child.poll() is None:
            self.child.terminate()
        try:
            return self.child.wait(seconds)
        finally:
            if self.child.poll() is None:
                self.kill()
            self.log_file.close()


class Standin:
    """One of tests/standin with an HTTP control port."""

    def __init__(self, script: str, directory: Path, ports: int = 1):
        self.script, self.directory = script, directory
        self.ports = [free_port() for _ in range(ports)]
        self.control_port = self.ports[-1]
        self.start()

    def start(self) -> None:
        self.process = Process(self.script, [
            sys.executable, str(ROOT / f"tests/standin/{self.script}.py"), *map(str, self.ports)],
            self.directory)
        wait_for(self.listens, what=self.script)

    def listens(self) -> bool:
        with socket.create_connection(("127.0.0.1", self.control_port)):
            return True

    def control(self, **settings: object) -> None:
        http(f"http://127.0.0.1:{self.control_port}/__control", settings)

    def state(self):
        return http(f"http://127.0.0.1:{self.control_port}/__state")


class Trustspan:
    """trustspan with a configuration of its own, on free ports, restartable."""

    def __init__(self, directory: Path, config: dict, env: dict | None = None,
                 receiver: dict | None = None, storage: dict | None = None,
                 protocol: dict | None = None, receivers: dict | None = None):
        self.directory, self.env = directory, env or {}
        self.grpc_port, self.metrics_port = free_port(), free_port()
        self.config = {
            "receivers": {"otlp": {"protocols": {
                "grpc": {"endpoint": f"127.0.0.1:{self.grpc_port}", **(protocol or {})}},
                **(receiver or {})}, **(receivers or {})},
            "extensions": {"file_storage": {"directory": str(directory / "state"),
                                            **(storage or {})}},
            **config,
        }
        service = self.config.setdefault("service", {})
        service["telemetry"] = {"metrics": {"endpoint": f"127.0.0.1:{self.metrics_port}"}}
        self.path = directory / "trustspan.yaml"
        self.start()

    def start(self) -> None:
        self.path.write_text(json.dumps(self.config))  # JSON is YAML
        self.process = self.run([TRUSTSPAN, "run", "--config", str(self.path)])
        try:
            wait_for(self.ready, what="trustspan to start")
        except AssertionError:
            self.process.stop()
            raise

    def run(self, argv: list[str]) -> Process:
        return Process("trustspan", argv, self.directory, self.env)

    def ready(self) -> bool:
        assert self.process.child.poll() is None, self.process.log()
        with socket.create_connection(("127.0.0.1", self.grpc_port)):
            return bool(self.metrics())

    def metrics(self) -> dict[str, float]:
        text = http(f"http://127.0.0.1:{self.metrics_port}/metrics")
        rows = (line.rsplit(" ", 1) for line in str(text).splitlines() if line[:1] != "#")
        return {name: float(number) for name, number in rows}

    def total(self, name: str) -> float:
        return sum(v for k, v in self.metrics().items() if k.split("{")[0] == name)

    def idle(self) -> bool:
        m = self.metrics()
        return m["trustspan_spool_requests"] == 0 and m["trustspan_batches"] == 0

    @property
    def endpoint(self) -> str:
        return f"127.0.0.1:{self.grpc_port}"


@pytest.fixture
def start(tmp_path):
    """Starts things and stops them, last first: start(Standin, "tlm"), start(Trustspan, config)."""
    running = []

    def begin(kind, *args, **kwargs):
        if kind is Standin:
            thing = Standin(args[0], tmp_path, *args[1:], **kwargs)
        elif kind is Process:
            thing = Process(*args, **kwargs)
        else:
            thing = kind(tmp_path, *args, **kwargs)
        running.append(thing)
        return thing

    yield begin
    for thing in reversed(running):
        process = thing if isinstance(thing, Process) else thing.process
        process.stop()

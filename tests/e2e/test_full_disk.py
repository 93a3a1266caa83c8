"""The store's file system is full, read-only, or its directory gone: what was acknowledged is delivered once,
what cannot be kept is refused, and nobody has to clear up by hand."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from collections import Counter
from pathlib import Path

import grpc
import pytest

from conftest import Trustspan, wait_for
from sink import Sink
from spans import Sender, ids, request

DISK = 64 << 20
TEXT = "x" * 4000
UNTIL = 120  # seconds until a hang is called one


# ---- file systems ----

def run(*argv: str) -> None:
    done = subprocess.run(argv, capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"'{' '.join(argv)}' needs root here: {done.stderr.strip()}")


class Disk:
    """A small file system of its own."""

    def __init__(self, kind: str, directory: Path):
        self.path = directory / "disk"
        self.path.mkdir()
        if kind == "tmpfs":
            run("mount", "-t", "tmpfs", "-o", f"size={DISK}", "none", str(self.path))
        else:
            image = directory / "disk.img"
            with image.open("wb") as f:
                f.truncate(DISK)
            run("mkfs.ext4", "-q", "-F", str(image))
            run("mount", "-o", "loop", str(image), str(self.path))
        self.state = self.path / "state"
        self.others = self.path / "somebody-elses"

    def fill(self) -> None:
        """What somebody else writes, until not a page is left."""
        with self.others.open("wb", buffering=0) as f:
            for size in (1 << 20, 4096):
                try:
                    while f.write(b"x" * size) == size:
                        os.fsync(f.fileno())
                except OSError:
                    pass

    def unmount(self) -> None:
        subprocess.run(["umount", "-l", str(self.path)], check=True)


@pytest.fixture(params=["tmpfs", "ext4"])
def disk(request, tmp_path):
    disk = Disk(request.param, tmp_path)
    yield disk
    disk.unmount()


@pytest.fixture
def ext4(tmp_path):
    disk = Disk("ext4", tmp_path)
    yield disk
    disk.unmount()


@pytest.fixture
def sink():
    sink = Sink(limit=16 << 20)
    yield sink
    sink.stop()


# ---- senders, and what came of it ----

def to(sink: Sink, **service: object) -> dict:
    return {"processors": {"trust": {"scorer": "local"}},
            "exporters": {"otlp_grpc": sink.exporter()},
            "service": {"memory_limit": "8MiB", "shutdown_timeout": "10s", **service}}


def down(_metadata) -> grpc.StatusCode:
    return grpc.StatusCode.UNAVAILABLE


def up(_metadata) -> None:
    return None


class Senders:
    """Sends requests of half a megabyte and knows what was acknowledged."""

    def __init__(self, trustspan: Trustspan, spans: int = 128):
        self.trustspan, self.spans = trustspan, spans
        self.sender = Sender(trustspan.endpoint)
        self.acknowledged: list[str] = []

    def send(self) -> grpc.RpcError | None:
        message = request([("work", {"text": TEXT})] * self.spans)
        try:
            self.sender.send(message.SerializeToString(), timeout=60)
        except grpc.RpcError as error:
            return error
        self.acknowledged += ids(message)
        return None

    def send_until_refused(self, most: int = 2000) -> grpc.RpcError:
        for _ in range(most):
            if error := self.send():
                return error
        raise AssertionError("all was taken")

    def send_to_the_last_page(self) -> None:
        few = Senders(self.trustspan, 1)
        few.send_until_refused(20_000)
        self.acknowledged += few.acknowledged

    def send_bytes(self, size: int) -> None:
        for _ in range(size // (self.spans * len(TEXT))):
            assert self.send() is None

    def send_anew(self) -> None:
        """A restart or an old refusal may be in the way for a moment."""
        wait_for(lambda: self.send() is None, UNTIL, "a request to be taken")


def drained(trustspan: Trustspan) -> None:
    wait_for(trustspan.idle, UNTIL, "an empty store")


def restart(trustspan: Trustspan, seconds: float = 60) -> None:
    assert trustspan.process.stop(seconds) == 0, trustspan.process.log()
    trustspan.start()
    drained(trustspan)


def each_once(sink: Sink, acknowledged: list[str]) -> None:
    copies = Counter(sink.ids())
    assert set(copies) == set(acknowledged)
    assert {i: n for i, n in copies.items() if n != 1} == {}


def says_full(trustspan: Trustspan, error: grpc.RpcError, directory: Path) -> None:
    assert error.code() == grpc.StatusCode.UNAVAILABLE
    assert f"'{directory}'" in error.details() and "its file system is full" in error.details()
    assert "make room there" in error.details()
    assert trustspan.metrics()['trustspan_spool_refused{cause="disk_full"}'] > 0
    said = trustspan.process.log().count("the file system is full, new requests are refused")
    assert said == 1, "said, and not again with each request"


# ---- full ----

def test_a_disk_that_the_store_fills_drains_and_nothing_comes_twice(disk, start, sink):
    sink.refuse = down
    trustspan = start(Trustspan, to(sink), storage={"directory": str(disk.state)})
    senders = Senders(trustspan)
    error = senders.send_until_refused()
    assert len(senders.acknowledged) * len(TEXT) > DISK / 2
    senders.send_to_the_last_page()
    says_full(trustspan, error, disk.state)
    sink.refuse = up
    drained(trustspan)
    senders.send_bytes(DISK // 2)
    drained(trustspan)
    each_once(sink, senders.acknowledged)
    restart(trustspan)
    each_once(sink, senders.acknowledged)


def test_a_disk_that_others_fill_drains_and_nothing_comes_twice(disk, start, sink):
    sink.refuse = down
    trustspan = start(Trustspan, to(sink), storage={"directory": str(disk.state)})
    senders = Senders(trustspan)
    senders.send_bytes(DISK // 3)
    disk.fill()
    says_full(trustspan, senders.send_until_refused(), disk.state)
    sink.refuse = up
    drained(trustspan)
    senders.send_anew()  # there is room inside the file, however full the disk
    drained(trustspan)
    each_once(sink, senders.acknowledged)
    restart(trustspan)
    each_once(sink, senders.acknowledged)
    senders.send_anew()
    disk.others.unlink()
    senders.send_bytes(DISK // 3)
    drained(trustspan)
    each_once(sink, senders.acknowledged)


def test_a_full_disk_is_delivered_by_the_next_run(disk, start, sink):
    sink.refuse = down
    trustspan = start(Trustspan, to(sink, shutdown_timeout="1s"),
                      storage={"directory": str(disk.state)})
    senders = Senders(trustspan)
    senders.send_until_refused()
    senders.send_to_the_last_page()
    disk.fill()
    assert trustspan.process.stop(60) == 0
    sink.refuse = up
    trustspan.start()
    drained(trustspan)
    restart(trustspan)
    each_once(sink, senders.acknowledged)


# ---- gone ----

def is_missed(trustspan: Trustspan, senders: Senders) -> None:
    """In the log without a request, and by each request."""
    wait_for(lambda: "the store cannot be used" in trustspan.process.log(), 30, "a word about it")
    error = senders.send()
    assert error and error.code() == grpc.StatusCode.UNAVAILABLE
    assert "put it back" in error.details()
    assert trustspan.metrics()['trustspan_spool_refused{cause="directory"}'] > 0


def test_a_deleted_directory_is_missed_and_memory_is_delivered(start, sink, tmp_path):
    sink.refuse = down
    trustspan = start(Trustspan, to(sink))
    senders = Senders(trustspan)
    senders.send_bytes(4 << 20)
    shutil.rmtree(tmp_path / "state")
    error = senders.send()
    assert error and error.code() == grpc.StatusCode.UNAVAILABLE, "acknowledged into nowhere"
    is_missed(trustspan, senders)
    sink.refuse = up
    wait_for(lambda: set(senders.acknowledged) <= set(sink.ids()), UNTIL, "what memory holds")
    each_once(sink, senders.acknowledged)


def test_a_directory_that_comes_back_is_used_again(start, sink, tmp_path):
    trustspan = start(Trustspan, to(sink))
    senders = Senders(trustspan)
    senders.send_anew()
    (tmp_path / "state").rename(tmp_path / "aside")
    is_missed(trustspan, senders)
    (tmp_path / "aside").rename(tmp_path / "state")
    senders.send_anew()
    drained(trustspan)
    restart(trustspan)
    each_once(sink, senders.acknowledged)


def test_a_read_only_file_system_is_missed_and_memory_is_delivered(ext4, start, sink):
    sink.refuse = down
    trustspan = start(Trustspan, to(sink), storage={"directory": str(ext4.state)})
    senders = Senders(trustspan)
    senders.send_bytes(4 << 20)
    run("mount", "-o", "remount,abort", str(ext4.path))  # as ext4 does it after an error
    error = senders.send()
    assert error and error.code() == grpc.StatusCode.UNAVAILABLE
    assert "its file system is read-only" in error.details()
    wait_for(lambda: "the store cannot be used" in trustspan.process.log(), 30, "a word about it")
    sink.refuse = up
    wait_for(lambda: set(senders.acknowledged) <= set(sink.ids()), UNTIL, "what memory holds")


# ---- mapped ----

def mapped(pid: int) -> int:
    rows = (line.split() for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return sum(int(row[1]) << 10 for row in rows if row[0] in ("RssFile:", "RssShmem:"))


class Watch(threading.Thread):
    """The most that was mapped at any time."""

    def __init__(self, pid: int):
        super().__init__(daemon=True)
        self.pid, self.most, self.over = pid, 0, False
        self.start()

    def run(self) -> None:
        while not self.over:
            self.most = max(self.most, mapped(self.pid))
            time.sleep(0.01)

    def end(self) -> int:
        self.over = True
        self.join()
        return self.most


def test_a_backlog_does_not_stay_mapped(start, sink):
    """With 200 MB; what is mapped already is the program."""
    sink.refuse = down
    trustspan = start(Trustspan, to(sink))
    pid = trustspan.process.child.pid
    before = mapped(pid)
    watch = Watch(pid)
    senders = Senders(trustspan, 500)
    senders.send_bytes(200 << 20)
    sink.refuse = up
    drained(trustspan)
    most = watch.end()
    print(f"mapped: {before >> 20} MiB, with a backlog {most >> 20} MiB")
    each_once(sink, senders.acknowledged)
    assert most < before + (48 << 20)

"""Connections without end, slow or idle: the good client beside them is served, on every port."""

from __future__ import annotations

import ctypes
import os
import socket
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from conftest import Process, Trustspan, http, wait_for
from sink import Sink
from spans import EXPORT, request

REFUSED = "trustspan_receiver_refused_connections"
OPEN = "trustspan_receiver_connections"


def to(sink: Sink) -> dict:
    return {"processors": {"trust": {"scorer": "local"}}, "exporters": {"otlp_grpc": sink.exporter()}}


@pytest.fixture
def sink():
    sink = Sink()
    yield sink
    sink.stop()


class Limited(Trustspan):
    """trustspan with few file descriptors, of which it may not have more."""

    files = "256:256"  # soft and hard

    def run(self, argv: list[str]) -> Process:
        return super().run(["prlimit", f"--nofile={self.files}", *argv])


class SoftLimited(Limited):
    files = "64:4096"


class Client:
    """One connection with calls on it."""

    def __init__(self, port: int, certificate: bytes | None = None):
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.initial_reconnect_backoff_ms", 100),
                   ("grpc.max_reconnect_backoff_ms", 500)]
        self.channel = (grpc.secure_channel(f"localhost:{port}", grpc.ssl_channel_credentials(certificate), options)
                        if certificate else grpc.insecure_channel(f"127.0.0.1:{port}", options))

    def send(self, timeout: float = 60, wait: bool = True) -> None:
        body = request([("work", {"a": 1})]).SerializeToString()
        self.channel.unary_unary(EXPORT)(body, timeout=timeout, wait_for_ready=wait)

    def is_refused(self) -> bool:
        try:
            self.send(wait=False)
        except grpc.RpcError as error:
            return error.code() == grpc.StatusCode.UNAVAILABLE
        return False

    def close(self) -> None:
        self.channel.close()


def connect(port: int, count: int) -> list[socket.socket]:
    return [socket.create_connection(("127.0.0.1", port), timeout=30) for _ in range(count)]


def is_closed(s: socket.socket) -> bool:
    """By the other side, or about to be: gRPC core writes its settings before it reads."""
    s.settimeout(0)
    try:
        while s.recv(4096):
            pass
        return True
    except BlockingIOError:
        return False
    except OSError:
        return True


def wait_or_not(condition, seconds: float) -> bool:
    try:
        return bool(wait_for(condition, seconds))
    except AssertionError:
        return False


@pytest.fixture
def certificate(tmp_path) -> dict[str, str]:
    files = {"cert_file": str(tmp_path / "cert.pem"), "key_file": str(tmp_path / "key.pem")}
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
                    "-keyout", files["key_file"], "-out", files["cert_file"]],
                   check=True, capture_output=True)
    return files


@pytest.fixture(params=["plain", "tls"])
def security(request, certificate) -> tuple[dict, bytes | None]:
    """What the receiver is told, and what its clients."""
    if request.param == "plain":
        return {}, None
    with open(certificate["cert_file"], "rb") as file:
        return {"tls": certificate}, file.read()


# ---- OTLP ----

def test_more_connections_than_file_descriptors_do_not_end_listening(start, sink, security):
    protocol, trusted = security
    trustspan = start(Limited, to(sink), protocol=protocol)
    early = Client(trustspan.grpc_port, trusted)
    early.send()
    many = connect(trustspan.grpc_port, 400)
    early.send()
    for s in many:
        s.close()
    Client(trustspan.grpc_port, trusted).send()
    early.send()
    assert trustspan.total(REFUSED) >= 200
    wait_for(lambda: "connections refused" in trustspan.process.log(), what="the log to say so")


def test_without_any_file_descriptor_it_waits_for_one(start, sink):
    """The limit is lowered below what is open already, which is as if others had taken all there are."""
    trustspan = start(Trustspan, to(sink))
    pid = trustspan.process.child.pid
    early, late = Client(trustspan.grpc_port), Client(trustspan.grpc_port)
    early.send()
    subprocess.run(["prlimit", f"--pid={pid}", "--nofile=8:4096"], check=True)
    many = connect(trustspan.grpc_port, 30)
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(late.send)
        assert not wait_or_not(waiting.done, seconds=15)  # the watch comes by five times
        early.send()
        subprocess.run(["prlimit", f"--pid={pid}", "--nofile=4096:4096"], check=True)
        waiting.result()
    for s in many:
        s.close()
    assert "listening anew" not in trustspan.process.log()


def test_beyond_max_connections_new_ones_are_refused_and_open_ones_go_on(start, sink, security):
    protocol, trusted = security
    trustspan = start(Trustspan, to(sink), protocol={"max_connections": 8, **protocol})
    wait_for(lambda: trustspan.total(OPEN) == 0, what="the first connection to be gone")
    early = Client(trustspan.grpc_port, trusted)
    early.send()
    others = connect(trustspan.grpc_port, 7)
    wait_for(lambda: trustspan.total(OPEN) == 8, what="all places to be taken")
    late = Client(trustspan.grpc_port, trusted)
    assert late.is_refused()
    assert trustspan.total(REFUSED) >= 1 and trustspan.total(OPEN) == 8
    early.send()
    assert not any(is_closed(s) for s in others)
    wait_for(lambda: "max_connections=8" in trustspan.process.log(), what="the log to say so")
    for s in others[:3]:
        s.close()
    late.send()


def test_the_watch_takes_no_place(start, sink):
    trustspan = start(Trustspan, to(sink), protocol={"max_connections": 1})
    wait_for(lambda: trustspan.total(OPEN) == 0, what="the first connection to be gone")
    refused = trustspan.total(REFUSED)
    only = Client(trustspan.grpc_port)
    only.send()
    assert not wait_or_not(lambda: trustspan.total(REFUSED) > refused, seconds=8)  # it has come by twice
    only.send()


def test_the_soft_limit_on_open_files_is_raised_to_the_hard_one(start, sink):
    trustspan = start(SoftLimited, to(sink))
    others = connect(trustspan.grpc_port, 300)
    wait_for(lambda: trustspan.total(OPEN) >= 300, what="all of them to be accepted")
    assert trustspan.total(REFUSED) == 0
    for s in others:
        s.close()


def test_more_connections_than_there_can_be_are_no_setting(start, sink):
    with pytest.raises(AssertionError) as caught:
        start(Limited, to(sink), protocol={"max_connections": 200})
    assert "max_connections 200" in str(caught.value) and "ulimit -n" in str(caught.value)


def test_an_idle_connection_is_closed(start, sink):
    trustspan = start(Trustspan, to(sink), protocol={
        "keepalive": {"server_parameters": {"max_connection_idle": "3s"}}})
    client = Client(trustspan.grpc_port)
    client.send()
    wait_for(lambda: trustspan.total(OPEN) > 0, what="the connection to be counted")
    wait_for(lambda: trustspan.total(OPEN) == 0, what="the idle connection to be closed")
    client.send()


def listening(pid: int, port: int) -> socket.socket:
    """Another process's listening socket, as an own file descriptor of this one."""
    libc = ctypes.CDLL(None, use_errno=True)
    process = os.pidfd_open(pid)
    for name in os.listdir(f"/proc/{pid}/fd"):
        fd = libc.syscall(438, process, int(name), 0)  # pidfd_getfd
        if fd < 0:
            if ctypes.get_errno() in (1, 38):
                pytest.skip("taking a file descriptor out of a process is not permitted here")
            continue
        try:
            s = socket.socket(fileno=fd)
            if s.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) and s.getsockname()[1] == port:
                return s
            s.close()
        except OSError:
            os.close(fd)
    raise AssertionError(f"nobody listens on {port}")


def test_a_dead_listener_is_opened_anew(start, sink, security):
    protocol, trusted = security
    trustspan = start(Trustspan, to(sink), protocol=protocol)
    Client(trustspan.grpc_port, trusted).send()
    for _ in range(2):
        with listening(trustspan.process.child.pid, trustspan.grpc_port) as s:
            s.shutdown(socket.SHUT_RDWR)
        Client(trustspan.grpc_port, trusted).send()
    assert "listening again" in trustspan.process.log()
    assert trustspan.process.stop() == 0


def test_a_port_that_is_lost_ends_the_process_with_a_word_for_the_supervisor(start, sink):
    trustspan = start(Trustspan, to(sink))
    with listening(trustspan.process.child.pid, trustspan.grpc_port) as s, socket.socket() as thief:
        thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.shutdown(socket.SHUT_RDWR)
        thief.bind(("127.0.0.1", trustspan.grpc_port))
        thief.listen()
        assert trustspan.process.child.wait(120) == 1
    assert "nothing can be received any more" in trustspan.process.log()
    assert "stopped" in trustspan.process.log()


# ---- metrics ----

class Slow:
    """Connections that send a byte of a request now and then, and never all of it."""

    def __init__(self, port: int, count: int):
        self.sockets = [socket.create_connection(("127.0.0.1", port), timeout=30) for _ in range(count)]
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.drip)
        for s in self.sockets:
            s.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        self.thread.start()

    def drip(self) -> None:
        while not self.over.wait(1):
            for s in self.sockets:
                try:
                    s.sendall(b"x")
                except OSError:  # closed by the server, as it may
                    pass

    def close(self) -> None:
        self.over.set()
        self.thread.join()
        for s in self.sockets:
            s.close()


@pytest.mark.parametrize("count", [64, 500])
def test_slow_connections_do_not_shut_out_a_scrape(start, sink, count):
    trustspan = start(Trustspan, to(sink))
    slow = Slow(trustspan.metrics_port, count)
    try:
        for _ in range(5):
            page = http(f"http://127.0.0.1:{trustspan.metrics_port}/metrics", timeout=60)
            assert "trustspan_batches" in str(page)
    finally:
        slow.close()

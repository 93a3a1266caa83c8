"""Clients that want the memory: it stays within its bound, and a good client beside them is served. Against a release
build, because a sanitizer's memory is not the program's."""

from __future__ import annotations

import struct
import threading
import time

import grpc
import pytest

import driver  # noqa: F401 - it finds the tests' modules
from conftest import Trustspan, wait_for
from http2 import Connection
from spans import Sender, request

LIMIT, LARGEST = 64 << 20, 64 << 20  # memory_limit, max_recv_msg_size_mib
MARGIN = 96 << 20  # the program, its threads, the allocator's losses
# a store may have twice the limit in memory (intake.h), and one more request may be on its way in
BOUND = 2 * LIMIT + LARGEST + MARGIN


@pytest.fixture
def trustspan(start):
    return start(Trustspan, {"exporters": {"debug": {}}, "processors": {"trust": {"scorer": "local"}},
                             "service": {"memory_limit": f"{LIMIT >> 20}MiB"}})


def anonymous(trustspan: Trustspan) -> int:
    with open(f"/proc/{trustspan.process.child.pid}/status") as status:
        rows = dict(line.split(":", 1) for line in status)
    return int(rows["RssAnon"].split()[0]) << 10


def is_served(trustspan: Trustspan) -> bool:
    """A good client tries again when it is told to, as exporters do."""
    try:
        Sender(trustspan.endpoint).send(request([("work", {"a": 1})]).SerializeToString(), timeout=10)
    except grpc.RpcError as error:
        assert error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED), error
        return False
    return True


def send_bodies_without_an_end(port: int, until: float) -> int:
    """Sixty calls of a connection, each with a body of nearly the largest size that never comes to its end."""
    sent = 0
    try:
        c = Connection(port)
        prefix = b"\0" + struct.pack("!I", LARGEST - 1)
        c.socket.sendall(b"".join(c.begin(prefix) for _ in range(60)))
        while time.monotonic() < until and c.read(0.01):
            sent += c.send_bodies()
    except OSError:
        pass  # it was cut off: fine
    return sent


def test_bodies_that_never_end_stay_within_the_bound(trustspan):
    until = time.monotonic() + 20
    attackers = [threading.Thread(target=send_bodies_without_an_end, args=(trustspan.grpc_port, until))
                 for _ in range(40)]
    for a in attackers:
        a.start()
    most = 0
    while any(a.is_alive() for a in attackers):
        most = max(most, anonymous(trustspan))
        time.sleep(0.1)
        if time.monotonic() > until - 10:
            break
    wait_for(lambda: is_served(trustspan), 60, "a good client's request, beside the attack")
    for a in attackers:
        a.join()
    most = max(most, anonymous(trustspan))
    assert most < BOUND, f"{most >> 20} MiB"


def test_a_call_taken_back_now_and_then_is_nobodys_attack(trustspan):
    c = Connection(trustspan.grpc_port)
    for _ in range(50):
        c.socket.sendall(c.take_back())
        assert c.read(0.01)
    assert is_served(trustspan) and c.read(0.1)


def take_calls_back(port: int, until: float) -> None:
    """HTTP/2 rapid reset: calls that are begun and taken back at once, as fast as the server reads; a new connection
    when it is cut off."""
    while time.monotonic() < until:
        try:
            c = Connection(port)
            while time.monotonic() < until and c.read(0.001):
                c.socket.sendall(b"".join(c.take_back() for _ in range(500)))
        except OSError:
            pass


@pytest.mark.parametrize("connections", [2, 8, 32])
def test_calls_taken_back_by_the_thousand(trustspan, connections):
    until = time.monotonic() + 10
    attackers = [threading.Thread(target=take_calls_back, args=(trustspan.grpc_port, until))
                 for _ in range(connections)]
    for a in attackers:
        a.start()
    most, served = 0, 0
    while any(a.is_alive() for a in attackers):
        served += is_served(trustspan)
        most = max(most, anonymous(trustspan))
        time.sleep(0.1)
    for a in attackers:
        a.join()
    most = max(most, anonymous(trustspan))
    assert most < BOUND, f"{most >> 20} MiB"
    assert served > 0, "no good client was served beside the attack"
    assert trustspan.total("trustspan_receiver_cut_connections") > 0


def test_a_request_that_does_not_come_is_not_awaited(start):
    trustspan = start(Trustspan, {"exporters": {"debug": {}}}, protocol={"read_timeout": "1s"})
    c = Connection(trustspan.grpc_port)
    c.socket.sendall(c.begin() + c.begin(b"\0") + c.begin(b"\0" + struct.pack("!I", 1000) + bytes(999)))
    assert len(c.windows) == 3
    assert is_served(trustspan)
    wait_for(lambda: c.read(0.1) and not c.windows, 60, "the end of calls without a request")
    assert trustspan.total("trustspan_receiver_refused_requests") == 3
    assert is_served(trustspan) and c.read(0.1)  # the connection goes on

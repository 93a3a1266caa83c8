"""Connections without end, slow or idle: the good client beside them is served, on every port."""

from __future__ import annotations

import socket
import threading

import pytest

from conftest import Trustspan, http
from sink import Sink


def to(sink: Sink) -> dict:
    return {"processors": {"trust": {"scorer": "local"}}, "exporters": {"otlp_grpc": sink.exporter()}}


@pytest.fixture
def sink():
    sink = Sink()
    yield sink
    sink.stop()


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

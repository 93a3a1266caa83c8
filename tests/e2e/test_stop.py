"""SIGTERM with something on its way: what was acknowledged reaches the backend, or stays in the store for
the next start, or is named as lost; and nobody in trouble keeps the process from ending."""

from __future__ import annotations

import json
import os
import subprocess

import pytest

from conftest import TRUSTSPAN, Process, Standin, Trustspan, free_port, wait_for
from sink import Sink
from spans import Sender, ids, llm_attributes, request
from test_pipeline import all_in, by_id, config, received
from test_tlm import tlm

MANY = 20_000
REFUSAL = "I don't know that."


@pytest.fixture
def backend(start):
    return start(Standin, "backend", 2)


@pytest.fixture
def sink():
    sink = Sink()
    yield sink
    sink.stop()


def many_llm_spans():
    message = request([("llm", llm_attributes("q", REFUSAL))] * MANY)
    assert len(set(ids(message))) == MANY
    return message


def to(sink: Sink, **service: object) -> dict:
    """One exporter, so that nothing but spans is waited for; time enough for a slow machine."""
    return {"processors": {"trust": {"scorer": "local"}},
            "exporters": {"otlp_grpc": sink.exporter()},
            "service": {"shutdown_timeout": "3m", **service}}


def send(trustspan: Trustspan, message) -> None:
    Sender(trustspan.endpoint).send(message.SerializeToString(), timeout=60)


# ---- right after the acknowledgement ----

def test_all_that_memory_holds_is_delivered_before_the_end(start, sink):
    trustspan = start(Trustspan, to(sink, storage="none"))
    message = many_llm_spans()
    send(trustspan, message)
    assert trustspan.process.stop(240) == 0
    got = sink.ids()
    assert len(got) == MANY and set(got) == set(ids(message))
    assert "lost=" not in trustspan.process.log()


def test_what_no_backend_takes_and_no_store_keeps_is_counted_as_lost(start, sink):
    sink.stop()
    trustspan = start(Trustspan, to(sink, storage="none", shutdown_timeout="2s"))
    send(trustspan, many_llm_spans())
    assert trustspan.process.stop(120) == 0
    assert f"lost={MANY}" in trustspan.process.log()
    assert sink.ids() == []


def test_what_the_store_holds_is_delivered_by_this_run_or_the_next(start, sink):
    trustspan = start(Trustspan, to(sink))
    message = many_llm_spans()
    send(trustspan, message)
    assert trustspan.process.stop(240) == 0
    trustspan.start()
    wait_for(trustspan.idle, 240, "an empty store")
    assert set(sink.ids()) == set(ids(message))
    assert "lost=" not in trustspan.process.log()


# ---- a score that does not come ----

def waiting_for_its_score(start, backend, judge):
    """A span that has left late, with its score due."""
    judge.control(latency_ms=600_000)
    scorers = {"tlm": tlm(judge, timeout="10m", num_self_reflections=1)}
    settings = config(backend, scorers, scorer="tlm", hold="100ms")
    settings["service"] = {"shutdown_timeout": "60s"}
    trustspan = start(Trustspan, settings)
    message = request([("llm", llm_attributes("How many legs has a spider?", "Eight."))])
    send(trustspan, message)
    all_in(backend, ids(message))
    assert by_id(backend)[ids(message)[0]]["trustworthiness.decision"] == "late"
    wait_for(lambda: trustspan.metrics()["trustspan_spool_requests"] == 0)
    wait_for(lambda: trustspan.metrics()["trustspan_spool_late"] == 1)
    return trustspan, message


@pytest.mark.parametrize("end", ["SIGTERM", "SIGKILL"])
def test_a_late_score_is_due_again_after_the_next_start(start, backend, end):
    judge = start(Standin, "llm")
    trustspan, message = waiting_for_its_score(start, backend, judge)
    if end == "SIGTERM":
        assert trustspan.process.stop(30) == 0, "half of the time that a stop may take"
        assert '"left in the store for the next start" requests=0 late=1' in trustspan.process.log()
        assert "the time to stop is over" not in trustspan.process.log()
    else:
        trustspan.process.kill()
    assert backend.state()["annotations"] == []
    judge.process.kill()  # with its answers, which are still to come
    judge.start()
    trustspan.start()
    note, = wait_for(lambda: backend.state()["annotations"], what="the late score")
    assert note["span_id"] == ids(message)[0] and note["metadata"]["arrival"] == "late"
    wait_for(lambda: trustspan.metrics()["trustspan_spool_late"] == 0)
    assert set(received(backend).values()) == {1}, "the span itself is not sent again"


# ---- a backend that does not come ----

def test_a_dead_backend_is_not_waited_for_when_a_store_keeps_its_spans(start, backend):
    settings = config(backend)
    settings["service"] = {"shutdown_timeout": "60s"}
    backend.process.stop()
    trustspan = start(Trustspan, settings)
    messages = [request([("s", {"a": i}), ("llm", llm_attributes("q", REFUSAL))]) for i in range(50)]
    for message in messages:
        send(trustspan, message)
    assert trustspan.process.stop(30) == 0, "half of the time that a stop may take"
    log = trustspan.process.log()
    assert '"left in the store for the next start" requests=50' in log
    assert "the time to stop is over" not in log and "lost=" not in log
    backend.start()
    trustspan.start()
    all_in(backend, [i for message in messages for i in ids(message)])
    wait_for(trustspan.idle)


# ---- output that nobody reads ----

def with_debug(directory, port: int, **service: object) -> list[str]:
    path = directory / "debug.yaml"
    path.write_text(json.dumps({
        "receivers": {"otlp": {"protocols": {"grpc": {"endpoint": f"127.0.0.1:{port}"}}}},
        "extensions": {"file_storage": {"directory": str(directory / "state")}},
        "exporters": {"debug": {"verbosity": "detailed"}},
        "service": {"telemetry": {"metrics": {"endpoint": ""}}, **service}}))
    return [TRUSTSPAN, "run", "--config", str(path)]


class Unread(Process):
    """Its standard output is a pipe, its log a file."""

    def __init__(self, argv: list[str], directory):
        self.log_path = directory / "unread.log"
        self.log_file = self.log_path.open("ab")
        self.child = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=self.log_file,
                                      cwd=directory)


@pytest.fixture
def unread(tmp_path):
    port = free_port()
    process = Unread(with_debug(tmp_path, port, shutdown_timeout="2s"), tmp_path)
    wait_for(lambda: '"ready"' in process.log(), what="trustspan to start")
    process.endpoint = f"127.0.0.1:{port}"
    yield process
    process.stop()


def test_a_pipe_that_nobody_reads_does_not_keep_the_process(unread, tmp_path):
    message = request([("s", {"text": "x" * 100_000})] * 10)  # more than any pipe holds
    Sender(unread.endpoint).send(message.SerializeToString())
    assert os.read(unread.child.stdout.fileno(), 1), "it has begun to write"
    assert unread.stop(30) == 0
    assert '"left in the store for the next start" requests=1' in unread.log()


def test_a_pipe_that_is_read_late_has_all_of_it(unread):
    messages = [request([("s", {"text": "x" * 50_000})] * 4) for _ in range(5)]
    for message in messages:
        Sender(unread.endpoint).send(message.SerializeToString())
    lines = [json.loads(unread.child.stdout.readline()) for _ in messages]
    names = [s["spanId"] for line in lines for r in line["resourceSpans"]
             for scope in r["scopeSpans"] for s in scope["spans"]]
    assert sorted(names) == sorted(i for message in messages for i in ids(message))

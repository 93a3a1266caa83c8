"""Output that nobody takes: standard output and a recording are pipes that are full, and read late."""

from __future__ import annotations

import json
import os
import subprocess
import threading

import pytest

from conftest import TRUSTSPAN, Process, Standin, Trustspan, wait_for
from spans import Sender, ids, request
from test_pipeline import all_in, config
from test_tlm import tlm

PIPE = 64 << 10  # bytes that a pipe takes before somebody reads


class Unread(Trustspan):
    """Its standard output is a pipe that nobody reads but read()."""

    def start(self) -> None:
        self.reader, self.writer = os.pipe()
        super().start()
        os.close(self.writer)

    def run(self, argv: list[str]) -> Process:
        return Process("trustspan", argv, self.directory, self.env, stdout=self.writer)

    def read_names(self, lines: int) -> list[str]:
        """Of the spans in so many lines, one to a line."""
        text = b""
        while text.count(b"\n") < lines:
            text += os.read(self.reader, PIPE)
        found = [json.loads(line) for line in text.splitlines()]
        return [x["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["name"] for x in found]


@pytest.fixture
def backend(start):
    return start(Standin, "backend", 2)


def debug_beside(backend: Standin, **service: object) -> dict:
    settings = config(backend)
    settings["exporters"]["debug"] = {"verbosity": "detailed"}
    settings["service"] = {"loops": 1, **service}
    return settings


def messages(count: int) -> list:
    return [request([(f"work{i}", {"text": "x" * PIPE})]) for i in range(count)]


def test_a_standard_output_that_nobody_reads_holds_up_nothing_else(start, backend):
    trustspan = start(Unread, debug_beside(backend))
    sent = messages(6)
    for message in sent:
        Sender(trustspan.endpoint).send(message.SerializeToString())
    all_in(backend, sum((ids(m) for m in sent), []))
    assert not trustspan.idle(), "what is not printed is not done with"
    assert trustspan.read_names(6) == ["work0", "work1", "work2", "work3", "work4", "work5"]
    wait_for(trustspan.idle, what="an empty spool")


def test_a_stop_does_not_wait_for_a_reader_and_loses_nothing(start, backend):
    trustspan = start(Unread, debug_beside(backend, shutdown_timeout="1s"))
    sent = messages(3)
    for message in sent:
        Sender(trustspan.endpoint).send(message.SerializeToString())
    all_in(backend, sum((ids(m) for m in sent), []))
    trustspan.process.stop()  # raises when it takes half a minute
    assert '"stopped"' in trustspan.process.log()
    trustspan.start()
    assert trustspan.read_names(3) == ["work0", "work1", "work2"], "what was not printed is not lost"


def test_scores_do_not_wait_for_their_recording(start, tmp_path):
    model = start(Standin, "llm")
    record = tmp_path / "record"
    os.mkfifo(record)
    reader = os.open(record, os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(reader, True)
    settings = tmp_path / "c.yaml"
    settings.write_text(json.dumps({"scorers": {"tlm": tlm(model, record=str(record))}}))
    lines = [{"id": str(i), "prompt": f"What is {i}?", "response": "x" * PIPE} for i in range(4)]
    with subprocess.Popen([TRUSTSPAN, "score", "--config", str(settings), "--scorer", "tlm",
                           "--no-cache", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE) as score:
        stuck = threading.Timer(60, score.kill)
        stuck.start()
        score.stdin.write("".join(json.dumps(x) + "\n" for x in lines).encode())
        score.stdin.close()
        summary = score.stderr.readline()  # before anybody reads what is recorded
        assert summary.startswith(b"4 done"), summary
        with os.fdopen(reader) as recording:
            recorded = [json.loads(line) for line in recording]
        out = [json.loads(line) for line in score.stdout]
        assert score.wait() == 0
        stuck.cancel()
    assert all("trustworthiness_score" in x for x in out) and len(out) == len(lines)
    assert sorted(r["id"] for r in recorded) == [x["id"] for x in lines]

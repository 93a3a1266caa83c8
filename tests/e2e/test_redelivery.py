"""The same span a second time, after a kill or from its sender: it leaves with the decision that it left
with before, no judge is asked again, and every score that is due arrives once."""

from __future__ import annotations

from collections import defaultdict

import pytest

from conftest import Standin, Trustspan, wait_for
from spans import Sender, ids, llm_attributes, request
from test_pipeline import all_in, by_id, config, received
from test_tlm import calls, tlm

SPANS = 8  # all of them are tried at once
LOST_YES = [{"code": "UNAVAILABLE", "keep": True}] * 100_000
NO_HTTP = [{"status": 503}] * 100_000


@pytest.fixture
def backend(start):
    return start(Standin, "backend", 2)


@pytest.fixture
def judge(start):
    return start(Standin, "llm")


def judged(backend: Standin, judge: Standin, **trust: object) -> dict:
    """One call a score."""
    scorers = {"tlm": tlm(judge, timeout="10m", num_self_reflections=1)}
    return config(backend, scorers, scorer="tlm", **trust)


def send_each(trustspan: Trustspan, count: int = SPANS, answer: str = "") -> list[str]:
    """So many requests of one LLM span each, all different."""
    sender = Sender(trustspan.endpoint)
    sent = []
    for i in range(count):
        message = request([("llm", llm_attributes(f"How much is {i} and {i}?", answer or str(2 * i)))])
        sender.send(message.SerializeToString())
        sent += ids(message)
    return sent


def copies(backend: Standin) -> dict[str, list[dict]]:
    """What was decided, for all copies of each span."""
    found = defaultdict(list)
    for span in backend.state()["spans"]:
        found[span["span_id"]].append({k: v for k, v in span["attributes"].items()
                                       if k.startswith("trustworthiness.")})
    return found


def scores(backend: Standin) -> dict[str, list[tuple]]:
    found = defaultdict(list)
    for note in backend.state()["annotations"]:
        found[note["span_id"]].append((note["name"], note["identifier"], note["result"]["score"]))
    return found


def all_kept(trustspan: Trustspan, table: str, count: int) -> None:
    wait_for(lambda: trustspan.metrics()[f"trustspan_spool_{table}"] == count, what=f"{count} {table}")


def nothing_due(trustspan: Trustspan) -> None:
    for table in ("requests", "late", "decided"):
        all_kept(trustspan, table, 0)


def seen_again(backend: Standin, sent: list[str], times: int) -> None:
    wait_for(lambda: all(received(backend)[i] >= times for i in sent), 60, f"{times} copies")


# ---- from the store ----

@pytest.mark.parametrize("decision, scorer, hold", [
    ("scored", "tlm", "60s"), ("late", "tlm", "50ms"), ("scored", "local", "60s")])
def test_all_copies_carry_one_decision(start, backend, judge, decision, scorer, hold):
    if decision == "late":
        judge.control(latency_ms=1500)
    backend.control(grpc_faults=LOST_YES)
    settings = judged(backend, judge, hold=hold)
    settings["processors"]["trust"]["scorer"] = scorer
    trustspan = start(Trustspan, settings)
    sent = send_each(trustspan, answer="I don't know that." if scorer == "local" else "")
    for run in range(1, 4):
        seen_again(backend, sent, run)
        all_kept(trustspan, "late" if decision == "late" else "decided", SPANS)
        trustspan.process.kill()
        before = received(backend)
        trustspan.start()
        wait_for(lambda: all(received(backend)[i] > before[i] for i in sent), 60, "one more copy")
    backend.control(grpc_faults=[])
    nothing_due(trustspan)
    for span, decided in copies(backend).items():
        assert {d["trustworthiness.decision"] for d in decided} == {decision}
        assert len(decided) >= 4 and all(d == decided[0] for d in decided), span
    wait_for(lambda: len(scores(backend)) == SPANS, what="a score for each")
    assert {len(s) for s in scores(backend).values()} == {1}, "and only one"
    if scorer == "tlm" and decision == "scored":
        assert len(calls(judge)) == SPANS, "nobody is asked twice"


def test_restarts_do_not_multiply_what_is_due(start, backend, judge):
    judge.control(latency_ms=600_000)
    backend.control(grpc_faults=LOST_YES)
    trustspan = start(Trustspan, judged(backend, judge, hold="50ms"))
    sent = send_each(trustspan)
    all_kept(trustspan, "late", SPANS)
    for end in ("kill", "stop", "kill", "stop", "kill", "stop"):
        getattr(trustspan.process, end)()
        trustspan.start()
        wait_for(lambda: trustspan.total("trustspan_llm_spans") == SPANS, what="all spans again")
        all_kept(trustspan, "late", SPANS)
        all_kept(trustspan, "requests", SPANS)
    trustspan.process.kill()
    judge.process.kill()  # with its answers, which are still to come
    judge.start()
    trustspan.start()
    backend.control(grpc_faults=[])
    nothing_due(trustspan)
    assert len(calls(judge)) == SPANS, "nobody is asked twice by one run"
    assert {i: len(s) for i, s in scores(backend).items()} == {i: 1 for i in sent}


@pytest.mark.parametrize("hold, decision", [("60s", "scored"), ("50ms", "late")])
def test_an_evaluation_is_kept_until_it_is_posted(start, backend, judge, hold, decision):
    """The spans are delivered; only Phoenix's API does not answer. No cache helps."""
    backend.control(http_faults=NO_HTTP)
    if decision == "late":
        judge.control(latency_ms=1000)
    trustspan = start(Trustspan, judged(backend, judge, hold=hold, cache={"enabled": False}))
    sent = send_each(trustspan)
    all_in(backend, sent)
    wait_for(lambda: len(calls(judge)) == SPANS and trustspan.metrics()["trustspan_spool_late"] == 0)
    for end in ("stop", "kill", "stop"):
        getattr(trustspan.process, end)()
        trustspan.start()
        wait_for(lambda: trustspan.total("trustspan_exporter_waiting_evaluations") == SPANS)
        assert trustspan.metrics()["trustspan_spool_requests"] == 0
    assert backend.state()["annotations"] == []
    backend.control(http_faults=[])
    nothing_due(trustspan)
    assert {i: len(s) for i, s in scores(backend).items()} == {i: 1 for i in sent}
    assert {n["metadata"].get("arrival") for n in backend.state()["annotations"]} == \
        {"late" if decision == "late" else "in_span"}
    assert set(received(backend).values()) == {1}, "no span is sent again"
    assert len(calls(judge)) == SPANS, "no score is paid for again"


# ---- a stop ----

def test_a_restart_with_spans_in_flight_loses_no_score(start, backend, judge):
    count = 40
    judge.control(latency_ms=600_000)
    trustspan = start(Trustspan, judged(backend, judge, hold="10m"))
    sent = send_each(trustspan, count)
    wait_for(lambda: len(calls(judge)) > 0)
    assert trustspan.process.stop() == 0
    assert f'"left in the store for the next start" requests=0 late={count}' in trustspan.process.log()
    assert {(a["trustworthiness.decision"], a["trustworthiness.reason"])
            for a in by_id(backend).values()} == {("late", "shutdown")}
    judge.process.kill()
    judge.start()
    trustspan.start()
    nothing_due(trustspan)
    assert {i: len(s) for i, s in scores(backend).items()} == {i: 1 for i in sent}


def test_late_records_that_find_no_room_wait_for_their_turn(start, backend, judge):
    judge.control(latency_ms=600_000)
    settings = judged(backend, judge, hold="50ms", max_waiting="64MiB")
    trustspan = start(Trustspan, settings)
    sent = send_each(trustspan, answer="x" * 400_000)
    all_kept(trustspan, "late", SPANS)
    all_in(backend, sent)
    trustspan.process.kill()
    judge.process.kill()
    judge.start()
    settings["processors"]["trust"]["max_waiting"] = "1MiB"
    trustspan.start()
    nothing_due(trustspan)
    assert trustspan.metrics()['trustspan_late_scores{result="scored"}'] == SPANS
    assert {i: len(s) for i, s in scores(backend).items()} == {i: 1 for i in sent}


# ---- from the sender ----

@pytest.mark.parametrize("together", [False, True])
def test_a_copy_from_the_sender_meets_the_decision_of_the_first(start, backend, judge, together):
    judge.control(latency_ms=1000)
    trustspan = start(Trustspan, judged(backend, judge, hold="60s", cache={"enabled": False}))
    message = request([("llm", llm_attributes("How much is 1 and 1?", "2"))])
    sender = Sender(trustspan.endpoint)
    sender.send(message.SerializeToString())
    if not together:
        all_in(backend, ids(message))
    sender.send(message.SerializeToString())
    seen_again(backend, ids(message), 2)
    first, second = copies(backend)[ids(message)[0]]
    assert first == second and first["trustworthiness.decision"] == "scored"
    nothing_due(trustspan)
    assert len(scores(backend)[ids(message)[0]]) == 1
    if not together:
        assert len(calls(judge)) == 1

"""Rules and redaction on the way through: who is scored by whom, what the judge gets to read, and what
the backend gets."""

from __future__ import annotations

import os
import time

import pytest

from conftest import Standin, Trustspan, wait_for
from spans import Sender, ids, llm_attributes, request
from test_pipeline import all_in, by_id, config
from test_tlm import calls, tlm

REFUSAL = "I cannot help with that."
PRIVATE = "Mail ann@example.com, card 4111 1111 1111 1111, ticket TCK-77."
REDACTED = "Mail [email], card [card], ticket [ticket]."


@pytest.fixture
def backend(start):
    return start(Standin, "backend", 2)


@pytest.fixture
def judge(start):
    return start(Standin, "llm")


def send(trustspan: Trustspan, backend: Standin, *spans: dict, trace_id: bytes | None = None,
         service: str = "tests", scope: str = "tests") -> list[dict]:
    """The attributes that the backend has got of them."""
    message = request([("span", attributes) for attributes in spans], trace_id)
    resource = message.resource_spans[0]
    resource.resource.attributes[0].value.string_value = service
    resource.scope_spans[0].scope.name = scope
    Sender(trustspan.endpoint).send(message.SerializeToString())
    all_in(backend, ids(message))
    return [by_id(backend)[i] for i in ids(message)]


def decision(attributes: dict) -> tuple:
    return (attributes.get("trustworthiness.decision"), attributes.get("trustworthiness.reason"))


def llm(answer: str = REFUSAL, **more: object) -> dict:
    return {**llm_attributes("Who is it?", answer), **more}


def test_the_first_rule_that_fits_decides(start, backend):
    trustspan = start(Trustspan, config(backend, rules=[
        {"service": "internal-*", "score": False},
        {"model": "gpt-4o*", "attributes": {"tenant": "free"}, "sample_rate": 0},
        {"attributes": {"tenant": "strict"}, "thresholds": {"untrustworthy": 0.1}},
    ]))
    off, = send(trustspan, backend, llm(), service="internal-tools")
    free, strict, plain = send(trustspan, backend, llm(tenant="free"), llm(tenant="strict"), llm())
    assert decision(off) == ("skipped", "rule")
    assert decision(free) == ("skipped", "sampled_out")
    assert decision(strict) == decision(plain) == ("scored", None)
    assert (strict["trustworthiness.score"], strict["trustworthiness.label"]) == (0.3, "uncertain")
    assert plain["trustworthiness.label"] == "untrustworthy"


def test_a_rule_has_a_scorer_with_a_preset_of_its_own(start, backend, judge):
    trustspan = start(Trustspan, config(
        backend, {"tlm": tlm(judge, preset="low")}, scorer="tlm", hold="5s",
        rules=[{"attributes": {"tenant": "cheap"}, "scorer": "local"},
               {"attributes": {"tenant": "best"}, "preset": "best"}]))
    cheap, best, plain = send(trustspan, backend, llm(tenant="cheap"), llm(tenant="best"), llm())
    assert [a["trustworthiness.scorer"] for a in (cheap, best, plain)] == ["local", "tlm", "tlm"]
    assert [a.get("trustworthiness.preset") for a in (cheap, best, plain)] == [None, "best", "low"]


def test_a_rule_can_say_that_spans_do_not_wait(start, backend, judge):
    judge.control(latency_ms=1500)
    trustspan = start(Trustspan, config(
        backend, {"tlm": tlm(judge, num_self_reflections=1)}, scorer="tlm", hold="20s",
        rules=[{"service": "hasty", "hold": "0s"}]))
    start_time = time.monotonic()
    hasty, = send(trustspan, backend, llm(), service="hasty")
    assert decision(hasty) == ("late", "hold") and time.monotonic() - start_time < 1.5
    patient, = send(trustspan, backend, llm())
    assert decision(patient)[0] in ("scored", "cached")


def test_samples_are_of_traces(start, backend):
    trustspan = start(Trustspan, config(backend, rules=[{"sample_rate": 0.5}]))
    low, high = (send(trustspan, backend, llm(), llm(), trace_id=os.urandom(9) + tail)
                 for tail in (bytes([0x7f]) + os.urandom(6), bytes([0x80]) + os.urandom(6)))
    assert [decision(a) for a in low] == [("skipped", "sampled_out")] * 2
    assert [decision(a) for a in high] == [("scored", None)] * 2


def test_agents_are_scored_when_a_rule_names_them(start, backend):
    agent = {"openinference.span.kind": "AGENT", "input.value": "Who is it?", "output.value": REFUSAL}
    trustspan = start(Trustspan, config(backend, rules=[{"kind": "agent", "service": "a*"}]))
    scored, = send(trustspan, backend, agent, service="agents")
    other, = send(trustspan, backend, agent, service="others")
    plain, = send(trustspan, backend, llm())
    assert decision(scored) == decision(plain) == ("scored", None)
    assert decision(other) == ("skipped", "not_llm")


def test_what_a_rule_leaves_out_cannot_stand_for_the_call(start, backend):
    """Two instrumentations of one call, and the inner one is not wanted: the outer one is scored."""
    trustspan = start(Trustspan, config(backend, rules=[{"scope": "inner", "score": False}]))
    trace = os.urandom(16)
    inner, = send(trustspan, backend, llm(**{"gen_ai.response.id": "r-1"}), trace_id=trace, scope="inner")
    outer, = send(trustspan, backend, llm(**{"gen_ai.response.id": "r-1"}), trace_id=trace, scope="outer")
    assert decision(inner) == ("skipped", "rule")
    assert decision(outer) == ("scored", None)


def test_calls_of_our_own_are_not_scored(start, backend):
    """The judge's server is traced through us, too: scoring must not feed on itself."""
    trustspan = start(Trustspan, config(backend))
    forms = [{"user.id": "trustspan"}, {"llm.invocation_parameters": '{"user": "trustspan"}'},
             {"input.value": '{"model": "m", "user":"trustspan", "messages": []}'},
             {"gen_ai.request.user": "trustspan"}]
    *own, other = send(trustspan, backend, *(llm(**f) for f in forms),
                       llm(**{"user.id": "ann", "input.value": '{"q": "trustspan"}'}))
    assert [decision(a) for a in own] == [("skipped", "not_llm")] * 4
    assert decision(other) == ("scored", None)


# ---- redaction ----

REDACT = {"patterns": ["email", "card"], "expressions": {"ticket": "TCK-[0-9]+"}}


def asked(judge: Standin) -> str:
    return str([c["body"] for c in calls(judge)])


def private(**more: object) -> dict:
    return {**llm_attributes(PRIVATE, f"Done: {PRIVATE}"), **more}


def test_the_judge_reads_names_and_the_backend_the_text(start, backend, judge):
    trustspan = start(Trustspan, config(backend, {"tlm": tlm(judge)}, scorer="tlm", hold="5s",
                                        redact=REDACT))
    attributes, = send(trustspan, backend, private())
    assert decision(attributes) == ("scored", None)
    assert REDACTED in asked(judge) and f"Done: {REDACTED}" in asked(judge)
    assert "ann@" not in asked(judge) and "4111" not in asked(judge) and "TCK-7" not in asked(judge)
    assert attributes["llm.input_messages.0.message.content"] == PRIVATE
    for pattern in ("email", "card", "ticket"):
        assert trustspan.metrics()[f'trustspan_redactions{{pattern="{pattern}"}}'] == 2


def test_late_scores_are_redacted_after_a_restart(start, backend, judge):
    judge.control(latency_ms=60000)
    trustspan = start(Trustspan, config(backend, {"tlm": tlm(judge, timeout="2m")}, scorer="tlm",
                                        hold="100ms", redact=REDACT))
    attributes, = send(trustspan, backend, private())
    assert decision(attributes) == ("late", "hold")
    trustspan.process.kill()
    judge.control(latency_ms=0)
    trustspan.start()
    wait_for(lambda: backend.state()["annotations"], what="the late score")
    assert REDACTED in asked(judge) and "ann@" not in asked(judge)


def test_spans_are_passed_on_redacted_when_wanted(start, backend):
    trustspan = start(Trustspan, config(backend, redact={**REDACT, "forward": True}))
    chain = {"openinference.span.kind": "CHAIN", "input.value": f'{{"q": "{PRIVATE}"}}', "n": 3}
    spans = send(trustspan, backend, chain, private(), {"plain": "x"})
    assert spans[0] == {"openinference.span.kind": "CHAIN", "n": 3,
                        "input.value": f'{{"q":"{REDACTED}"}}'}
    assert spans[1]["llm.input_messages.0.message.content"] == REDACTED
    assert decision(spans[1])[0] == "skipped"  # local has nothing to go by
    assert spans[2] == {"plain": "x"}
    only_others, = send(trustspan, backend, chain)
    assert REDACTED in only_others["input.value"]
    wait_for(trustspan.idle, what="an empty spool")
    assert trustspan.process.stop() == 0  # a sanitizer that found a leak says so here


def test_an_expression_that_gives_up_shows_nothing_to_anybody(start, backend, judge):
    trustspan = start(Trustspan, config(
        backend, {"tlm": tlm(judge)}, scorer="tlm", hold="5s",
        redact={"expressions": {"slow": "(a|aa|aaa)+$"}, "forward": True}))
    attributes, = send(trustspan, backend, llm_attributes("a" * 4000 + "b", "Done."))
    assert decision(attributes) == ("skipped", "redaction_failed")
    assert attributes["llm.input_messages.0.message.content"] == "[redaction failed]"
    assert calls(judge) == []

"""Several processors in a pipeline, several pipelines behind a receiver."""

from __future__ import annotations

from collections import Counter

import grpc
import pytest

from conftest import Trustspan, wait_for
from sink import Sink
from spans import Sender, ids, llm_attributes, request

REFUSAL = "I don't know that."  # which the local scorer gives 0.3
OWN = "trustworthiness."


@pytest.fixture
def sink():
    sink = Sink()
    yield sink
    sink.stop()


@pytest.fixture
def second():
    sink = Sink()
    yield sink
    sink.stop()


def of_service(name: str, *spans: dict):
    message = request([("span", attributes) for attributes in spans])
    message.resource_spans[0].resource.attributes[0].value.string_value = name
    return message


def own_attributes(sink: Sink) -> dict[str, list[tuple[str, object]]]:
    """What we wrote on each span, in a list: what is there twice is seen twice."""
    out: dict[str, list[tuple[str, object]]] = {}
    for message in sink.messages():
        for span in (s for r in message.resource_spans for c in r.scope_spans for s in c.spans):
            assert span.span_id.hex() not in out, "a span came twice"
            out[span.span_id.hex()] = [(a.key, getattr(a.value, a.value.WhichOneof("value")))
                                       for a in span.attributes if a.key.startswith(OWN)]
    return out


def wait_for_spans(sink: Sink, wanted: list[str]) -> None:
    wait_for(lambda: set(wanted) <= set(sink.ids()), what="all spans")


# ---- a chain ----

# The same answer has another label with each.
INSTANCES = {
    "trust/a": {"scorer": "local", "thresholds": {"untrustworthy": 0.2, "trustworthy": 0.9}},
    "trust/b": {"scorer": "local", "thresholds": {"untrustworthy": 0.1, "trustworthy": 0.2}},
}
LABELS = {"trust/a": "uncertain", "trust/b": "trustworthy"}
ONLY_B = [{"service": "b"}, {"score": False}]
ALL_BUT_B = [{"service": "b", "score": False}]


def chain(sink: Sink, order: list[str], **rules: list[dict]) -> dict:
    return {
        "processors": {f"trust/{name}": {**INSTANCES[f"trust/{name}"], "rules": wanted}
                       for name, wanted in rules.items()},
        "exporters": {"otlp_grpc": sink.exporter()},
        "service": {"pipelines": {"traces": {"receivers": ["otlp"], "processors": order,
                                             "exporters": ["otlp_grpc"]}}},
    }


def labels_of_both_services(start, sink: Sink, settings: dict) -> tuple[set, set]:
    """The labels of the LLM spans of services a and b; each has one decision."""
    trustspan = start(Trustspan, settings)
    sender = Sender(trustspan.endpoint)
    llm = llm_attributes("q", REFUSAL)
    messages = [of_service(name, {"x": 1}, llm, llm, {"x": 2}) for name in "ab"]
    both = of_service("a", llm, {"x": 3}, llm)  # in one request, too
    both.resource_spans.add().CopyFrom(of_service("b", llm, {"x": 4}, llm).resource_spans[0])
    for message in (*messages, both):
        sender.send(message.SerializeToString())
    wait_for_spans(sink, [i for message in (*messages, both) for i in ids(message)])
    wait_for(trustspan.idle)
    written = own_attributes(sink)
    labels: dict[str, set] = {"a": set(), "b": set()}
    for message in (*messages, both):
        for resource in message.resource_spans:
            service = resource.resource.attributes[0].value.string_value
            for span in resource.scope_spans[0].spans:
                own = written[span.span_id.hex()]
                is_llm = any(a.key == "llm.model_name" for a in span.attributes)
                keys = Counter(key for key, _ in own)
                assert set(keys.values()) <= {1}, own
                assert keys[OWN + "decision"] == is_llm, own
                if is_llm:
                    assert dict(own)[OWN + "decision"] == "scored"
                    assert dict(own)[OWN + "score"] == pytest.approx(0.3)
                    labels[service].add(dict(own)[OWN + "label"])
    return labels["a"], labels["b"]


@pytest.mark.parametrize("order", [["trust/b", "trust/a"], ["trust/a", "trust/b"]])
def test_each_processor_scores_what_its_rules_name(start, sink, order):
    settings = chain(sink, order, a=ALL_BUT_B, b=ONLY_B)
    a, b = labels_of_both_services(start, sink, settings)
    assert a == {LABELS["trust/a"]} and b == {LABELS["trust/b"]}


def test_the_second_scores_what_the_first_left_out(start, sink):
    settings = chain(sink, ["trust/b", "trust/a"], a=[], b=ONLY_B)
    a, b = labels_of_both_services(start, sink, settings)
    assert a == {LABELS["trust/a"]} and b == {LABELS["trust/b"]}


def test_what_the_first_scored_is_not_scored_again(start, sink):
    settings = chain(sink, ["trust/a", "trust/b"], a=[], b=[])
    a, b = labels_of_both_services(start, sink, settings)
    assert a == b == {LABELS["trust/a"]}


# ---- several pipelines ----

def two_pipelines(one: Sink, other: Sink, **processors: list[str]) -> dict:
    return {
        "processors": {"trust": {"scorer": "local"}},
        "exporters": {"otlp_grpc/first": one.exporter(), "otlp_grpc/second": other.exporter()},
        "service": {"pipelines": {
            "traces": {"receivers": ["otlp"], "exporters": ["otlp_grpc/first"],
                       "processors": processors["first"]},
            "traces/second": {"receivers": ["otlp"], "exporters": ["otlp_grpc/second"],
                              "processors": processors["second"]}}},
    }


@pytest.mark.parametrize("processors", [[], ["trust"]])
def test_pipelines_with_the_same_receiver_get_all_of_it(start, sink, second, processors):
    trustspan = start(Trustspan, two_pipelines(sink, second, first=processors, second=processors))
    sender = Sender(trustspan.endpoint)
    messages = [request([("s", {"a": i}), ("llm", llm_attributes("q", REFUSAL))]) for i in range(20)]
    for message in messages:
        sender.send(message.SerializeToString())
    wait_for(trustspan.idle)
    wanted = Counter(i for message in messages for i in ids(message))
    assert Counter(sink.ids()) == wanted and Counter(second.ids()) == wanted


def test_a_pipeline_without_processors_leaves_the_bytes_as_they_are(start, sink, second):
    trustspan = start(Trustspan, two_pipelines(sink, second, first=["trust"], second=[]))
    message = request([("s", {"a": 1}), ("llm", {**llm_attributes("q", REFUSAL), OWN + "score": "mine"})])
    odd = b"\xfa\x3e\x03odd"  # field 1007, which nobody knows yet
    body = message.SerializeToString() + odd
    Sender(trustspan.endpoint).send(body)
    wait_for(trustspan.idle)
    assert [taken for taken, _ in second.taken] == [body]
    own = dict(own_attributes(sink)[ids(message)[1]])
    assert own[OWN + "decision"] == "scored" and own[OWN + "score"] == pytest.approx(0.3)


def test_a_pipeline_whose_backend_is_down_does_not_hold_up_the_other(start, sink, second):
    second.refuse = lambda metadata: grpc.StatusCode.UNAVAILABLE
    trustspan = start(Trustspan, two_pipelines(sink, second, first=["trust"], second=["trust"]))
    message = request([("llm", llm_attributes("q", REFUSAL))])
    Sender(trustspan.endpoint).send(message.SerializeToString())
    wait_for_spans(sink, ids(message))
    wait_for(lambda: second.refused)
    assert trustspan.metrics()["trustspan_spool_requests"] == 1, "kept for the other"
    second.refuse = lambda metadata: None
    wait_for_spans(second, ids(message))
    wait_for(trustspan.idle)

"""Requests that are told apart by a forwarded header: one tenant's trouble is its own."""

from __future__ import annotations

import grpc
import pytest

from conftest import Trustspan, wait_for
from sink import Sink
from spans import Sender, ids, llm_attributes, request


@pytest.fixture
def sink():
    sink = Sink()
    yield sink
    sink.stop()


def config(sink: Sink, **queue: object) -> dict:
    return {"processors": {"trust": {"scorer": "local"}},
            "exporters": {"otlp_grpc": sink.exporter(**queue)}}


def one_request():
    return request([("s", {"a": 1}), ("llm", llm_attributes("q", "I don't know that."))])


def by_tenant(sink: Sink) -> dict[str, set[str]]:
    got: dict[str, set[str]] = {"a": set(), "b": set()}
    for message, (_, metadata) in zip(sink.messages(), sink.taken):
        got[metadata["x-tenant"]].update(ids(message))
    return got


def refuse_a(code: grpc.StatusCode):
    return lambda metadata: code if metadata.get("x-tenant") == "a" else None


def send_all(endpoint: str, tenant: str, messages: list) -> set[str]:
    sender = Sender(endpoint)
    for message in messages:
        sender.send(message.SerializeToString(), metadata=[("x-tenant", tenant)])
    return {i for message in messages for i in ids(message)}


@pytest.mark.parametrize("code", ["UNAUTHENTICATED", "PERMISSION_DENIED", "UNAVAILABLE"])
@pytest.mark.parametrize("requests,queue", [
    (1, {}),
    (30, {}),  # more than num_consumers
    (30, {"sending_queue": {"num_consumers": 1}}),
])
def test_a_tenant_that_is_refused_does_not_hold_up_another(start, sink, code, requests, queue):
    sink.refuse = refuse_a(getattr(grpc.StatusCode, code))
    trustspan = start(Trustspan, config(sink, **queue), receiver={"forward_headers": ["x-tenant"]})
    a = send_all(trustspan.endpoint, "a", [one_request() for _ in range(requests)])
    wait_for(lambda: sink.refused, what="the first refusal")
    b = send_all(trustspan.endpoint, "b", [one_request() for _ in range(20)])
    wait_for(lambda: by_tenant(sink)["b"] == b, what="all of b")
    assert by_tenant(sink)["a"] == set()
    assert trustspan.total("otelcol_exporter_send_failed_spans") == 0
    sink.refuse = lambda metadata: None
    wait_for(lambda: by_tenant(sink)["a"] == a, what="all of a, now that it may")
    wait_for(trustspan.idle)
    assert by_tenant(sink) == {"a": a, "b": b}


def test_what_a_tenant_sent_waits_for_it_across_a_restart(start, sink):
    sink.refuse = refuse_a(grpc.StatusCode.UNAUTHENTICATED)
    trustspan = start(Trustspan, config(sink), receiver={"forward_headers": ["x-tenant"]})
    a = send_all(trustspan.endpoint, "a", [one_request() for _ in range(30)])
    b = send_all(trustspan.endpoint, "b", [one_request() for _ in range(5)])
    wait_for(lambda: by_tenant(sink)["b"] == b, what="all of b")
    assert trustspan.process.stop(30) == 0
    trustspan.start()
    more = send_all(trustspan.endpoint, "b", [one_request() for _ in range(5)])
    wait_for(lambda: by_tenant(sink)["b"] == b | more, what="the rest of b")
    assert by_tenant(sink)["a"] == set()
    sink.refuse = lambda metadata: None
    wait_for(lambda: by_tenant(sink)["a"] == a, what="all of a, with its header")
    wait_for(trustspan.idle)

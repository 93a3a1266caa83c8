"""trustspan between hand-made requests and stand-ins that fail on demand: nothing is lost, nothing
comes twice where the backend says so, and every trouble has its code and its sentence."""

from __future__ import annotations

import gzip
import os
import random
import subprocess
import threading
import time
from collections import Counter

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2

from conftest import TRUSTSPAN, Standin, Trustspan, free_port, wait_for
from spans import EXPORT, Sender, ids, llm_attributes, request

QUICK_RETRY = {"initial_interval": "50ms", "max_interval": "200ms"}


def config(backend: Standin, scorers: dict | None = None, **trust: object) -> dict:
    grpc_port, http_port = backend.ports
    return {
        "processors": {"trust": {"scorer": "local", "hold": "2s", **trust}},
        "scorers": scorers or {},
        "exporters": {
            "otlp_grpc": {"endpoint": f"127.0.0.1:{grpc_port}", "tls": {"insecure": True},
                          "timeout": "5s", "retry_on_failure": QUICK_RETRY},
            "phoenix": {"endpoint": f"http://127.0.0.1:{http_port}", "timeout": "2s",
                        "retry_on_failure": QUICK_RETRY},
        },
    }


def cleanlab(tlm: Standin, **settings: object) -> dict:
    return {"cleanlab": {"base_url": f"http://127.0.0.1:{tlm.control_port}/api",
                         "api_key": "test-key", "retry_unit": "20ms", "timeout": "2s", **settings}}


@pytest.fixture
def backend(start):
    return start(Standin, "backend", 2)


def received(backend: Standin) -> Counter:
    return Counter(s["span_id"] for s in backend.state()["spans"])


def by_id(backend: Standin) -> dict[str, dict]:
    return {s["span_id"]: s["attributes"] for s in backend.state()["spans"]}


def all_in(backend: Standin, wanted: list[str]) -> None:
    wait_for(lambda: set(wanted) <= set(received(backend)), what="all spans in the backend")


# ---- the way through ----

def test_llm_spans_get_a_score_and_others_stay_as_they_are(start, backend):
    trustspan = start(Trustspan, config(backend))
    message = request([("work", {"a": 1}), ("llm", llm_attributes("Who?", "I cannot help with that.")),
                       ("more", {"b": "x"})])
    Sender(trustspan.endpoint).send(message.SerializeToString())
    all_in(backend, ids(message))
    work, llm, more = (by_id(backend)[i] for i in ids(message))
    assert work == {"a": 1} and more == {"b": "x"}
    assert llm["trustworthiness.decision"] == "scored"
    assert llm["trustworthiness.score"] == pytest.approx(0.3)
    assert llm["trustworthiness.label"] == "untrustworthy"
    assert llm["trustworthiness.scorer"] == "local"
    note = wait_for(lambda: backend.state()["annotations"], what="the annotation")[0]
    assert note["span_id"] == ids(message)[1]
    assert note["name"] == "Trustworthiness" and note["annotator_kind"] == "CODE"
    assert note["result"]["score"] == llm["trustworthiness.score"]
    wait_for(trustspan.idle, what="an empty spool")


def test_decisions_add_up_to_the_llm_spans_seen(start, backend):
    trustspan = start(Trustspan, config(backend))
    kinds = [llm_attributes("q", "I'm sorry, but I can't assist with that."),
             llm_attributes("q", "Fine."), llm_attributes("q", ""), {"a": 1},
             {"openinference.span.kind": "LLM"}]
    message = request([("s", random.choice(kinds)) for _ in range(500)])
    Sender(trustspan.endpoint).send(message.SerializeToString())
    all_in(backend, ids(message))
    wait_for(trustspan.idle)
    seen = sum("trustworthiness.decision" in a for a in by_id(backend).values())
    assert seen == trustspan.total("trustspan_llm_spans") > 0
    assert seen == trustspan.total("trustspan_decisions")
    assert sum(received(backend).values()) == 500


def test_what_was_there_is_replaced_not_repeated(start, backend):
    trustspan = start(Trustspan, config(backend))
    old = {"trustworthiness.score": "old", "trustworthiness.explanation": "old"}
    message = request([("llm", {**old, **llm_attributes("q", "Fine.")})])
    Sender(trustspan.endpoint).send(message.SerializeToString())
    all_in(backend, ids(message))
    attributes = by_id(backend)[ids(message)[0]]
    assert "trustworthiness.score" not in attributes
    assert attributes["trustworthiness.reason"] == "insufficient_evidence"


def test_all_forms_of_a_score(start, backend):
    trustspan = start(Trustspan, config(
        backend, write=["attributes", "openinference", "gen_ai_event"]))
    taken = {"annotations.0.annotation.name": "mine"}
    message = request([("llm", {**taken, **llm_attributes("q", "I don't know that.")})])
    Sender(trustspan.endpoint).send(message.SerializeToString())
    all_in(backend, ids(message))
    attributes = by_id(backend)[ids(message)[0]]
    assert attributes["annotations.0.annotation.name"] == "mine"
    assert attributes["annotations.1.annotation.name"] == "Trustworthiness"
    assert attributes["annotations.1.annotation.score"] == attributes["trustworthiness.score"]


def test_gzip_both_ways(start, backend):
    settings = config(backend)
    settings["exporters"]["otlp_grpc"]["compression"] = "gzip"
    trustspan = start(Trustspan, settings)
    message = request([("s", {"text": "x" * 10000})] * 20)
    Sender(trustspan.endpoint).send(message.SerializeToString(), compression=grpc.Compression.Gzip)
    all_in(backend, ids(message))


def test_headers_pass_through_and_stay_apart(start, backend):
    trustspan = start(Trustspan, config(backend), receiver={"forward_headers": ["authorization"]})
    one = request([("llm", llm_attributes("q", "I don't know that."))])
    two = request([("llm", llm_attributes("q", "I don't know this."))])
    sender = Sender(trustspan.endpoint)
    sender.send(one.SerializeToString(), metadata=[("authorization", "Bearer one-secret")])
    sender.send(two.SerializeToString(), metadata=[("authorization", "Bearer two-secret")])
    all_in(backend, ids(one) + ids(two))
    sent = {s["span_id"]: s["metadata"]["authorization"] for s in backend.state()["spans"]}
    assert sent == {ids(one)[0]: "Bearer one-secret", ids(two)[0]: "Bearer two-secret"}
    wait_for(lambda: len(backend.state()["annotations"]) == 2, what="both annotations")
    notes = {n["span_id"]: n["auth"] for n in backend.state()["annotations"]}
    assert notes == sent
    assert "secret" not in trustspan.process.log()


def test_large_requests_are_split_for_the_backend(start, backend):
    trustspan = start(Trustspan, config(backend))
    message = request([("s", {"text": "x" * 500_000})] * 20
                      + [("llm", llm_attributes("q" * 100_000, "I don't know. " + "y" * 900_000))] * 6)
    Sender(trustspan.endpoint).send(message.SerializeToString())
    all_in(backend, ids(message))
    assert sum(received(backend).values()) == 26
    assert backend.state()["requests"] >= 4


# ---- bad input ----

def details(error: grpc.RpcError) -> status_pb2.Status:
    status = status_pb2.Status()
    trailing = dict(error.trailing_metadata() or ())
    status.ParseFromString(trailing.get("grpc-status-details-bin", b""))
    return status


@pytest.mark.parametrize("name,body", [
    ("garbage", os.urandom(1000)),
    ("text", b"hello, this is no protobuf at all"),
    ("truncated", request([("s", {"a": "b" * 100})]).SerializeToString()[:-7]),
    ("group", b"\x0b\x0c"),
])
def test_bytes_that_do_not_parse(start, backend, name, body):
    trustspan = start(Trustspan, config(backend))
    error = Sender(trustspan.endpoint).code(body)
    assert error.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "do not parse" in error.details() and "byte" in error.details()
    bad = error_details_pb2.BadRequest()
    assert details(error).details[0].Unpack(bad) and bad.field_violations[0].description


def test_every_truncation_and_every_flipped_byte_is_survived(start, backend):
    trustspan = start(Trustspan, config(backend, scorer="local"))
    body = request([("llm", llm_attributes("q", "I don't know.")), ("s", {"a": 1})])
    body = body.SerializeToString()
    sender = Sender(trustspan.endpoint)
    for at in range(len(body)):
        flipped = body[:at] + bytes([body[at] ^ 0x80]) + body[at + 1:]
        for wrong in (body[:at], flipped):
            try:
                sender.send(wrong)
            except grpc.RpcError as error:
                assert error.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert trustspan.process.child.poll() is None


def test_a_gzip_bomb_is_refused_for_good(start, backend):
    trustspan = start(Trustspan, config(backend))
    bomb = gzip.compress(b"\x0a" + b"\x00" * (200 << 20), 9)
    channel = grpc.insecure_channel(trustspan.endpoint)
    call = channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export",
                               request_serializer=lambda b: b)
    with pytest.raises(grpc.RpcError) as caught:  # grpc compresses the 200 MiB itself
        call(b"\x0a" + b"\x00" * (200 << 20), compression=grpc.Compression.Gzip, timeout=30)
    assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "64" in caught.value.details() or "67108864" in caught.value.details()
    assert not details(caught.value).details, "no RetryInfo: a retry cannot help"
    assert len(bomb) < 1 << 20


def test_too_large_a_request_is_refused_for_good(start, backend):
    trustspan = start(Trustspan, config(backend))
    error = Sender(trustspan.endpoint).code(b"\x0a" * (65 << 20))
    assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED


def test_unknown_methods_are_unimplemented(start, backend):
    trustspan = start(Trustspan, config(backend))
    error = Sender(trustspan.endpoint).code(
        b"", method="/opentelemetry.proto.collector.logs.v1.LogsService/Export")
    assert error.code() == grpc.StatusCode.UNIMPLEMENTED
    assert "TraceService/Export" in error.details()


def odd_spans():
    """Spans no one should send, which must come through all the same."""
    wide = request([("four_mib", {"text": "x" * (4 << 20)})])
    short = request([("short", llm_attributes("q", "I don't know."))])
    short.resource_spans[0].scope_spans[0].spans[0].span_id = b"\x01\x02"
    deep = request([("deep", {})])
    value = deep.resource_spans[0].scope_spans[0].spans[0].attributes.add(key="deep").value
    for _ in range(40):  # Python's protobuf takes 100 messages inside each other, two a level
        value = value.array_value.values.add()
    return [("short", short), ("deep", deep), ("wide", wide)]


@pytest.mark.parametrize("name,message", odd_spans(), ids=lambda x: x if isinstance(x, str) else "")
def test_odd_spans(start, backend, name, message):
    trustspan = start(Trustspan, config(backend))
    Sender(trustspan.endpoint).send(message.SerializeToString())
    if name == "wide": # the backend takes 4 MiB, as Phoenix does: lost, and said
        wait_for(lambda: trustspan.total("otelcol_exporter_send_failed_spans") == 1)
        assert "refused spans for good" in trustspan.process.log()
        return
    all_in(backend, ids(message))
    if name == "short":
        assert by_id(backend)["0102"]["trustworthiness.reason"] == "invalid_id"


def test_nesting_beyond_reason_is_refused(start, backend):
    trustspan = start(Trustspan, config(backend))
    value = b""
    for _ in range(200): # AnyValue{array_value{values{...}}}
        inner = b"\x0a" + varint(len(value)) + value
        value = b"\x2a" + varint(len(inner)) + inner
    attribute = b"\x0a\x01k\x12" + varint(len(value)) + value
    body = attribute
    for tag in (b"\x4a", b"\x12", b"\x12", b"\x0a"):
        body = tag + varint(len(body)) + body
    error = Sender(trustspan.endpoint).code(body)
    assert error.code() == grpc.StatusCode.INVALID_ARGUMENT


def varint(n: int) -> bytes:
    out = b""
    while n >= 0x80:
        out, n = out + bytes([n & 0x7F | 0x80]), n >> 7
    return out + bytes([n])


def test_invalid_utf8_reaches_a_backend_that_cannot_read_it(start, backend):
    trustspan = start(Trustspan, config(backend))
    message = request([("s", {"text": "cut MARK here"}), ("llm", llm_attributes("q MARK", "I don't know."))])
    body = message.SerializeToString().replace(b"MARK", b"\xff\xfe\xc3(")
    Sender(trustspan.endpoint).send(body)
    all_in(backend, ids(message)) # the Python backend throws such requests away; the repaired one it takes
    assert "\ufffd" in by_id(backend)[ids(message)[0]]["text"]


# ---- a backend in trouble ----

@pytest.mark.parametrize("fault", [
    {"code": "UNAVAILABLE", "details": "Server is at capacity and cannot process more requests"},
    {"code": "RESOURCE_EXHAUSTED", "details": "Server is at capacity and cannot process more requests"},
    {"code": "DEADLINE_EXCEEDED"}, {"code": "ABORTED"}, {"code": "CANCELLED"},
    {"code": "UNAUTHENTICATED", "details": "Invalid token"}, {"code": "PERMISSION_DENIED"},
])
def test_troubles_that_pass_lose_nothing(start, backend, fault):
    trustspan = start(Trustspan, config(backend))
    backend.control(grpc_faults=[fault] * 5)
    message = request([("s", {"a": 1}), ("llm", llm_attributes("q", "I don't know."))])
    Sender(trustspan.endpoint).send(message.SerializeToString())
    all_in(backend, ids(message))
    assert set(received(backend).values()) == {1}
    if fault["code"] == "UNAUTHENTICATED":
        assert "refuses the key" in trustspan.process.log()


@pytest.mark.parametrize("code", ["INVALID_ARGUMENT", "UNKNOWN", "NOT_FOUND", "INTERNAL"])
def test_refusals_for_good_are_not_repeated_but_said(start, backend, code):
    trustspan = start(Trustspan, config(backend))
    backend.control(grpc_faults=[{"code": code}])
    Sender(trustspan.endpoint).send(request([("s", {"a": 1})]).SerializeToString())
    wait_for(lambda: trustspan.total("otelcol_exporter_send_failed_spans") == 1)
    assert backend.state()["spans"] == []
    assert "refused spans for good" in trustspan.process.log()
    wait_for(trustspan.idle)


def test_a_backend_that_is_down_gets_everything_when_it_is_back(start, backend):
    backend.process.stop()
    trustspan = start(Trustspan, config(backend))
    sender = Sender(trustspan.endpoint)
    messages = [request([("s", {"a": 1}), ("llm", llm_attributes("q", "I don't know."))])
                for _ in range(20)]
    for message in messages:
        sender.send(message.SerializeToString())
    assert trustspan.metrics()["trustspan_spool_requests"] == 20
    backend.start()
    all_in(backend, sum((ids(m) for m in messages), []))
    wait_for(trustspan.idle)


def test_more_than_memory_holds_waits_on_disk(start, backend):
    settings = config(backend)
    settings["service"] = {"memory_limit": "1MiB"}
    trustspan = start(Trustspan, settings)
    backend.control(grpc_faults=[{"code": "UNAVAILABLE"}] * 60)
    sender = Sender(trustspan.endpoint)
    messages = [request([("s", {"text": "x" * 200_000})]) for _ in range(40)]
    for message in messages:
        sender.send(message.SerializeToString())
    all_in(backend, sum((ids(m) for m in messages), []))
    wait_for(trustspan.idle)
    assert trustspan.metrics()["trustspan_memory_bytes"] == 0


def test_a_full_spool_tells_senders_to_wait(start, backend):
    backend.control(grpc_faults=[{"code": "UNAVAILABLE"}] * 100000)
    settings = {**config(backend), "service": {"shutdown_timeout": "1s"}}
    trustspan = start(Trustspan, settings, storage={"max_size": "1MiB"})
    sender = Sender(trustspan.endpoint)
    error = None
    for _ in range(20):
        try:
            sender.send(request([("s", {"text": "x" * 100_000})]).SerializeToString())
        except grpc.RpcError as caught:
            error = caught
            break
    assert error is not None and error.code() == grpc.StatusCode.UNAVAILABLE
    info = error_details_pb2.RetryInfo()
    assert details(error).details[0].Unpack(info)
    assert info.retry_delay.seconds >= 1
    assert "full" in error.details()


@pytest.mark.parametrize("fault,said", [
    ({"status": 401, "body": "Invalid token"}, "the key is refused"),
    ({"status": 404}, "span_annotations answered 404"),
    ({"status": 500}, "answered 500"),
    ({"status": 507}, "storage is full"),
    ({"status": 503, "latency_ms": 3000}, "did not answer in time"),
])
def test_annotations_survive_a_phoenix_in_trouble(start, backend, fault, said):
    trustspan = start(Trustspan, config(backend))
    backend.control(http_faults=[fault] * 2)
    Sender(trustspan.endpoint).send(
        request([("llm", llm_attributes("q", "I don't know."))]).SerializeToString())
    wait_for(lambda: len(backend.state()["annotations"]) == 1, what="the annotation")
    assert said in trustspan.process.log()


def test_annotations_that_are_refused_are_dropped_and_counted(start, backend):
    trustspan = start(Trustspan, config(backend))
    backend.control(http_faults=[{"status": 422}])
    Sender(trustspan.endpoint).send(
        request([("llm", llm_attributes("q", "I don't know."))]).SerializeToString())
    wait_for(lambda: trustspan.total("trustspan_exporter_failed_evaluations") == 1)
    wait_for(trustspan.idle)


# ---- a scorer in trouble ----

def one_llm_span(start, backend, tlm, **trust):
    trustspan = start(Trustspan, config(backend, cleanlab(tlm), scorer="cleanlab", **trust))
    message = request([("llm", llm_attributes("Which metal melts in your hand?", "Gallium."))])
    Sender(trustspan.endpoint).send(message.SerializeToString())
    all_in(backend, ids(message))
    return trustspan, by_id(backend)[ids(message)[0]]


def test_cleanlab_scores_and_explains(start, backend):
    tlm = start(Standin, "tlm")
    trustspan, attributes = one_llm_span(start, backend, tlm)
    assert attributes["trustworthiness.decision"] == "scored"
    assert 0 <= attributes["trustworthiness.score"] <= 1
    assert "Gallium" in attributes["trustworthiness.explanation"]
    assert attributes["trustworthiness.preset"] == "medium"
    note = wait_for(lambda: backend.state()["annotations"])[0]
    assert note["annotator_kind"] == "LLM"
    assert "test-key" not in trustspan.process.log()


@pytest.mark.parametrize("fault,reason", [
    ({"status": 500}, "unavailable"),
    ({"status": 200, "body": "<html>gateway</html>"}, "unavailable"),
    ({"status": 401, "body": {"code": "invalid_api_key"}}, "unauthenticated"),
    ({"status": 400, "body": {"error": "no"}}, "invalid_argument"),
    ({"status": 200, "body": {"confidence_score": 1.7}}, "out_of_range"),
    ({"status": 200, "body": {"confidence_score": -0.1}}, "out_of_range"),
    ({"status": 200, "body": {"confidence_score": "high"}}, "out_of_range"),
    ({"status": 200, "body": {}}, "internal"),
])
def test_a_scorer_that_fails_leaves_the_span_unscored(start, backend, fault, reason):
    tlm = start(Standin, "tlm")
    tlm.control(always=fault)
    trustspan, attributes = one_llm_span(start, backend, tlm)
    assert attributes["trustworthiness.decision"] == "failed"
    assert attributes["trustworthiness.reason"] == reason
    assert "trustworthiness.score" not in attributes
    assert trustspan.total("trustspan_decisions") == 1


def test_a_service_that_repeats_what_it_was_sent_does_not_reach_the_log(start, backend):
    tlm = start(Standin, "tlm")
    tlm.control(always={"status": 400, "body": {"error": "bad value 'Gallium.' for test-key"}})
    trustspan, attributes = one_llm_span(start, backend, tlm)
    assert attributes["trustworthiness.reason"] == "invalid_argument"
    assert "answered 400" in trustspan.process.log()
    assert "Gallium" not in trustspan.process.log()
    assert "test-key" not in trustspan.process.log()


def test_a_null_score_is_no_score(start, backend):
    tlm = start(Standin, "tlm")
    tlm.control(always={"status": 200, "body": {"confidence_score": None}})
    _, attributes = one_llm_span(start, backend, tlm)
    assert attributes["trustworthiness.decision"] == "skipped"
    assert attributes["trustworthiness.reason"] == "no_score"


@pytest.mark.parametrize("faults", [
    [{"status": 429, "headers": {"Retry-After": "1"}}] * 2,
    [{"status": 500}] * 3,
    [{"status": 200, "body": "<html>"}],
])
def test_a_scorer_that_recovers_is_asked_again(start, backend, faults):
    tlm = start(Standin, "tlm")
    tlm.control(fail_next=faults)
    _, attributes = one_llm_span(start, backend, tlm, hold="10s")
    assert attributes["trustworthiness.decision"] == "scored"


def test_a_slow_score_follows_as_an_evaluation(start, backend):
    tlm = start(Standin, "tlm")
    tlm.control(latency_ms=1500)
    trustspan, attributes = one_llm_span(start, backend, tlm, hold="300ms")
    assert attributes["trustworthiness.decision"] == "late"
    assert "trustworthiness.score" not in attributes
    note = wait_for(lambda: backend.state()["annotations"], what="the late score")[0]
    assert note["metadata"]["arrival"] == "late"
    wait_for(trustspan.idle)
    wait_for(lambda: trustspan.metrics()["trustspan_spool_late"] == 0)


def test_a_late_score_survives_a_restart(start, backend):
    tlm = start(Standin, "tlm")
    tlm.control(latency_ms=60000)
    trustspan, _ = one_llm_span(start, backend, tlm, hold="200ms")
    wait_for(lambda: trustspan.metrics()["trustspan_spool_late"] == 1)
    wait_for(lambda: trustspan.metrics()["trustspan_spool_requests"] == 0)
    trustspan.process.kill()
    tlm.control(latency_ms=0)
    trustspan.start()
    wait_for(lambda: backend.state()["annotations"], what="the late score")
    wait_for(lambda: trustspan.metrics()["trustspan_spool_late"] == 0)
    assert set(received(backend).values()) == {1}, "the span itself is not sent again"


def test_forwarding_never_waits_for_the_scorer(start, backend):
    tlm = start(Standin, "tlm")
    tlm.control(latency_ms=20000)
    trustspan = start(Trustspan, config(backend, cleanlab(tlm), scorer="cleanlab", hold="30s"))
    message = request([("work", {"a": 1}), ("llm", llm_attributes("q", "a"))])
    sender = Sender(trustspan.endpoint)
    before = time.monotonic()
    sender.send(message.SerializeToString())
    assert time.monotonic() - before < 5, "the acknowledgement does not wait for a score"
    all_in(backend, ids(message)[:1])
    assert ids(message)[1] not in received(backend)
    # and a stop lets go of what is held: it leaves late, its score comes with the next start
    trustspan.process.stop()
    assert by_id(backend)[ids(message)[1]]["trustworthiness.reason"] == "shutdown"


def test_a_scorer_that_cannot_keep_up_does_not_stop_the_stream(start, backend):
    tlm = start(Standin, "tlm")
    tlm.control(latency_ms=60000)
    settings = config(backend, cleanlab(tlm), scorer="cleanlab", hold="200ms", max_waiting="1MiB")
    trustspan = start(Trustspan, {**settings, "service": {
        "memory_limit": "4MiB", "shutdown_timeout": "1s"}})
    sender = Sender(trustspan.endpoint)
    messages = [request([("llm", llm_attributes("q" * 200_000, f"a{i}"))]) for i in range(60)]
    for message in messages:
        sender.send(message.SerializeToString())
    all_in(backend, sum((ids(m) for m in messages), []))
    reasons = Counter(a["trustworthiness.reason"] for a in by_id(backend).values())
    assert reasons["hold"] >= 1 and reasons["overload"] >= 1
    assert sum(reasons.values()) == 60
    assert "cannot keep up" in trustspan.process.log()


def test_a_scorer_that_is_down_is_asked_until_it_is_there(start, backend):
    tlm = start(Standin, "tlm")
    tlm.process.stop()
    trustspan = start(Trustspan, config(backend, cleanlab(tlm), scorer="cleanlab", hold="300ms"))
    message = request([("llm", llm_attributes("q", "a"))])
    Sender(trustspan.endpoint).send(message.SerializeToString())
    all_in(backend, ids(message))
    assert by_id(backend)[ids(message)[0]]["trustworthiness.decision"] == "late"
    tlm.start()
    wait_for(lambda: backend.state()["annotations"], what="the late score")


# ---- other ways to stand in the path ----

def test_two_in_a_row_over_tls(start, backend, tmp_path):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
                    "-keyout", tmp_path / "key.pem", "-out", tmp_path / "cert.pem"],
                   check=True, capture_output=True)
    files = {"cert_file": str(tmp_path / "cert.pem"), "key_file": str(tmp_path / "key.pem")}
    (tmp_path / "second").mkdir()
    second = Trustspan(tmp_path / "second", config(backend), protocol={"tls": files})
    settings = config(backend)
    settings["exporters"]["otlp_grpc"].update(
        endpoint=f"localhost:{second.grpc_port}", compression="gzip",
        tls={"ca_file": files["cert_file"]})
    first = start(Trustspan, settings)
    try:
        message = request([("s", {"a": 1}), ("llm", llm_attributes("q", "I don't know."))])
        Sender(first.endpoint).send(message.SerializeToString())
        all_in(backend, ids(message))
        attributes = by_id(backend)[ids(message)[1]]
        assert attributes["trustworthiness.decision"] == "scored"
        wait_for(first.idle)
    finally:
        second.process.stop()


def test_without_storage_all_goes_through_memory(start, backend):
    trustspan = start(Trustspan, {**config(backend), "service": {
        "storage": "none", "memory_limit": "1MiB", "shutdown_timeout": "1s"}})
    sender = Sender(trustspan.endpoint)
    message = request([("s", {"text": "x" * 100_000})])
    sender.send(message.SerializeToString())
    all_in(backend, ids(message))
    assert not (trustspan.directory / "state").exists()
    backend.control(grpc_faults=[{"code": "UNAVAILABLE"}] * 100000)
    with pytest.raises(grpc.RpcError) as caught:
        for _ in range(20):
            sender.send(request([("s", {"text": "x" * 100_000})]).SerializeToString())
    assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
    assert "memory_limit" in caught.value.details()


def test_calls_beyond_the_limit_are_told_to_wait(start, backend):
    trustspan = start(Trustspan, config(backend), protocol={"max_calls": 1})
    body = request([("s", {"text": "x" * 2_000_000})]).SerializeToString()
    call = Sender(trustspan.endpoint).channel.unary_unary(EXPORT)
    codes = Counter(f.code() for f in [call.future(body, timeout=20) for _ in range(40)])
    assert set(codes) <= {grpc.StatusCode.OK, grpc.StatusCode.UNAVAILABLE}
    assert codes[grpc.StatusCode.OK] >= 1


def test_a_slow_backend_is_given_time_and_tried_again(start, backend):
    settings = config(backend)
    settings["exporters"]["otlp_grpc"]["timeout"] = "300ms"
    trustspan = start(Trustspan, settings)
    backend.control(latency_ms=1000)
    message = request([("s", {"a": 1})])
    Sender(trustspan.endpoint).send(message.SerializeToString())
    wait_for(lambda: trustspan.total("trustspan_exporter_retries") >= 2)
    backend.control(latency_ms=0)
    all_in(backend, ids(message))
    wait_for(trustspan.idle)


# ---- killed ----

def test_two_hundred_kills_lose_nothing_that_was_acknowledged(start, backend):
    kills = int(os.environ.get("TRUSTSPAN_KILLS", "200"))
    trustspan = start(Trustspan, config(backend, hold="100ms"))
    acknowledged: list[str] = []
    stop = threading.Event()

    def load(seed: int) -> None:
        sender = Sender(trustspan.endpoint)
        rng = random.Random(seed)
        while not stop.is_set():
            message = request([("llm", llm_attributes("q", "I don't know.")) if rng.random() < 0.3
                               else ("s", {"a": 1}) for _ in range(rng.randint(1, 20))])
            try:
                sender.send(message.SerializeToString(), timeout=2)
                acknowledged.extend(ids(message))
            except grpc.RpcError:
                sender = Sender(trustspan.endpoint)
                time.sleep(0.01)

    threads = [threading.Thread(target=load, args=(i,)) for i in range(3)]
    for thread in threads:
        thread.start()
    rng = random.Random(1)
    try:
        for _ in range(kills):
            time.sleep(rng.uniform(0.0, 0.06))
            trustspan.process.kill()
            trustspan.start()
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    wait_for(trustspan.idle, 120, "the spool to drain")
    got = set(received(backend))
    missing = [i for i in acknowledged if i not in got]
    assert len(acknowledged) > kills
    assert not missing, f"{len(missing)} of {len(acknowledged)} acknowledged spans are missing"


# ---- starts that cannot be ----

def run_with(tmp_path, text: str, env: dict | None = None) -> subprocess.CompletedProcess:
    path = tmp_path / "c.yaml"
    path.write_text(text)
    return subprocess.run([TRUSTSPAN, "run", "--config", str(path)], capture_output=True, text=True,
                          timeout=20, env={**os.environ, **(env or {})})


BASE = """
receivers: {otlp: {protocols: {grpc: {endpoint: "127.0.0.1:%d"}}}}
exporters: {debug: {}}
service: {storage: %s, telemetry: {metrics: {endpoint: ""}}}
"""


def test_a_port_in_use_is_named(start, backend, tmp_path):
    done = run_with(tmp_path, BASE % (backend.ports[0], "none"))
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1
    assert "receivers::otlp" in done.stderr and "in use" in done.stderr


def test_a_state_directory_that_cannot_be_is_named(tmp_path):
    text = BASE % (free_port(), "file_storage") + 'extensions: {file_storage: {directory: "/proc/x"}}'
    done = run_with(tmp_path, text)
    assert done.returncode == 1
    assert "extensions::file_storage" in done.stderr and "/proc/x" in done.stderr


@pytest.mark.parametrize("text,said", [
    ("exporters:\n  otlp_grpc: {endpont: 'x:1'}\n", "c.yaml:2:15 exporters::otlp_grpc: unknown key 'endpont'; did you mean 'endpoint'?"),
    ("exporters:\n  otlp_grpc: {endpoint: 'x:1', timeout: 200}\n", "c.yaml:2:41 exporters::otlp_grpc::timeout: bare number '200' has no unit"),
    ("exporters:\n  otlp_grp: {}\n", "unknown exporter 'otlp_grp'; did you mean 'otlp_grpc'?"),
    ("exporters: {debug: {}}\nprocessors:\n  trust: {thresholds: {trustworthy: 1.5}}\n", "c.yaml:3:37 processors::trust::thresholds::trustworthy: '1.5' is above the most '1'"),
    ("exporters: {debug: {}}\nprocessors: {trust: {scorer: nobody}}\n", "scorer 'nobody' is not defined"),
    ("exporters: {debug: {}}\nprocessors: {trust: {scorer: cleanlab}}\n", "api_key is missing; set CLEANLAB_TLM_API_KEY"),
    ("exporters: [1, 2\n", "c.yaml:"),
    ("exporters: {otlp_grpc: {endpoint: '127.0.0.1:4317'}}\n", "'127.0.0.1:4317' is where trustspan itself listens"),
    ("service: {storage: none}\n", "'http://localhost:4317' is where trustspan itself listens"),
])
def test_wrong_configurations_say_where_and_what(tmp_path, text, said):
    env = {"CLEANLAB_TLM_API_KEY": "", "PHOENIX_GRPC_PORT": "4317",
           "PHOENIX_COLLECTOR_ENDPOINT": "", "OTEL_EXPORTER_OTLP_ENDPOINT": ""}
    done = run_with(tmp_path, text, env)
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1
    assert said in done.stderr

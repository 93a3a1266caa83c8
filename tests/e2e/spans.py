"""Making OTLP requests by hand, for what no SDK would send."""

from __future__ import annotations

import os

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as service

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


def attribute(span, key: str, value: object) -> None:
    a = span.attributes.add(key=key)
    if isinstance(value, bytes):
        a.value.bytes_value = value
    elif isinstance(value, bool):
        a.value.bool_value = value
    elif isinstance(value, int):
        a.value.int_value = value
    else:
        a.value.string_value = str(value)


def llm_attributes(question: str, answer: str) -> dict[str, object]:
    return {
        "openinference.span.kind": "LLM",
        "llm.model_name": "gpt-4o-mini",
        "llm.input_messages.0.message.role": "user",
        "llm.input_messages.0.message.content": question,
        "llm.output_messages.0.message.role": "assistant",
        "llm.output_messages.0.message.content": answer,
        "llm.finish_reason": "stop",
    }


def request(spans: list[tuple[str, dict]], trace_id: bytes | None = None):
    """One request with these (name, attributes) as spans; ids are random."""
    out = service.ExportTraceServiceRequest()
    resource = out.resource_spans.add()
    resource.resource.attributes.add(key="service.name").value.string_value = "tests"
    scope = resource.scope_spans.add()
    scope.scope.name = "tests"
    for name, attributes in spans:
        span = scope.spans.add(name=name, trace_id=trace_id or os.urandom(16),
                               span_id=os.urandom(8), start_time_unix_nano=1, end_time_unix_nano=2)
        for key, value in attributes.items():
            attribute(span, key, value)
    return out


def ids(message) -> list[str]:
    return [s.span_id.hex() for r in message.resource_spans for c in r.scope_spans
            for s in c.spans]


class Sender:
    """Sends bytes, whatever they are."""

    def __init__(self, endpoint: str):
        self.channel = grpc.insecure_channel(
            endpoint, options=[("grpc.max_send_message_length", -1)])

    def send(self, body: bytes, method: str = EXPORT, metadata=(), compression=None,
             timeout: float = 20) -> bytes:
        call = self.channel.unary_unary(method)
        return call(body, timeout=timeout, metadata=metadata, compression=compression)

    def code(self, body: bytes, **kwargs) -> grpc.RpcError:
        try:
            self.send(body, **kwargs)
        except grpc.RpcError as error:
            return error
        raise AssertionError("the request was accepted")

"""What the apps beside share: the questions, the tool, the document, and a tracer provider that sends
to trustspan. Every app runs as `APP.py TRUSTSPAN_ENDPOINT MODEL_URL`; the model is
tests/standin/llm.py, which knows the answers.
"""

from __future__ import annotations

import contextlib
import os
import sys

SYSTEM = "Answer briefly."
QUESTION = "How many legs does a spider have?"
STREAMED = "Who wrote the play Hamlet?"
TOOL_QUESTION = "Will it rain in Bergen tomorrow?"
FORECAST = "Rain from noon, 9 degrees."  # what the tool says
DOCUMENT_QUESTION = "How deep is the harbour of Vardal?"
DOCUMENT = "The harbour of Vardal was dredged to 14 metres in 2019."
OTHER_DOCUMENT = "The lighthouse of Skarv has not been manned since 1984."
GOLD_QUESTION = "What is the chemical symbol of gold?"
GOLD = "The chemical symbol of gold is Au."
MODEL = "gpt-4o-mini"
TOOL = {"type": "function", "function": {
    "name": "forecast", "description": "Tomorrow's weather.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}},
                   "required": ["city"]}}}


def model_url(path: str = "/v1") -> str:
    return sys.argv[2] + path


def environment() -> None:
    """What a deployment would set for the clients."""
    os.environ.update({
        "OPENAI_API_KEY": "k", "OPENAI_BASE_URL": model_url(),
        "ANTHROPIC_API_KEY": "k", "ANTHROPIC_BASE_URL": model_url(""),
        "GOOGLE_API_KEY": "k", "GOOGLE_GEMINI_BASE_URL": model_url("")})


def exporter():
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

    return OTLPSpanExporter(endpoint=f"http://{sys.argv[1]}", insecure=True)


@contextlib.contextmanager
def tracing():
    """A provider that is the process's own while the block runs; all spans have been sent after it."""
    environment()
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor

    alone = os.environ.get("EACH_SPAN_ALONE")  # a request a span, children first
    provider = TracerProvider()
    provider.add_span_processor((SimpleSpanProcessor if alone else BatchSpanProcessor)(exporter()))
    trace.set_tracer_provider(provider)
    try:
        yield provider
    finally:
        provider.shutdown()

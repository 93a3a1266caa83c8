"""A small question-answering app, instrumented the way such apps are: the OpenTelemetry SDK with its
OTLP exporter, and OpenInference's instrumentor for the OpenAI client. It knows nothing of trustspan.

Set OTEL_EXPORTER_OTLP_ENDPOINT, OPENAI_API_KEY and, for another model server, OPENAI_BASE_URL.
"""

from __future__ import annotations

import os

from openai import OpenAI
from openinference.instrumentation.openai import OpenAIInstrumentor
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

QUESTIONS: list[tuple[str, dict]] = [
    ("What is the capital of Australia?", {}),
    ("How many legs does a spider have?", {}),
    ("Who wrote the play Hamlet?", {}),
    ("Which planet has the most moons?", {}),
    ("What is 17 times 23?", {}),
    ("In which year did the Berlin Wall fall?", {}),
    ("What is the chemical symbol of gold?", {}),
    ("How many bones does an adult human have?", {}),
    ("Recite the alphabet backwards, one letter a line.", {"max_tokens": 5}),
    ("What did the mayor of Atlantis say yesterday?", {}),
    ("Which river is the longest in Europe?", {"stream": True, "logprobs": None}),
    ("Describe the city Oslo as JSON.", {"response_format": {"type": "json_schema", "json_schema": {
        "name": "city", "strict": True, "schema": {
            "type": "object", "required": ["name", "country", "population"],
            "properties": {"name": {"type": "string"}, "country": {"type": "string"},
                           "population": {"type": "integer"}}}}}}),
    ("Will it rain in Bergen tomorrow?", {"tools": [{"type": "function", "function": {
        "name": "forecast", "description": "Weather of tomorrow.", "parameters": {
            "type": "object", "properties": {"city": {"type": "string"}},
            "required": ["city"]}}}]}),
]


def ask(client: OpenAI, question: str, options: dict) -> None:
    arguments = {"logprobs": True, **options}
    arguments = {key: value for key, value in arguments.items() if value is not None}
    reply = client.chat.completions.create(
        model=os.environ.get("DEMO_MODEL", "gpt-4o-mini"),
        messages=[
            {"role": "system", "content": "Answer in one short sentence."},
            {"role": "user", "content": question},
        ],
        **arguments,
    )
    if options.get("stream"):
        for _ in reply:
            pass


def main() -> None:
    project = os.environ.get("DEMO_PROJECT", "trustspan-demo")
    resource = Resource.create(
        {"service.name": "quiz-app", "openinference.project.name": project}
    )
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(insecure=True)))
    trace.set_tracer_provider(provider)
    OpenAIInstrumentor().instrument(tracer_provider=provider)
    tracer = trace.get_tracer("quiz-app")
    client = OpenAI()
    for question, options in QUESTIONS:
        with tracer.start_as_current_span("quiz") as span:
            span.set_attribute("openinference.span.kind", "CHAIN")
            span.set_attribute("input.value", question)
            ask(client, question, options)
    provider.shutdown()
    print(f"{len(QUESTIONS)} questions asked")


if __name__ == "__main__":
    main()

"""The openai client, instrumented by OpenTelemetry's own GenAI instrumentation, content on spans."""

import os

os.environ["OTEL_SEMCONV_STABILITY_OPT_IN"] = "gen_ai_latest_experimental"
os.environ["OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"] = "SPAN_ONLY"

from openai import OpenAI  # noqa: E402 - the environment comes first
from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor  # noqa: E402

import common  # noqa: E402
import with_openai  # noqa: E402

with common.tracing() as provider:
    OpenAIInstrumentor().instrument(tracer_provider=provider)
    with_openai.converse(OpenAI())

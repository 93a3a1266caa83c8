"""The openai client, instrumented by OpenInference."""

from openai import OpenAI
from openinference.instrumentation.openai import OpenAIInstrumentor

import common
import with_openai

with common.tracing() as provider:
    OpenAIInstrumentor().instrument(tracer_provider=provider)
    with_openai.converse(OpenAI())

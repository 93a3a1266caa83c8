"""LangChain, and the openai client below it, both instrumented: every call is told of twice. LangChain's
instrumentor does not make its spans current, so that each telling is a trace of its own, unless a span
is open around them, as of a web framework: with SPAN_AROUND=1.
"""

import contextlib
import os

from langchain_openai import ChatOpenAI
from openinference.instrumentation.langchain import LangChainInstrumentor
from openinference.instrumentation.openai import OpenAIInstrumentor

import common
import with_langchain

with common.tracing() as provider:
    LangChainInstrumentor().instrument(tracer_provider=provider)
    OpenAIInstrumentor().instrument(tracer_provider=provider)
    with (provider.get_tracer("app").start_as_current_span("POST /questions")
          if os.environ.get("SPAN_AROUND") else contextlib.nullcontext()):
        with_langchain.converse(ChatOpenAI(model=common.MODEL, stream_usage=True))

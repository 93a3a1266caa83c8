"""LangChain, and the openai client below it, both instrumented: every call is told of twice. The span
around stands for the request that a web framework's instrumentation would have opened; without one
each telling would be a trace of its own."""

from langchain_openai import ChatOpenAI
from openinference.instrumentation.langchain import LangChainInstrumentor
from openinference.instrumentation.openai import OpenAIInstrumentor

import common
import with_langchain

with common.tracing() as provider:
    LangChainInstrumentor().instrument(tracer_provider=provider)
    OpenAIInstrumentor().instrument(tracer_provider=provider)
    with provider.get_tracer("app").start_as_current_span("POST /questions"):
        with_langchain.converse(ChatOpenAI(model=common.MODEL, stream_usage=True))

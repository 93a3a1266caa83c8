"""LangChain, and the openai client below it, both instrumented: every call is told of twice."""

from langchain_openai import ChatOpenAI
from openinference.instrumentation.langchain import LangChainInstrumentor
from openinference.instrumentation.openai import OpenAIInstrumentor

import common
import with_langchain

with common.tracing() as provider:
    LangChainInstrumentor().instrument(tracer_provider=provider)
    OpenAIInstrumentor().instrument(tracer_provider=provider)
    with_langchain.converse(ChatOpenAI(model=common.MODEL, stream_usage=True))

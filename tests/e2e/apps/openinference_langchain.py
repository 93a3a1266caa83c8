"""LangChain with a retriever, instrumented by OpenInference."""

from langchain_openai import ChatOpenAI
from openinference.instrumentation.langchain import LangChainInstrumentor

import common
import with_langchain

with common.tracing() as provider:
    LangChainInstrumentor().instrument(tracer_provider=provider)
    chat = ChatOpenAI(model=common.MODEL, stream_usage=True)
    with_langchain.converse(chat)
    with_langchain.retrieve(chat)

"""LangChain with a retriever, instrumented by OpenLLMetry."""

from langchain_openai import ChatOpenAI
from opentelemetry.instrumentation.langchain import LangchainInstrumentor

import common
import with_langchain

with common.tracing() as provider:
    LangchainInstrumentor().instrument(tracer_provider=provider)
    chat = ChatOpenAI(model=common.MODEL, stream_usage=True)
    with_langchain.converse(chat)
    with_langchain.retrieve(chat)

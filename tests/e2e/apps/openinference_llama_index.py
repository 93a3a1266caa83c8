"""LlamaIndex with an index of documents in memory, instrumented by OpenInference."""

from llama_index.core import Document, VectorStoreIndex
from llama_index.core.llms import ChatMessage
from llama_index.core.tools import FunctionTool
from llama_index.embeddings.openai import OpenAIEmbedding
from llama_index.llms.openai import OpenAI
from openinference.instrumentation.llama_index import LlamaIndexInstrumentor

import common


def forecast(city: str) -> str:
    """Tomorrow's weather."""
    return common.FORECAST


def asked(question: str) -> list[ChatMessage]:
    return [ChatMessage(role="system", content=common.SYSTEM),
            ChatMessage(role="user", content=question)]


with common.tracing() as provider:
    LlamaIndexInstrumentor().instrument(tracer_provider=provider)
    llm = OpenAI(model=common.MODEL, api_base=common.model_url())
    llm.chat(asked(common.QUESTION))
    for _ in llm.stream_chat(asked(common.STREAMED), stream_options={"include_usage": True}):
        pass
    tool = FunctionTool.from_defaults(forecast, description="Tomorrow's weather.")
    call = llm.chat_with_tools([tool], chat_history=asked(common.TOOL_QUESTION))
    made = llm.get_tool_calls_from_response(call)[0]
    result = ChatMessage(role="tool", content=str(tool(**made.tool_kwargs)),
                         additional_kwargs={"tool_call_id": made.tool_id})
    llm.chat_with_tools([tool], chat_history=[*asked(common.TOOL_QUESTION), call.message, result])
    index = VectorStoreIndex.from_documents(
        [Document(text=common.DOCUMENT), Document(text=common.OTHER_DOCUMENT)],
        embed_model=OpenAIEmbedding(api_base=common.model_url()))
    index.as_query_engine(llm=llm, similarity_top_k=1).query(common.DOCUMENT_QUESTION)

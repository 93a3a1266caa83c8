"""A conversation through LangChain: a question, a stream, a tool call with its result, and a chain
that retrieves a document first."""

from __future__ import annotations

from langchain_core.documents import Document
from langchain_core.messages import HumanMessage, SystemMessage, ToolMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnablePassthrough
from langchain_core.vectorstores import InMemoryVectorStore
from langchain_openai import ChatOpenAI, OpenAIEmbeddings

import common


def messages(question: str) -> list:
    return [SystemMessage(common.SYSTEM), HumanMessage(question)]


def converse(chat: ChatOpenAI) -> None:
    chat.invoke(messages(common.QUESTION))
    for _ in chat.stream(messages(common.STREAMED)):
        pass
    with_tools = chat.bind_tools([common.TOOL])
    asked = messages(common.TOOL_QUESTION)
    call = with_tools.invoke(asked)
    result = ToolMessage(common.FORECAST, tool_call_id=call.tool_calls[0]["id"])
    with_tools.invoke([*asked, call, result])


def retrieve(chat: ChatOpenAI) -> None:
    store = InMemoryVectorStore(OpenAIEmbeddings(check_embedding_ctx_length=False))
    store.add_documents([Document(common.DOCUMENT), Document(common.OTHER_DOCUMENT)])
    retriever = store.as_retriever(search_kwargs={"k": 1})
    prompt = ChatPromptTemplate([("system", common.SYSTEM),
                                 ("user", "Context:\n{context}\n\n{question}")])
    found = retriever | (lambda documents: "\n".join(d.page_content for d in documents))
    chain = {"context": found, "question": RunnablePassthrough()} | prompt | chat | StrOutputParser()
    chain.invoke(common.DOCUMENT_QUESTION)

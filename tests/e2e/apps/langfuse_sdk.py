"""Langfuse's SDK: its openai client, an observed retriever before a call, and a generation written by
hand. Its spans go to trustspan instead of Langfuse."""

import common

common.environment()

from langfuse import Langfuse, observe  # noqa: E402 - the environment comes first
from langfuse.openai import OpenAI  # noqa: E402

import with_openai  # noqa: E402

langfuse = Langfuse(public_key="pk-lf-1", secret_key="sk-lf-1", base_url="http://127.0.0.1:9",
                    span_exporter=common.exporter())
client = OpenAI()


@observe(as_type="retriever")
def retrieve(question: str) -> list[str]:
    return [common.DOCUMENT]


@observe()
def answer_from_documents(question: str) -> None:
    context = "\n".join(retrieve(question))
    client.chat.completions.create(model=common.MODEL, messages=[
        {"role": "system", "content": common.SYSTEM},
        {"role": "user", "content": f"Context:\n{context}\n\n{question}"}])


def by_hand() -> None:
    with langfuse.start_as_current_observation(
            name="own model", as_type="generation", model="own-model",
            input=[{"role": "system", "content": common.SYSTEM},
                   {"role": "user", "content": common.GOLD_QUESTION}]) as generation:
        generation.update(output=common.GOLD, usage_details={"input": 20, "output": 7})


with_openai.converse(client)
answer_from_documents(common.DOCUMENT_QUESTION)
by_hand()
langfuse.flush()

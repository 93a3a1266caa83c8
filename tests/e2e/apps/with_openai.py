"""A conversation over the openai client: a question, a stream, and a tool call with its result."""

from __future__ import annotations

import common


def converse(client) -> None:
    def ask(question: str, more: list = (), **settings: object):
        messages = [{"role": "system", "content": common.SYSTEM},
                    {"role": "user", "content": question}, *more]
        return client.chat.completions.create(model=common.MODEL, messages=messages, **settings)

    ask(common.QUESTION)
    for _ in ask(common.STREAMED, stream=True, stream_options={"include_usage": True}):
        pass
    message = ask(common.TOOL_QUESTION, tools=[common.TOOL]).choices[0].message
    ask(common.TOOL_QUESTION, tools=[common.TOOL], more=[
        message.model_dump(exclude_none=True),
        {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": common.FORECAST}])

"""The anthropic client, instrumented by OpenInference. The client also tells of each call itself,
without its content."""

from anthropic import Anthropic
from openinference.instrumentation.anthropic import AnthropicInstrumentor

import common

FUNCTION = common.TOOL["function"]
TOOL = {"name": FUNCTION["name"], "description": FUNCTION["description"],
        "input_schema": FUNCTION["parameters"]}


def request(question: str, *more: dict, **settings: object) -> dict:
    return {"model": "claude-sonnet-5", "max_tokens": 500, "system": common.SYSTEM,
            "messages": [{"role": "user", "content": question}, *more], **settings}


with common.tracing() as provider:
    AnthropicInstrumentor().instrument(tracer_provider=provider)
    client = Anthropic()
    client.messages.create(**request(common.QUESTION))
    with client.messages.stream(**request(common.STREAMED)) as stream:
        stream.get_final_message()
    call = client.messages.create(**request(common.TOOL_QUESTION, tools=[TOOL]))
    result = {"type": "tool_result", "tool_use_id": call.content[0].id, "content": common.FORECAST}
    client.messages.create(**request(
        common.TOOL_QUESTION, {"role": "assistant", "content": call.content},
        {"role": "user", "content": [result]}, tools=[TOOL]))

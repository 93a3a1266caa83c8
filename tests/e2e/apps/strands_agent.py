"""Strands agents with a tool; Strands tells of them through the process's own tracer provider. Its
model calls are always streams."""

from strands import Agent, tool
from strands.models.openai import OpenAIModel

import common


@tool
def forecast(city: str) -> str:
    """Tomorrow's weather."""
    return common.FORECAST


def agent(*tools: object) -> Agent:
    return Agent(model=OpenAIModel(model_id=common.MODEL), system_prompt=common.SYSTEM,
                 tools=list(tools), callback_handler=None)


with common.tracing():
    agent()(common.QUESTION)
    agent()(common.STREAMED)
    agent(forecast)(common.TOOL_QUESTION)

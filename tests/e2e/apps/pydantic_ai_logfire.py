"""A pydantic-ai agent, told of by Logfire, whose spans go to trustspan beside Logfire's own exporter."""

import asyncio

import common

common.environment()

import logfire  # noqa: E402 - the environment comes first
from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: E402
from pydantic_ai import Agent  # noqa: E402

logfire.configure(send_to_logfire=False, console=False,
                  additional_span_processors=[BatchSpanProcessor(common.exporter())])
logfire.instrument_pydantic_ai()
agent = Agent(f"openai-chat:{common.MODEL}", instructions=common.SYSTEM)
weather = Agent(f"openai-chat:{common.MODEL}", instructions=common.SYSTEM)


@weather.tool_plain
def forecast(city: str) -> str:
    """Tomorrow's weather."""
    return common.FORECAST


async def converse() -> None:
    await agent.run(common.QUESTION)
    async with agent.run_stream(common.STREAMED) as result:
        async for _ in result.stream_text():
            pass
    await weather.run(common.TOOL_QUESTION)


asyncio.run(converse())
logfire.shutdown()

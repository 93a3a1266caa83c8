"""Google's Agent Development Kit with a tool, on the Gemini API; it tells of its calls through the
process's own tracer provider: with content only where the environment asks for it, as tests do."""

import asyncio

import common

common.environment()

from google.adk.agents import LlmAgent  # noqa: E402 - the environment comes first
from google.adk.agents.run_config import RunConfig, StreamingMode  # noqa: E402
from google.adk.runners import InMemoryRunner  # noqa: E402
from google.genai import types  # noqa: E402


def forecast(city: str) -> str:
    """Tomorrow's weather."""
    return common.FORECAST


async def ask(question: str, *tools: object, mode: StreamingMode = StreamingMode.NONE) -> None:
    agent = LlmAgent(name="helper", model="gemini-2.5-flash", instruction=common.SYSTEM,
                     tools=list(tools))
    runner = InMemoryRunner(agent, app_name="app")
    session = await runner.session_service.create_session(app_name="app", user_id="u-7")
    message = types.Content(role="user", parts=[types.Part(text=question)])
    async for _ in runner.run_async(user_id="u-7", session_id=session.id, new_message=message,
                                    run_config=RunConfig(streaming_mode=mode)):
        pass


async def converse() -> None:
    await ask(common.QUESTION)
    await ask(common.STREAMED, mode=StreamingMode.SSE)
    await ask(common.TOOL_QUESTION, forecast)


with common.tracing():
    asyncio.run(converse())

"""The reference client (trustworthy-llm on PyPI) doing the work of bench_tlm: N scores at preset medium
against the same judge. Prints CPU ms a score.

tlm_peer.py PORT SCORES
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time

os.environ.update(OPENAI_API_KEY="k", OPENAI_API_BASE=f"http://127.0.0.1:{sys.argv[1]}/v1",
                  OPENAI_BASE_URL=f"http://127.0.0.1:{sys.argv[1]}/v1", LITELLM_LOG="ERROR")
from tlm import TLM  # noqa: E402


async def main() -> None:
    tlm, n = TLM(), int(sys.argv[2])
    messages = [{"role": "user", "content": "Which metal melts in the hand?"}]
    completion = {"chat_completion": {
        "id": "c", "object": "chat.completion", "created": 1, "model": "gpt-4.1-mini",
        "choices": [{"index": 0, "finish_reason": "stop",
                     "message": {"role": "assistant", "content": "Gallium."}}]}}
    limit = asyncio.Semaphore(100)

    async def one() -> float:
        async with limit:
            result = await tlm._async_inference(response=completion, evals=[], messages=messages,
                                                model="gpt-4.1-mini")
            return result.trustworthiness_score if hasattr(result, "trustworthiness_score") \
                else result["trustworthiness_score"]

    await one()  # what is loaded on first use is not counted
    began = time.process_time()
    scores = await asyncio.gather(*(one() for _ in range(n)))
    used = time.process_time() - began
    print(json.dumps({"scores": sum(s is not None for s in scores),
                      "cpu_ms_per_score": round(used * 1000 / n, 3)}))


asyncio.run(main())

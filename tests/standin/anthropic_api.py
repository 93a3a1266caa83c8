"""The model stand-in behind Anthropic's Messages API: requests become chat requests of llm.py, its
choices become messages, whole or as the event stream that Anthropic's clients read.

Wire contract: POST /v1/messages with `anthropic-version`; `max_tokens` is required.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

STOP = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}


def serves(path: str) -> bool:
    return path.endswith("/messages")


def refused(headers, body: dict) -> dict | None:
    for name, there in {"anthropic-version": headers.get("anthropic-version"),
                        "x-api-key": headers.get("x-api-key") or headers.get("Authorization"),
                        "model": body.get("model"), "messages": body.get("messages"),
                        "max_tokens": body.get("max_tokens")}.items():
        if not there:
            return {"type": "error", "error": {"type": "invalid_request_error",
                                               "message": f"{name}: Field required"}}
    return None


def streams(_path: str, body: dict) -> bool:
    return bool(body.get("stream"))


def texts(content: object) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(b["text"] for b in content or [] if b.get("type") == "text")


def chat(_path: str, body: dict) -> dict:
    messages = [{"role": "system", "content": texts(body["system"])}] if body.get("system") else []
    for m in body["messages"]:
        blocks = m["content"] if isinstance(m["content"], list) else []
        results = [b for b in blocks if b["type"] == "tool_result"]
        messages += [{"role": "tool", "tool_call_id": b["tool_use_id"],
                      "content": texts(b.get("content"))} for b in results]
        if not results:
            messages.append({"role": m["role"], "content": texts(m["content"])})
    tools = [{"type": "function", "function": {"name": t["name"]}} for t in body.get("tools", [])]
    return {"model": body["model"], "messages": messages, "tools": tools,
            "max_tokens": body["max_tokens"]}


def blocks_of(choice: dict) -> list[dict]:
    message = choice["message"]
    blocks = [{"type": "text", "text": message["content"]}] if message["content"] else []
    return blocks + [{"type": "tool_use", "id": c["id"].replace("call_", "toolu_"),
                      "name": c["function"]["name"], "input": json.loads(c["function"]["arguments"])}
                     for c in message.get("tool_calls", [])]


def whole(body: dict, choice: dict, usage: dict) -> dict:
    return {"id": f"msg_{time.monotonic_ns():x}", "type": "message", "role": "assistant",
            "model": body["model"], "content": blocks_of(choice),
            "stop_reason": STOP[choice["finish_reason"]], "stop_sequence": None,
            "usage": {"input_tokens": usage["prompt_tokens"],
                      "output_tokens": usage["completion_tokens"]}}


def events(body: dict, choice: dict, usage: dict) -> Iterator[str]:
    message = whole(body, choice, usage)

    def event(kind: str, **data: object) -> str:
        return f"event: {kind}\ndata: {json.dumps({'type': kind, **data})}\n\n"

    yield event("message_start", message={**message, "content": [], "stop_reason": None,
                                          "usage": {**message["usage"], "output_tokens": 1}})
    for i, block in enumerate(message["content"]):
        if block["type"] == "text":
            yield event("content_block_start", index=i, content_block={"type": "text", "text": ""})
            deltas = [{"type": "text_delta", "text": w + " "} for w in block["text"].split(" ")]
            deltas[-1]["text"] = deltas[-1]["text"][:-1]
        else:
            yield event("content_block_start", index=i, content_block={**block, "input": {}})
            text = json.dumps(block["input"])
            deltas = [{"type": "input_json_delta", "partial_json": p} for p in (text[:5], text[5:])]
        for delta in deltas:
            yield event("content_block_delta", index=i, delta=delta)
        yield event("content_block_stop", index=i)
    yield event("message_delta", delta={"stop_reason": message["stop_reason"],
                                        "stop_sequence": None},
                usage={"output_tokens": usage["completion_tokens"]})
    yield event("message_stop")

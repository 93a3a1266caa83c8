"""The model stand-in behind OpenAI's Responses API: requests become chat requests of llm.py, its
choices become a response of items, whole or as typed events.

Wire contract: POST /v1/responses with `model` and `input`; events are numbered.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator


def serves(path: str) -> bool:
    return path.endswith("/responses")


def refused(headers, body: dict) -> dict | None:
    for name, there in {"model": body.get("model"), "input": body.get("input"),
                        "authorization": headers.get("Authorization")}.items():
        if not there:
            return {"error": {"message": f"Missing required parameter: '{name}'.", "param": name,
                              "type": "invalid_request_error", "code": "missing_parameter"}}
    return None


def streams(_path: str, body: dict) -> bool:
    return bool(body.get("stream"))


def texts(content: object) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(p["text"] for p in content or [] if "text" in p)


def chat(_path: str, body: dict) -> dict:
    system = body.get("instructions")
    messages = [{"role": "system", "content": system}] if system else []
    items = body["input"]
    for item in [{"role": "user", "content": items}] if isinstance(items, str) else items:
        if item.get("type") == "function_call_output":
            messages.append({"role": "tool", "content": texts(item["output"])})
        elif item.get("type", "message") == "message":
            messages.append({"role": item["role"], "content": texts(item["content"])})
    tools = [{"type": "function", "function": {"name": t["name"]}} for t in body.get("tools") or []
             if t["type"] == "function"]
    return {"model": body["model"], "messages": messages, "tools": tools,
            "max_tokens": body.get("max_output_tokens")}


def items_of(choice: dict) -> list[dict]:
    message, now = choice["message"], time.monotonic_ns()
    items = [{"id": f"fc_{now:x}", "type": "function_call", "status": "completed",
              "call_id": c["id"], **c["function"]} for c in message.get("tool_calls", [])]
    if message["content"]:
        part = {"type": "output_text", "text": message["content"], "annotations": [],
                "logprobs": []}
        items.append({"id": f"msg_{now:x}", "type": "message", "status": "completed",
                      "role": "assistant", "content": [part]})
    return items


def whole(body: dict, choice: dict, usage: dict) -> dict:
    cut = choice["finish_reason"] == "length"
    return {"id": f"resp_{time.monotonic_ns():x}", "object": "response",
            "created_at": int(time.time()), "status": "incomplete" if cut else "completed",
            "error": None, "incomplete_details": {"reason": "max_output_tokens"} if cut else None,
            "instructions": body.get("instructions"), "metadata": {}, "model": body["model"],
            "output": items_of(choice), "parallel_tool_calls": True, "temperature": 1.0,
            "tool_choice": "auto", "tools": body.get("tools") or [], "top_p": 1.0,
            "usage": {"input_tokens": usage["prompt_tokens"],
                      "input_tokens_details": {"cached_tokens": 0},
                      "output_tokens": usage["completion_tokens"],
                      "output_tokens_details": {"reasoning_tokens": 0},
                      "total_tokens": usage["total_tokens"]}}


def item_events(i: int, item: dict) -> Iterator[tuple[str, dict]]:
    at = {"output_index": i, "item_id": item["id"]}
    if item["type"] == "function_call":
        begun = {**item, "arguments": "", "status": "in_progress"}
        yield "response.output_item.added", {"output_index": i, "item": begun}
        yield "response.function_call_arguments.delta", {**at, "delta": item["arguments"]}
        yield "response.function_call_arguments.done", {
            **at, "name": item["name"], "arguments": item["arguments"]}
    else:
        begun = {**item, "content": [], "status": "in_progress"}
        part = item["content"][0]
        at = {**at, "content_index": 0}
        yield "response.output_item.added", {"output_index": i, "item": begun}
        yield "response.content_part.added", {**at, "part": {**part, "text": ""}}
        for k, word in enumerate(part["text"].split(" ")):
            delta = f" {word}" if k else word
            yield "response.output_text.delta", {**at, "delta": delta, "logprobs": []}
        yield "response.output_text.done", {**at, "text": part["text"], "logprobs": []}
        yield "response.content_part.done", {**at, "part": part}
    yield "response.output_item.done", {"output_index": i, "item": item}


def events(body: dict, choice: dict, usage: dict) -> Iterator[str]:
    response = whole(body, choice, usage)
    begun = {"response": {**response, "status": "in_progress", "output": [], "usage": None}}
    listed = [("response.created", begun), ("response.in_progress", begun)]
    for i, item in enumerate(response["output"]):
        listed += item_events(i, item)
    listed.append((f"response.{response['status']}", {"response": response}))
    for number, (kind, data) in enumerate(listed):
        body_text = json.dumps({"type": kind, "sequence_number": number, **data})
        yield f"event: {kind}\ndata: {body_text}\n\n"

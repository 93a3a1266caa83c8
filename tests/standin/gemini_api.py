"""The model stand-in behind Google's Gemini API: requests become chat requests of llm.py, its choices
become candidates, whole or one a piece of the answer.

Wire contract: POST /v1beta/models/MODEL:generateContent, or :streamGenerateContent?alt=sse.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

STOP = {"stop": "STOP", "length": "MAX_TOKENS", "tool_calls": "STOP"}


def serves(path: str) -> bool:
    return path.endswith((":generateContent", ":streamGenerateContent"))


def refused(headers, body: dict) -> dict | None:
    for name, there in {"x-goog-api-key": headers.get("x-goog-api-key"),
                        "contents": body.get("contents")}.items():
        if not there:
            return {"error": {"code": 400, "message": f"{name} is not specified",
                              "status": "INVALID_ARGUMENT"}}
    return None


def streams(path: str, _body: dict) -> bool:
    return path.endswith(":streamGenerateContent")


def texts(content: dict | None) -> str:
    return "\n".join(p["text"] for p in (content or {}).get("parts", []) if "text" in p)


def chat(path: str, body: dict) -> dict:
    system = texts(body.get("systemInstruction"))
    messages = [{"role": "system", "content": system}] if system else []
    for content in body["contents"]:
        results = [p["functionResponse"] for p in content["parts"] if "functionResponse" in p]
        messages += [{"role": "tool", "content": json.dumps(r["response"])} for r in results]
        if not results:
            role = "assistant" if content.get("role") == "model" else "user"
            messages.append({"role": role, "content": texts(content)})
    tools = [{"type": "function", "function": {"name": f["name"]}}
             for t in body.get("tools", []) for f in t.get("functionDeclarations", [])]
    body["model"] = path.split("/models/")[1].split(":")[0]
    return {"model": body["model"], "messages": messages, "tools": tools,
            "max_tokens": body.get("generationConfig", {}).get("maxOutputTokens")}


def reply(body: dict, parts: list[dict], finish: str | None, usage: dict) -> dict:
    candidate = {"content": {"role": "model", "parts": parts}, "index": 0}
    if finish:
        candidate["finishReason"] = finish
    return {"candidates": [candidate], "modelVersion": body["model"],
            "responseId": body["response_id"],
            "usageMetadata": {"promptTokenCount": usage["prompt_tokens"],
                              "candidatesTokenCount": usage["completion_tokens"],
                              "totalTokenCount": usage["total_tokens"]}}


def parts_of(choice: dict) -> list[dict]:
    message = choice["message"]
    calls = [{"functionCall": {"id": c["id"], "name": c["function"]["name"],
                               "args": json.loads(c["function"]["arguments"])}}
             for c in message.get("tool_calls", [])]
    return ([{"text": message["content"]}] if message["content"] else []) + calls


def whole(body: dict, choice: dict, usage: dict) -> dict:
    body["response_id"] = f"{time.monotonic_ns():x}"
    return reply(body, parts_of(choice), STOP[choice["finish_reason"]], usage)


def events(body: dict, choice: dict, usage: dict) -> Iterator[str]:
    body["response_id"] = f"{time.monotonic_ns():x}"
    parts = parts_of(choice)
    if "text" in parts[0]:
        words = parts[0]["text"].split(" ")
        parts = [{"text": w + " "} for w in words[:-1]] + [{"text": words[-1]}]
    for part in parts:
        finish = STOP[choice["finish_reason"]] if part is parts[-1] else None
        yield f"data: {json.dumps(reply(body, [part], finish, usage))}\r\n\r\n"

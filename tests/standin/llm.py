"""A stand-in for an OpenAI-compatible model server: chat completions with streaming, tools,
structured outputs and log probabilities. It knows a dozen questions and answers some of them wrongly,
with low probability on the wrong piece, as models often do. A question of a document it answers when
the document is in the prompt. The same answers are to be had through the APIs of anthropic_api.py,
gemini_api.py and responses_api.py.

It is also the judge of the TLM algorithm (judge.py). Faults and shapes are set through POST /__control;
GET /__calls returns the requests received, without their headers; GET /__load how many, how many over a
limit, and how many at once.

python3 llm.py PORT
"""

from __future__ import annotations

import json
import math
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import anthropic_api
import gemini_api
import judge
import limits
import responses_api
from limits import Limits

APIS = (anthropic_api, gemini_api, responses_api)
# question -> (answer, {word: probability of that word}); other words are nearly certain
KNOWN: dict[str, tuple[str, dict[str, float]]] = {
    "What is the capital of Australia?": ("The capital of Australia is Sydney.", {"Sydney": 0.38}),
    "How many legs does a spider have?": ("A spider has eight legs.", {}),
    "Who wrote the play Hamlet?": ("William Shakespeare wrote Hamlet.", {}),
    "Which planet has the most moons?": ("Jupiter has the most moons.", {"Jupiter": 0.51}),
    "What is 17 times 23?": ("17 times 23 is 401.", {"401": 0.22, "is": 0.8}),
    "In which year did the Berlin Wall fall?": ("The Berlin Wall fell in 1989.", {}),
    "What is the chemical symbol of gold?": ("The chemical symbol of gold is Au.", {}),
    "How many bones does an adult human have?": ("An adult human has 212 bones.", {"212": 0.31}),
    "Recite the alphabet backwards, one letter a line.": ("Z\nY\nX\nW\nV\nU\nT\nS\nR\nQ\nP\nO\nN", {}),
    "What did the mayor of Atlantis say yesterday?": ("I don't know what he said.", {"know": 0.7}),
    "Which river is the longest in Europe?": ("The Volga is the longest river in Europe.", {}),
    "Describe the city Oslo as JSON.": ('{"name": "Oslo", "country": "Norway"}', {"Norway": 0.98}),
}
TOOL_QUESTION = "Will it rain in Bergen tomorrow?"
TOOL_ANSWER = "Yes, it will rain in Bergen tomorrow."  # once the tool has said something
DOCUMENT = "The harbour of Vardal was dredged to 14 metres in 2019."
DOCUMENT_QUESTION = "How deep is the harbour of Vardal?"
DOCUMENT_ANSWER = "The harbour of Vardal is 14 metres deep."


class Faults:
    """What the next requests are to suffer; set through POST /__control."""

    latency_ms = 0
    status = 0
    body = ""
    headers: dict[str, str] = {}
    fail_next: list[dict] = []  # {status, body, headers}: one request each
    refuse: list[str] = []  # parameters that are an error
    shape = ""  # of the answers, see judge.shaped
    reply: str | None = None  # the content of every judge's reply
    raw: str | None = None  # the whole body of every answer
    force_stream = False
    at_once = 0  # more than so many at the same time are refused
    retry_after = ""  # with the refusals of at_once
    limits: dict = {}  # see limits.Limits: what is more is refused
    keep_raw = False  # calls are seen with the text of their body


class Seen:
    lock = threading.Lock()
    calls: list[dict] = []
    inside = most = refused = 0  # at the same time; at most; over a limit
    limits: Limits | None = None

    @classmethod
    def enter(cls, cost: float) -> tuple[int, dict[str, str]]:
        """200: the call of so many tokens is taken. Else the status that it is refused with. And headers."""
        with cls.lock:
            status, headers = cls.limits.answer(cost) if cls.limits else (200, {})
            if Faults.at_once and cls.inside >= Faults.at_once:
                status, headers = 429, {"Retry-After": Faults.retry_after} if Faults.retry_after else {}
            cls.refused += status == 429
            if status == 200:
                cls.inside += 1
                cls.most = max(cls.most, cls.inside)
            return status, headers

    @classmethod
    def leave(cls) -> None:
        with cls.lock:
            cls.inside -= 1


def tokens(text: str, doubts: dict[str, float]) -> list[tuple[str, float]]:
    """The words with their leading space as tokens; the doubtful ones with their probability."""
    out: list[tuple[str, float]] = []
    for i, line in enumerate(text.split("\n")):
        for k, word in enumerate(line.split(" ")):
            lead = "\n" if i and k == 0 else " " if k else ""
            bare = word.strip('.,"{}:')
            out.append((lead + word, math.log(doubts.get(bare, 0.995))))
    return out


def text_of(message: dict) -> str:
    """A message's text, whether it comes as a string or as a list of parts."""
    content = message.get("content") or ""
    return content if isinstance(content, str) else \
        "\n".join(p["text"] for p in content if p.get("type") == "text")


def known(asked: str, prompt: str) -> tuple[str, dict[str, float]]:
    if DOCUMENT_QUESTION in asked and DOCUMENT in prompt:
        return DOCUMENT_ANSWER, {}
    return KNOWN.get(asked, (f"You said: {asked}", {}))


def answer(request: dict) -> dict:
    """One choice: message, finish reason and log probabilities."""
    messages = request["messages"]
    question = next((text_of(m) for m in reversed(messages) if m.get("role") == "user"), "")
    told = messages[-1].get("role") == "tool"
    if request.get("tools") and TOOL_QUESTION in question and not told:
        name = request["tools"][0]["function"]["name"]
        call = {"id": "call_1", "type": "function",
                "function": {"name": name, "arguments": '{"city": "Bergen"}'}}
        message = {"role": "assistant", "content": None, "tool_calls": [call]}
        return {"index": 0, "message": message, "finish_reason": "tool_calls", "logprobs": None}
    graded = judge.grade(question, KNOWN)
    if graded is not None:
        text = graded if Faults.reply is None else Faults.reply
        logprobs = {"content": judge.pieces(text), "refusal": None}
        return {"index": 0, "message": {"role": "assistant", "content": text, "refusal": None},
                "finish_reason": "stop", "logprobs": logprobs if request.get("logprobs") else None}
    asked, thinking, _ = question.partition("\n\n\nReply in this form")
    text, doubts = known(asked, "\n".join(map(text_of, messages)))
    if told and TOOL_QUESTION in question:
        text, doubts = TOOL_ANSWER, {}
    if thinking:  # a consistency sample that is to think first
        text, doubts = f"<think>\nI recall it.\n</think>\n<answer>\n{text}\n</answer>", {}
    elif (request.get("response_format") or {}).get("type") == "json_schema" and \
            request["response_format"]["json_schema"]["name"] == "ObvConsistencyResponse":
        text = json.dumps({"explanation": "Recalled.", "answer": json.loads(text)})
    all_tokens = tokens(text, doubts)
    limit = request.get("max_tokens") or request.get("max_completion_tokens") or len(all_tokens)
    shown = all_tokens[:limit]
    logprobs = {"content": [{"token": t, "logprob": p, "bytes": list(t.encode()),
                             "top_logprobs": []} for t, p in shown], "refusal": None}
    return {
        "index": 0,
        "message": {"role": "assistant", "content": "".join(t for t, _ in shown), "refusal": None},
        "finish_reason": "length" if len(shown) < len(all_tokens) else "stop",
        "logprobs": logprobs if request.get("logprobs") else None,
    }


def usage_of(choice: dict) -> dict:
    words = len((choice["message"]["content"] or "a call").split())
    return {"prompt_tokens": 20, "completion_tokens": words, "total_tokens": 20 + words}


def chunks(base: dict, choice: dict, usage: dict | None) -> Iterator[str]:
    """The events of a streamed completion; the usage, where asked for, in a chunk of its own."""
    def chunk(choices: list[dict], **more: object) -> str:
        body = {**base, "object": "chat.completion.chunk", "choices": choices, **more}
        return f"data: {json.dumps(body)}\n\n"

    def delta(piece: dict, finish: str | None = None) -> str:
        return chunk([{"index": 0, "delta": piece, "finish_reason": finish}])

    message = choice["message"]
    yield delta({"role": "assistant", "content": ""})
    for i, call in enumerate(message.get("tool_calls", [])):
        yield delta({"tool_calls": [{"index": i, **call, "function": {
            "name": call["function"]["name"], "arguments": ""}}]})
        yield delta({"tool_calls": [{"index": i, "function": {
            "arguments": call["function"]["arguments"]}}]})
    for word, _ in tokens(message["content"], {}) if message["content"] else []:
        yield delta({"content": word})
    yield delta({}, choice["finish_reason"])
    if usage:
        yield chunk([], usage=usage)
    yield "data: [DONE]\n\n"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body are two writes
    told: dict[str, str] = {}  # of the limits, with the answer

    def log_message(self, *_args: object) -> None:
        pass

    def send(self, status: int, body: bytes, kind: str = "application/json",
             headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        for key, value in {**self.told, **(headers or {})}.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        if self.path == "/__calls":
            with Seen.lock:
                return self.send(200, json.dumps(Seen.calls).encode())
        if self.path == "/__load":
            with Seen.lock:
                return self.send(200, json.dumps({
                    "calls": len(Seen.calls), "refused": Seen.refused, "most": Seen.most}).encode())
        self.send(200, json.dumps({"object": "list", "data": [{"id": "stand-in"}]}).encode())

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        request = json.loads(raw or b"{}")
        self.told = {}
        if self.path == "/__control":
            for key, value in request.items():
                setattr(Faults, key, value)
            if "limits" in request:
                Seen.limits = Limits(**Faults.limits) if Faults.limits else None
            return self.send(200, b"{}")
        with Seen.lock:
            Seen.calls.append({"path": self.path, "auth": bool(self.headers.get("Authorization") or
                                                              self.headers.get("api-key")),
                               "body": request,
                               **({"raw": raw.decode()} if Faults.keep_raw else {})})
            fault = Faults.fail_next.pop(0) if Faults.fail_next else None
        status, self.told = Seen.enter(len(raw) / 4 + (request.get("max_tokens") or 0))
        if status != 200:
            return self.send(status, json.dumps(limits.error(status)).encode())
        time.sleep(Faults.latency_ms / 1000)
        Seen.leave()  # before the answer, which may bring the next call at once
        if fault:
            return self.send(fault["status"], fault.get("body", "").encode(),
                             headers=fault.get("headers"))
        if Faults.status:
            return self.send(Faults.status, Faults.body.encode(), headers=Faults.headers)
        if Faults.raw is not None:
            return self.send(200, Faults.raw.encode())
        path = self.path.split("?")[0]
        api = next((a for a in APIS if a.serves(path)), None)
        if api:
            return self.answer_through(api, path, request)
        if path.endswith("/embeddings"):
            asked = request["input"] if isinstance(request["input"], list) else [request["input"]]
            data = [{"object": "embedding", "index": i, "embedding": judge.embedding(text)}
                    for i, text in enumerate(asked)]
            return self.send(200, json.dumps({"object": "list", "data": data, "model": request["model"],
                                              "usage": {"prompt_tokens": 5, "total_tokens": 5}}).encode())
        if not path.endswith("/chat/completions"):
            return self.send(404, b'{"error": {"message": "unknown path"}}')
        refused = judge.refusal(request, Faults.refuse)
        if refused:
            return self.send(400, json.dumps(refused).encode())
        choice = answer(request)
        base = {"id": f"chatcmpl-{time.monotonic_ns():x}", "created": int(time.time()),
                "model": request.get("model", "stand-in")}
        usage = usage_of(choice)
        if request.get("stream") or Faults.force_stream:
            wanted = (request.get("stream_options") or {}).get("include_usage")
            return self.stream(chunks(base, choice, usage if wanted else None))
        body = {**base, "object": "chat.completion", "choices": [choice], "usage": usage}
        indent = 2 if Faults.shape == "verbose" else None
        return self.send(200, json.dumps(judge.shaped(body, Faults.shape), indent=indent).encode())

    def answer_through(self, api, path: str, request: dict) -> None:
        error = api.refused(self.headers, request)
        if error:
            return self.send(400, json.dumps(error).encode())
        choice = answer(api.chat(path, request))
        if api.streams(path, request):
            return self.stream(api.events(request, choice, usage_of(choice)))
        self.send(200, json.dumps(api.whole(request, choice, usage_of(choice))).encode())

    def stream(self, events: Iterable[str]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        for event in events:
            self.wfile.write(event.encode())
        self.close_connection = True


class Server(ThreadingHTTPServer):
    request_queue_size = 512


if __name__ == "__main__":
    Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()

"""A stand-in for the hosted TLM API, strict about what it is sent: an unknown field, a wrong type or a
wrong key is an error, as the client library's contract has it. The official client runs against it in
tests/contract, so that it cannot drift.

python3 tlm.py PORT; the API is below /api, faults are set through POST /__control, and GET /__calls
returns the requests received, without their keys.
"""

from __future__ import annotations

import hashlib
import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KEY = "test-key"
QUALITIES = {"best", "high", "medium", "low", "base"}
TASKS = {"default", "classification", "code_generation"}
OPTIONS: dict[str, type | tuple[type, ...]] = {
    "model": str, "max_tokens": int, "num_candidate_responses": int,
    "num_consistency_samples": int, "num_self_reflections": int, "use_self_reflection": bool,
    "similarity_measure": str, "reasoning_effort": str, "log": list,
    "custom_eval_criteria": list, "disable_trustworthiness": bool, "disable_persistence": bool,
    "max_timeout": (int, float),
}
LOGS = {"perplexity", "explanation", "per_field_score"}
EVAL = {"name", "criteria", "query_identifier", "context_identifier", "response_identifier"}


class BadRequest(Exception):
    """What the service would answer 400 to."""


class State:
    lock = threading.Lock()
    calls: list[dict] = []
    latency_ms = 0
    fail_next: list[dict] = []  # {status, body, headers}
    always: dict | None = None  # the same, for every request
    lose = ""  # requests whose path holds this fail
    score: object = "computed"  # or a number, null, anything to send instead


def computed(text: str) -> float:
    """A score that depends on the response's text alone."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") / 2**32


def need(ok: bool, what: str) -> None:
    if not ok:
        raise BadRequest(what)


def fields(body: dict, required: dict, optional: dict) -> None:
    for name, kind in required.items():
        need(name in body, f"{name} is missing")
        need(isinstance(body[name], kind), f"{name} has the wrong type")
    for name in body:
        need(name in required or name in optional, f"unknown field {name}")
        if name in optional and body[name] is not None:
            need(isinstance(body[name], optional[name]), f"{name} has the wrong type")


def check_options(options: dict) -> None:
    fields(options, {"model": str}, OPTIONS)
    need(set(options.get("log", [])) <= LOGS, "log has an unknown entry")
    for one in options.get("custom_eval_criteria", []):
        need(set(one) == {"name", "criteria"}, "custom_eval_criteria entries are {name, criteria}")


def score_of(text: str) -> object:
    return computed(text) if State.score == "computed" else State.score


def log_of(options: dict, text: str, response: dict) -> dict:
    log: dict = {}
    if "explanation" in options.get("log", []):
        log["explanation"] = f"Judged by the stand-in: {text[:40]}"
    if "perplexity" in options.get("log", []):
        log["perplexity"] = response.get("perplexity")
    if options.get("custom_eval_criteria"):
        log["custom_eval_criteria"] = [
            {"name": c["name"], "score": computed(c["name"] + text)}
            for c in options["custom_eval_criteria"]
        ]
    return log


def confidence(body: dict) -> dict:
    fields(body, {"prompt": str, "response": dict, "quality": str, "task": str, "options": dict},
           {})
    response = body["response"]
    fields(response, {"response": str}, {"perplexity": (int, float), "constrain_outputs": list})
    need(body["quality"] in QUALITIES and body["task"] in TASKS, "quality or task is unknown")
    check_options(body["options"])
    if response.get("perplexity") is not None:
        need(0 <= response["perplexity"] <= 1, "perplexity is outside 0..1")
    if response.get("constrain_outputs"):
        need(response["response"] in response["constrain_outputs"], "response is no allowed label")
    log = log_of(body["options"], response["response"], response)
    reply = {"confidence_score": score_of(response["response"]), "deberta_success": True}
    return {**reply, **({"log": log} if log else {})}


def rag(body: dict) -> dict:
    fields(body, {"response": dict, "prompt": str, "query": str, "context": str, "evals": list,
                  "quality": str, "options": dict, "user_id": str, "client_id": str},
           {"constrain_outputs": list})
    need(body["user_id"] == KEY and body["client_id"] == KEY, "user_id and client_id are the key")
    for one in body["evals"]:
        need(set(one) == EVAL, f"an eval has exactly {sorted(EVAL)}")
    check_options(body["options"])
    text = body["response"]["response"]
    log = log_of(body["options"], text, {})
    reply: dict = {"trustworthiness": {"score": score_of(text), **({"log": log} if log else {})}}
    for one in body["evals"]:
        reply[one["name"]] = {"score": computed(one["name"] + text)}
    return {**reply, "deberta_success": True}


def structured(body: dict) -> dict:
    need(isinstance(body.get("response"), dict), "response is missing")
    need(body.get("quality_preset") in QUALITIES, "quality_preset is unknown")
    need(isinstance(body.get("messages"), list) and body["messages"], "messages are missing")
    need(body.get("response_format", {}).get("type") == "json_schema", "response_format is missing")
    text = body["response"]["choices"][0]["message"]["content"]
    names = json.loads(text) if text.startswith("{") else {}
    log = {"per_field_score": {n: {"score": computed(n + text), "explanation": "A field."}
                               for n in names}} if "per_field_score" in body.get("log", []) else {}
    return {"trustworthiness_score": score_of(text), **({"log": log} if log else {})}


def explain(body: dict) -> dict:
    fields(body, {"prompt": str, "response": dict, "options": dict}, {})
    fields(body["response"], {"response": str, "trustworthiness_score": (int, float)},
           {"log": dict})
    return {"explanation": f"Explained by the stand-in: {body['response']['response'][:40]}"}


PATHS = {
    "/api/v0/trustworthy_llm/get_confidence_score": confidence,
    "/api/v1/rag_trustworthy_llm/score": rag,
    "/api/v1/openai_trustworthy_llm/score": structured,
    "/api/v1/tlm_explanation/get_explanation": explain,
}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_args: object) -> None:
        pass

    def send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for key, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        with State.lock:
            self.send(200, json.dumps(State.calls).encode())

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == "/__control":
            with State.lock:
                for key, value in json.loads(raw).items():
                    setattr(State, key, value)
            return self.send(200, b"{}")
        time.sleep(State.latency_ms / 1000)
        with State.lock:
            State.calls.append({"path": self.path,
                                "body": json.loads(raw.decode().replace(KEY, "[key]") or "{}")})
            fault = State.fail_next.pop(0) if State.fail_next else State.always
            if State.lose and State.lose in self.path:
                fault = {"status": 500}
        if fault:
            body = fault.get("body", {"error": "made to fail"})
            text = body if isinstance(body, str) else json.dumps(body)
            return self.send(fault.get("status", 500), text.encode(), fault.get("headers"))
        scheme, _, key = self.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or key != KEY:
            return self.send(401, b'{"code": "invalid_api_key", "description": "not recognised"}')
        if self.path not in PATHS:
            return self.send(404, b'{"error": "no such path"}')
        try:
            return self.send(200, json.dumps(PATHS[self.path](json.loads(raw))).encode())
        except BadRequest as error:
            return self.send(400, json.dumps({"error": str(error)}).encode())


class Server(ThreadingHTTPServer):
    request_queue_size = 512


if __name__ == "__main__":
    Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()

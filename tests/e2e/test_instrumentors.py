"""Real instrumentors through trustspan: the apps in tests/e2e/apps ask a stand-in model a few questions,
each through another framework as it comes from the package registry. What a person who watched the app
would say that the prompts and the answers were must be what the judge is told, and what
`trustspan inspect` finds in the spans.

How many calls there were is counted by the model itself. What cannot be installed is skipped, and says
why; its fixture in tests/fixtures/dialects remains.
"""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from apps import common
from conftest import ROOT, TRUSTSPAN, Standin, Trustspan, http, wait_for
from test_pipeline import config
from test_tlm import calls, tlm

APPS = ROOT / "tests/e2e/apps"
INSTRUMENTORS, FRAMEWORKS = ROOT / ".venv/instrumentors", ROOT / ".venv/frameworks"
VERCEL = APPS / "vercel_ai"


# ---- what a person would say ----

@dataclass(frozen=True)
class Call:
    """One call of the model."""

    question: str
    answer: str = ""  # none: the model asked for the tool
    tools: bool = False
    told: bool = False  # the tool's result stood in the prompt
    streamed: bool = False
    context: str = ""  # the document that was retrieved for it
    finish: str | None = "stop"
    model: str = ""  # where it is not the app's
    system: str = ""  # the same


PLAIN = Call(common.QUESTION, "A spider has eight legs.")
STREAMED = Call(common.STREAMED, "William Shakespeare wrote Hamlet.", streamed=True)
ASKED = Call(common.TOOL_QUESTION, tools=True, finish="tool_calls")
TOLD = Call(common.TOOL_QUESTION, "Yes, it will rain in Bergen tomorrow.", tools=True, told=True)
RETRIEVED = Call(f"Context:\n{common.DOCUMENT}\n\n{common.DOCUMENT_QUESTION}",
                 "The harbour of Vardal is 14 metres deep.", context=common.DOCUMENT)
TALK = (PLAIN, STREAMED, ASKED, TOLD)
# LangChain's callbacks do not say that an answer was streamed; its parameters say "stream": false
UNSAID = (PLAIN, replace(STREAMED, streamed=False), ASKED, TOLD)
# Strands streams always, and records no definitions of tools on model calls
STRANDS = tuple(replace(c, streamed=True, tools=False) for c in TALK)
# a call of a tool ends with STOP in Gemini's API
GEMINI = (PLAIN, STREAMED, replace(ASKED, finish="stop"), TOLD)
# Langfuse's client records finish reasons of streams only
LANGFUSE = tuple(c if c.streamed else replace(c, finish=None) for c in (
    *TALK, RETRIEVED, Call(common.GOLD_QUESTION, common.GOLD, model="own-model")))
# LlamaIndex has its own words around documents
QUERY = replace(
    RETRIEVED, system="You are an expert Q&A system that is trusted around the world.\n"
    "Always answer the query using the provided context information, and not prior knowledge.\n"
    "Some rules to follow:\n1. Never directly reference the given context in your answer.\n"
    "2. Avoid statements like 'Based on the context, ...' or 'The context information ...' or "
    "anything along those lines.",
    question="Context information is below.\n---------------------\n" + common.DOCUMENT +
    "\n---------------------\nGiven the context information and not prior knowledge, answer the "
    f"query.\nQuery: {common.DOCUMENT_QUESTION}\nAnswer: ")


@dataclass(frozen=True)
class App:
    dialect: str
    calls: tuple[Call, ...] = TALK
    others: dict[str, int] = field(default_factory=dict)  # further LLM spans: reason → how many
    script: Path | str = ""
    home: Path = INSTRUMENTORS  # what it is installed in
    env: dict[str, str] = field(default_factory=dict)
    model: str = common.MODEL
    system: str = common.SYSTEM
    call_id: str = "call_1"
    result: str = common.FORECAST
    by_hand: int = 0  # spans of calls that never reached the model
    at: str = ".*"  # the names of the spans that carry the scores, a pattern


LATEST = {"OTEL_SEMCONV_STABILITY_OPT_IN": "gen_ai_latest_experimental"}
CONTENT = {"OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "SPAN_ONLY"}
ADK = App("otel_genai", GEMINI, script="google_adk.py", home=FRAMEWORKS, model="gemini-2.5-flash",
          env={**LATEST, **CONTENT}, result=f'{{"result":"{common.FORECAST}"}}',
          system=f'{common.SYSTEM}\n\nYou are an agent. Your internal name is "helper".')
LANGCHAIN_AND_OPENAI = App("openinference", others={"duplicate": 4},
                           script="langchain_and_openai.py", at="ChatCompletion")  # the inner one
SCENES = {
    "OpenInference, openai": App("openinference", script="openinference_openai.py"),
    "OpenInference, LangChain": App("openinference", (*UNSAID, RETRIEVED),
                                    script="openinference_langchain.py"),
    # LlamaIndex's spans of kind LLM that put a request together, and the one around a chat
    "OpenInference, LlamaIndex": App("openinference", (*TALK, QUERY), home=FRAMEWORKS,
                                     others={"no_response": 2, "duplicate": 1},
                                     script="openinference_llama_index.py",
                                     at=r"OpenAI\.(stream_)?chat"),
    # the client's own spans have no content
    "OpenInference, anthropic": App("openinference", others={"content_disabled": 4},
                                    script="openinference_anthropic.py", call_id="toolu_1",
                                    model="claude-sonnet-5", at=r"messages\.(create|stream)"),
    "OpenInference, LangChain and openai": LANGCHAIN_AND_OPENAI,
    "OpenInference, LangChain and openai, in one trace":
        replace(LANGCHAIN_AND_OPENAI, env={"SPAN_AROUND": "1"}),
    "OpenInference, LangChain and openai, each span alone":
        replace(LANGCHAIN_AND_OPENAI, env={"EACH_SPAN_ALONE": "1"}),
    "OpenInference, LangChain and openai, in one trace, each span alone":
        replace(LANGCHAIN_AND_OPENAI, env={"EACH_SPAN_ALONE": "1", "SPAN_AROUND": "1"}),
    "OpenTelemetry, openai": App("otel_genai", script="otel_genai_openai.py"),
    "OpenLLMetry, openai": App("otel_genai", script="openllmetry_openai.py"),
    "OpenLLMetry, LangChain": App("otel_genai", (*UNSAID, RETRIEVED),
                                  script="openllmetry_langchain.py"),
    "Logfire, pydantic-ai": App("otel_genai", script="pydantic_ai_logfire.py"),
    "Langfuse": App("langfuse", LANGFUSE, script="langfuse_sdk.py", by_hand=1),
    "Strands": App("otel_genai_events", STRANDS, script="strands_agent.py", home=FRAMEWORKS),
    "Strands, latest conventions": App("otel_genai_details", STRANDS, script="strands_agent.py",
                                       home=FRAMEWORKS, env=LATEST),
    "Google ADK": ADK,
    "Google ADK, content off": replace(ADK, calls=(), others={"content_disabled": 4}, env={}),
    "Vercel AI SDK 6": App("vercel_ai", script=VERCEL / "app.mjs", env={"AI": "6"}),
    "Vercel AI SDK 7": App("otel_genai", script=VERCEL / "app.mjs", env={"AI": "7"}),
}


def messages(app: App, call: Call) -> list[dict]:
    said = [{"role": "system", "content": call.system or app.system},
            {"role": "user", "content": call.question}]
    if call.told:
        said += [{"role": "assistant", "content": "", "tool_calls": tool_calls(app)},
                 {"role": "tool", "content": app.result, "tool_call_id": app.call_id}]
    return said


def tool_calls(app: App) -> list[dict]:
    return [{"id": app.call_id, "name": "forecast", "arguments": {"city": "Bergen"}}]


# ---- running one ----

def need(home: Path) -> None:
    """What tests/run.sh installed completely has a stamp; of anything else it kept the last words."""
    if (home / ".requirements").exists():
        return
    log = home.with_name(home.name + ".log")
    words = [line for line in log.read_text().splitlines() if line.strip()] if log.exists() else []
    pytest.skip(f"{home.name} is not installed: {words[-1] if words else 'see tests/run.sh'}")


def command(app: App, trustspan: Trustspan, model: Standin) -> list[str]:
    where = [trustspan.endpoint, f"http://127.0.0.1:{model.control_port}"]
    need(app.home)
    if app.script != VERCEL / "app.mjs":
        return [str(app.home / "bin/python"), str(APPS / app.script), *where]
    need(VERCEL / "node_modules")
    questions = {k: v for k, v in vars(common).items() if k.isupper()}
    return [str(app.home / "bin/node"), str(app.script), *where, json.dumps(questions)]


@dataclass
class Run:
    app: App
    spans: dict[str, dict]  # id → name and attributes, as the backend has them
    seen: dict[str, dict]  # id → record, as `trustspan inspect` has them
    told: list[str]  # what the judge was asked to reflect on
    asked: int  # calls that the model got

    def scored(self) -> list[dict]:
        return [self.seen[i] for i, s in self.spans.items()
                if s["attributes"].get("trustworthiness.decision") == "scored"]


def inspect(backend: Standin, directory: Path) -> dict[str, dict]:
    requests = http(f"http://127.0.0.1:{backend.control_port}/__requests")
    capture = directory / "capture.pb"
    # requests one after the other are one request: protobuf joins repeated fields
    capture.write_bytes(b"".join(base64.b64decode(r) for r in requests))
    done = subprocess.run([TRUSTSPAN, "inspect", str(capture)], capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["spans"]


def chat_calls(model: Standin) -> list[dict]:
    return [c for c in calls(model) if not c["path"].endswith("/embeddings")]


@pytest.fixture(scope="module", params=SCENES)
def run(request, tmp_path_factory):
    """The app has run and everything has come through."""
    app = SCENES[request.param]
    directory = tmp_path_factory.mktemp("app")
    running: list = []
    try:
        backend, model, judge = (Standin(*a) for a in (
            ("backend", directory, 2), ("llm", directory), ("llm", directory)))
        running += [backend, model, judge]
        scorer = tlm(judge, num_self_reflections=1, reasoning_effort="none")
        trustspan = Trustspan(directory, config(backend, {"tlm": scorer}, scorer="tlm", hold="5s"))
        running.append(trustspan)
        argv = command(app, trustspan, model)
        clean = {k: v for k, v in os.environ.items() if k not in {**LATEST, **CONTENT}}
        done = subprocess.run(argv, env={**clean, **app.env}, cwd=directory, timeout=120,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert done.returncode == 0, done.stdout
        wait_for(trustspan.idle, what="an empty spool")
        spans = {s["span_id"]: s for s in backend.state()["spans"]}
        told = [c["body"]["messages"][0]["content"] for c in calls(judge)]
        yield Run(app, spans, inspect(backend, directory),
                  [t for t in told if t.startswith("Below are a request and the response")],
                  len(chat_calls(model)))
    finally:
        for thing in reversed(running):
            thing.process.stop()


# ---- the decisions ----

def test_every_call_has_one_score_and_every_other_llm_span_a_reason(run):
    app = run.app
    decided = Counter((s["attributes"]["trustworthiness.decision"],
                       s["attributes"].get("trustworthiness.reason"))
                      for s in run.spans.values() if "trustworthiness.decision" in s["attributes"])
    wanted = {("skipped", reason): n for reason, n in app.others.items()}
    if app.calls:
        wanted["scored", None] = len(app.calls)
        assert run.asked == len(app.calls) - app.by_hand
    assert decided == wanted
    assert sum(r["is_llm"] for r in run.seen.values()) == decided.total()
    for span in run.spans.values():
        if span["attributes"].get("trustworthiness.decision") == "scored":
            assert re.fullmatch(app.at, span["name"])
            assert 0 <= span["attributes"]["trustworthiness.score"] <= 1


def test_inspect_gives_the_reasons_that_the_spans_have(run):
    for span_id, record in run.seen.items():
        attributes = run.spans[span_id]["attributes"]
        if record["is_llm"]:
            assert attributes.get("trustworthiness.reason") == record["skip_reason"]
        else:
            assert not any(k.startswith("trustworthiness.") for k in attributes)
        if record["skip_reason"] == "duplicate":
            kept = run.seen[record["duplicate_of"]]
            assert kept["skip_reason"] is None and kept["response"] == record["response"]


# ---- the prompts and answers ----

def test_inspect_finds_what_was_said(run):
    app, found = run.app, run.scored()
    assert len(found) == len(app.calls)
    for call in app.calls:
        record, = (r for r in found if r["response"] == call.answer)
        assert record["messages"] == [{**m, **named(record, i)}
                                      for i, m in enumerate(messages(app, call))]
        assert record["tool_calls"] == ([] if call.answer else tool_calls(app))
        assert record["dialect"] == app.dialect
        assert record["model"] == (call.model or app.model)
        assert record["finish_reason"] == call.finish
        words = len(call.answer.split()) or 2  # as tests/standin/llm.py counts
        assert (record["usage"]["input_tokens"], record["usage"]["output_tokens"]) == (20, words)
        assert ("streaming" in record["flags"]) == call.streamed
        assert ("tool_call_only" in record["flags"]) == (not call.answer)
        assert not {"partial_response", "prompt_incomplete"} & set(record["flags"])
        assert [d["content"] for d in record["context"]] == ([call.context] if call.context else [])
        assert [(t["name"], t["description"]) for t in record["tools"] or []] == \
            ([("forecast", "Tomorrow's weather.")] if call.tools else [])
        for tool in record["tools"] or []:
            assert tool["parameters"]["properties"]["city"]["type"] == "string"


def named(record: dict, i: int) -> dict:
    """Some say in a tool's result whose it is."""
    name = record["messages"][i].get("name") if i < len(record["messages"]) else None
    return {"name": "forecast"} if name is not None else {}


def between(text: str, tag: str) -> str:
    found = re.search(f"<{tag}>\n(.*?)\n</{tag}>", text, re.S)
    assert found, (tag, text)
    return found[1]


TOOLS_FOLLOW = "\n\nYou have functions at hand."


def as_told(text: str) -> dict:
    """A reflection's prompt taken apart into what it says of the call."""
    request = between(text, "request")
    pieces = re.split(r"(?:^|\n\n)(System|User|Assistant|Tool):(?: |$)", request)[1:]
    turns = list(zip(pieces[::2], pieces[1::2], strict=True))
    system, _, functions = turns[0][1].partition(TOOLS_FOLLOW)
    if "<tools>" in functions:
        functions = [json.loads(line) for line in between(functions, "tools").splitlines()]
    return {"system": system, "tools": functions or [], "turns": turns[1:],
            "response": between(text, "response")}


def test_the_judge_is_told_what_was_said(run):
    app = run.app
    told = [as_told(t) for t in run.told]
    assert len(told) == len(app.calls)
    for call in app.calls:
        if call.answer:
            one, = (t for t in told if t["response"] == call.answer)
        else:
            one, = (t for t in told if "<tool_call>" in t["response"])
            asked = json.loads(between(one["response"], "tool_call"))
            assert asked == {"name": "forecast", "arguments": {"city": "Bergen"}}
        assert one["system"] == (call.system or app.system)
        functions = [t["function"] for t in one["tools"]]
        assert [(f["name"], f["description"]) for f in functions] == \
            ([("forecast", "Tomorrow's weather.")] if call.tools else [])
        assert one["turns"][0] == ("User", call.question)
        assert one["turns"][-1] == ("Assistant", "")
        if call.told:
            (by, request), (of, result) = one["turns"][1:-1]
            assert (by, of) == ("Assistant", "Tool")
            assert json.loads(between(request, "tool_call"))["arguments"] == {"city": "Bergen"}
            output = json.loads(between(result, "tool_response"))["output"]
            assert output == app.result or output == json.loads(app.result)
        else:
            assert len(one["turns"]) == 2

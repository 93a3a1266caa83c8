"""A canary in every place that may hold a secret: no command, log, metric, span or last word shows it."""

from __future__ import annotations

import base64
import json
import signal
import subprocess
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import grpc
import pytest

from conftest import TRUSTSPAN, Trustspan, http, wait_for
from sink import Sink
from spans import Sender, ids, llm_attributes, request

CANARY = "c4naRy/Zq+7w9XtT2v"


def forms(secret: str = CANARY) -> list[str]:
    """As it is, as a URL or JSON has it, in base64; and most of it, for what is cut off."""
    return [secret, urllib.parse.quote(secret, safe=""), secret.replace("/", "\\/"),
            base64.b64encode(secret.encode()).decode().rstrip("="), secret[:10], secret[-10:]]


def shows(text: str | bytes) -> list[str]:
    if isinstance(text, bytes):
        text = text.decode(errors="replace")
    return [f for f in forms() if f in text]


def run(*args: str, text: str = "", env: dict | None = None) -> subprocess.CompletedProcess:
    return subprocess.run([TRUSTSPAN, *args], input=text.encode(), capture_output=True, timeout=60,
                          env={"PATH": "/usr/bin:/bin", **(env or {})})


@pytest.fixture
def config(tmp_path):
    def write(tree: dict | str) -> str:
        path = tmp_path / "c.yaml"
        path.write_text(tree if isinstance(tree, str) else json.dumps(tree))
        return str(path)
    return write


# ---- values in the wrong place ----

def at(path: str, value: str) -> str:
    """a: {b: value} of "a.b" in blocks, in a configuration that is good otherwise."""
    keys = path.split(".")
    text = "" if keys[0] == "exporters" else "exporters:\n  debug: {}\n"
    return text + "".join(f"{'  ' * i}{key}:\n" for i, key in enumerate(keys))[:-1] + f" {value}\n"


WRONG = [
    "exporters.otlp_grpc.endpoint", "exporters.otlp_grpc.tls.insecure", "exporters.otlp_grpc.timeout",
    "exporters.otlp_grpc.max_request_size", "exporters.otlp_grpc.compression", "exporters.otlp_grpc.headers",
    "exporters.otlp_grpc", "exporters.otlp_grpc.sending_queue.num_consumers", "exporters",
    "exporters.phoenix.endpoint", "exporters.phoenix.timeout", "service.memory_limit", "service.storage",
    "service.pipelines", "service.telemetry.logs.level", "service.telemetry.metrics.endpoint",
    "processors.trust.hold", "processors.trust.scorer", "processors.trust.rules",
    "processors.trust.redact.patterns", "receivers.otlp.protocols.grpc.endpoint",
    "extensions.file_storage.max_size", "extensions.file_storage.directory",
]
SCORERS = ["scorers.tlm.base_url", "scorers.tlm.preset", "scorers.tlm.max_in_flight", "scorers.tlm.evals",
           "scorers.tlm.prices", "scorers.tlm.body", "scorers.tlm.tls.ca_file", "scorers.tlm.record",
           "scorers.cleanlab.base_url", "scorers.cleanlab.quality", "scorers.cleanlab.reasoning_effort",
           "scorers.cleanlab.timeout"]


@pytest.mark.parametrize("path", WRONG + SCORERS)
@pytest.mark.parametrize("source", ["env", "file", "json"])
def test_a_value_in_a_wrong_setting_shows_as_it_was_written(config, tmp_path, path, source):
    secret = f'{{"{CANARY}": ["{CANARY}"]}}' if source == "json" else CANARY
    (tmp_path / "secret").write_text(secret + "\n")
    written = "${env:WRONG_PLACE}" if source != "file" else "${file:" + str(tmp_path / "secret") + "}"
    file = config(at(path, written))
    env = {"WRONG_PLACE": secret, "CLEANLAB_TLM_API_KEY": "k"}
    scorer = path.split(".")[1] if path in SCORERS else "local"
    said = [run("validate", "--config", file, env=env),
            run("score", "--config", file, "--scorer", scorer, "--no-cache", "-", env=env)]
    if said[0].returncode:  # what is good would listen
        said.append(run("run", "--config", file, env=env))
    assert [shows(s.stdout + s.stderr) for s in said] == [[]] * len(said), said
    assert b"not YAML" not in said[0].stderr


def test_the_message_has_the_name_instead_of_the_value(config):
    said = run("validate", "--config", config("exporters: {otlp_grpc: {endpoint: 'h:1', timeout: '${env:T}'}}"),
               env={"T": "a1"})
    assert "'${env:T}' is no length of time" in said.stderr.decode()
    said = run("validate", "--config", config("exporters: {debug: {}}\nservice: {loops: '${env:T}'}"),
               env={"T": "777"})
    assert "'${env:T}' is above the most '64'" in said.stderr.decode()
    said = run("validate", "--config", config("exporters: {phoenix: {endpoint: '${env:T}'}}"), env={"T": CANARY})
    assert "endpoint '${env:T}' is no URL" in said.stderr.decode()


# ---- URLs ----

@pytest.mark.parametrize("path", ["exporters.otlp_grpc.endpoint", "exporters.phoenix.endpoint",
                                  "receivers.otlp.protocols.grpc.endpoint", "scorers.tlm.base_url",
                                  "service.telemetry.metrics.endpoint", "scorers.cleanlab.base_url"])
@pytest.mark.parametrize("url", ["http://me:{}@host/some/path", "htp://me:{}@host", "me:{}@host", "http://{}@host",
                                 "http://me:{}@host:nonsense", "https://me:{}@[::1/x", "me:{}@host:70000"])
def test_a_url_that_is_refused_shows_without_its_user(config, path, url):
    file = config(at(path, url.format(CANARY)))
    scorer = path.split(".")[1] if path.startswith("scorers") else "local"
    env = {"CLEANLAB_TLM_API_KEY": "k"}
    said = [run("validate", "--config", file, env=env),
            run("score", "--config", file, "--scorer", scorer, "--no-cache", "-", env=env)]
    if path.startswith("receivers") or said[0].returncode:
        said.append(run("run", "--config", file, "--set", "service.storage=none", env=env))
    assert [shows(s.stdout + s.stderr) for s in said] == [[]] * len(said), said


@pytest.mark.parametrize("name", ["PHOENIX_ENDPOINT", "PHOENIX_COLLECTOR_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"])
def test_nor_does_one_out_of_the_environment(name):
    for url in ("http://me:{}@host:x", "me:{}@", "htp://{}@host/p/q"):
        said = run("validate", env={name: url.format(CANARY)})
        assert not shows(said.stderr), said.stderr


# ---- the command line ----

@pytest.mark.parametrize("words", [
    ["--set", CANARY], ["--set=" + CANARY], ["--set", "=" + CANARY],
    ["--set", f"exporters.phoenix.api_key=[{CANARY}"], ["--set", f"exporters.phoenix.api_key=!{CANARY} x"],
    ["--set", f"exporters.phoenix.api_key=&{CANARY} &{CANARY} x"], ["--set", f"exporters.phoenix.api_kye={CANARY}"],
    ["--set", f"exporters.phoenix.api_key={{{CANARY}: x}}"], ["--set", f"exporters.phoenix.headers={CANARY}"],
    ["--set", "exporters.phoenix.api_key=", CANARY], [f"--sett=exporters.phoenix.api_key={CANARY}"],
    ["--set", f"exporters.phoenix.headers.x=[{CANARY}]"], ["--set", f"exporters.phoenix.api_key=\"{CANARY}"],
    ["--set", f"exporters.phoenix.api_key=%{CANARY}\n"], ["--set", f"exporters.phoenix.api_key=${{{CANARY}"],
])
@pytest.mark.parametrize("command", ["run", "validate", "score"])
def test_what_is_set_on_the_command_line_is_not_repeated(command, words):
    if command == "run" and run("validate", *words).returncode == 0:
        return  # it is good, and would listen
    said = run(command, *words, *(["-"] if command == "score" else []))
    assert not shows(said.stdout + said.stderr), said


def test_commands_without_a_configuration_say_nothing_of_the_environment(tmp_path):
    env = {"CLEANLAB_TLM_API_KEY": CANARY, "OPENAI_API_KEY": CANARY, "PHOENIX_API_KEY": CANARY}
    bad = tmp_path / "bad.json"
    bad.write_text("{")
    for words in (["components"], ["version"], ["--help"], ["inspect", str(bad)], ["score", "--replay", str(bad)],
                  ["validate"], ["nonsense"], ["score", "--scorer", "nobody", "-"]):
        said = run(*words, env=env)
        assert not shows(said.stdout + said.stderr), said


# ---- backends that repeat what they were sent ----

class Echo:
    """Answers every POST with the headers that came, in ways that are as `answer` says."""

    def __init__(self):
        echo = self
        self.seen: list[dict[str, str]] = []
        self.answer = lambda headers: (500, {"error": headers})

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_args: object) -> None:
                pass

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                echo.seen.append(dict(self.headers))
                status, tree = echo.answer(dict(self.headers))
                body = json.dumps(tree).replace("/", "\\/").encode()
                self.send_response(status, " ".join(self.headers.values()).replace("\n", " "))
                self.send_header("Content-Type", "application/json; " + str(self.headers.get("authorization")))
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


class EchoSink(Sink):
    """An OTLP backend that refuses with all metadata in its text."""

    code = grpc.StatusCode.UNAVAILABLE

    def export(self, request: bytes, context) -> bytes:
        metadata = {k: v for k, v in context.invocation_metadata() if isinstance(v, str)}
        with self.lock:
            self.refused.append(metadata)
        context.abort(self.code, "got " + json.dumps(metadata))
        return b""


class Loud(Trustspan):
    """At debug level."""

    def run(self, argv):
        return super().run([*argv, "--set", "service.telemetry.logs.level=debug"])


@pytest.fixture
def echo():
    e = Echo()
    yield e
    e.server.shutdown()
    e.server.server_close()


@pytest.fixture
def echo_sink():
    sink = EchoSink()
    yield sink
    sink.stop()


def page(t: Trustspan) -> str:
    return str(http(f"http://127.0.0.1:{t.metrics_port}/metrics"))


BASIC = "Basic " + base64.b64encode(f"me:{CANARY}".encode()).decode()


@pytest.mark.parametrize("value", ["Bearer " + CANARY, CANARY, BASIC])
@pytest.mark.parametrize("forwarded", [True, False])
@pytest.mark.parametrize("code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.INVALID_ARGUMENT])
def test_a_backend_that_repeats_headers_in_its_text(start, echo_sink, value, forwarded, code):
    echo_sink.code = code
    exporter = echo_sink.exporter(**({} if forwarded else {"headers": {"x-key": value}}))
    t = start(Loud, {"processors": {"trust": {"scorer": "local"}}, "exporters": {"otlp_grpc": exporter}},
              receiver={"forward_headers": ["x-key"]})
    Sender(t.endpoint).send(request([("llm", llm_attributes("Q?", "A."))]).SerializeToString(),
                            metadata=[("x-key", value)] if forwarded else [])
    wait_for(lambda: "got " in t.process.log(), what="the backend's text in the log")
    assert any(m.get("x-key") == value for m in echo_sink.refused)
    text = page(t)
    t.process.stop()
    log = t.process.log()
    assert "[REDACTED]" in log and not shows(log), log
    assert value.split()[-1] not in log and not shows(text)


def test_phoenix_that_repeats_headers(start, echo):
    sink = Sink()
    phoenix = {"endpoint": echo.url.replace("//", f"//me:{urllib.parse.quote(CANARY, safe='')}@"), "api_key": CANARY,
               "retry_on_failure": {"initial_interval": "50ms", "max_interval": "100ms"}}
    t = start(Loud, {"processors": {"trust": {"scorer": "local"}},
                     "exporters": {"otlp_grpc": sink.exporter(), "phoenix": phoenix}})
    Sender(t.endpoint).send(request([("llm", llm_attributes("Q?", "I don't know."))]).SerializeToString())
    wait_for(lambda: "answered 500" in t.process.log(), what="the answer in the log")
    assert any(CANARY in str(h) for h in echo.seen)
    text = page(t)
    t.process.stop()
    sink.stop()
    assert not shows(t.process.log()) and not shows(text)


def test_a_judge_that_repeats_the_key_in_its_error(config, echo, tmp_path):
    echo.answer = lambda headers: (401, {"error": {"code": headers["Authorization"][7:], "message": str(headers)}})
    settings = {"base_url": echo.url + "/v1", "api_key": CANARY, "max_retries": 0,
                "headers": {"x-other": "Bearer " + CANARY}, "record": str(tmp_path / "record")}
    said = run("score", "--config", config({"scorers": {"tlm": settings}}), "--scorer", "tlm", "--no-cache", "-",
               text=json.dumps({"prompt": "p", "response": "r"}))
    assert echo.seen and b"failed" in said.stdout
    assert not shows(said.stdout + said.stderr) and not shows((tmp_path / "record").read_bytes())


@pytest.mark.parametrize("score", [0.4, CANARY])
def test_a_scorer_that_repeats_the_key_in_its_explanation(config, echo, score):
    echo.answer = lambda headers: (200, {"confidence_score": score, "log": {"explanation": "told " + str(headers)},
                                         "deberta_success": True})
    settings = {"base_url": echo.url, "api_key": CANARY, "retry_unit": "1ms"}
    said = run("score", "--config", config({"scorers": {"cleanlab": settings}}), "--scorer", "cleanlab",
               "--no-cache", "-", text=json.dumps({"prompt": "p", "response": "r"}))
    assert echo.seen and (b"[REDACTED]" in said.stdout or score == CANARY), said
    assert not shows(said.stdout + said.stderr), said


def test_and_in_the_span(start, echo):
    echo.answer = lambda headers: (200, {"confidence_score": 0.4, "log": {"explanation": "told " + str(headers)},
                                         "deberta_success": True})
    sink = Sink()
    t = start(Loud, {"scorers": {"cleanlab": {"base_url": echo.url, "api_key": CANARY}},
                     "processors": {"trust": {"scorer": "cleanlab",
                                              "write": ["attributes", "openinference", "gen_ai_event"]}},
                     "exporters": {"otlp_grpc": sink.exporter()}})
    Sender(t.endpoint).send(request([("llm", llm_attributes("Q?", "A."))]).SerializeToString())
    spans = wait_for(sink.messages, what="the span")
    t.process.stop()
    sink.stop()
    assert "told " in str(spans) and "[REDACTED]" in str(spans)
    assert not shows(str(spans)) and not shows(t.process.log())
    kept = [p for p in Path(t.directory / "state/scores").rglob("*") if p.is_file()]
    assert kept and all(CANARY.encode() not in p.read_bytes() for p in kept)


# ---- the last words of a process that is ended ----

@pytest.mark.parametrize("how", [signal.SIGABRT, signal.SIGSEGV, signal.SIGTERM])
def test_a_process_that_dies_says_none(start, how):
    sink = Sink()
    t = start(Loud, {"processors": {"trust": {"scorer": "cleanlab"}},
                     "scorers": {"cleanlab": {"base_url": "http://127.0.0.1:1", "api_key": CANARY}},
                     "exporters": {"otlp_grpc": sink.exporter(headers={"authorization": "Bearer " + CANARY})}},
              receiver={"forward_headers": ["x-key"]})
    Sender(t.endpoint).send(request([("llm", llm_attributes("Q?", "A."))]).SerializeToString(),
                            metadata=[("x-key", CANARY)])
    t.process.child.send_signal(how)
    t.process.child.wait(60)
    sink.stop()
    assert not shows(t.process.log())

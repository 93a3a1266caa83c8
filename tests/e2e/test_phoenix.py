"""The main job on real parts: the OpenTelemetry SDK and OpenInference's instrumentor, trustspan, a
real Phoenix. What Phoenix tells afterwards is compared with what the application sent."""

from __future__ import annotations

import json
import os
import sys
import urllib.parse
from pathlib import Path

import pytest

import tsan_report
from conftest import ROOT, Process, Standin, Trustspan, free_port, http, wait_for

APP = ROOT / "tests/e2e/apps/quiz.py"


class Phoenix:
    def __init__(self, directory: Path):
        self.port, self.grpc_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        wasm = directory / "none.wasm"
        wasm.write_text("x")
        self.process = Process("phoenix", [os.environ["PHOENIX_BIN"], "serve"], directory, {
            "PHOENIX_WORKING_DIR": str(directory / "phoenix"), "PHOENIX_HOST": "127.0.0.1",
            "PHOENIX_PORT": str(self.port), "PHOENIX_GRPC_PORT": str(self.grpc_port),
            "PHOENIX_TELEMETRY_ENABLED": "false", "PHOENIX_ALLOW_EXTERNAL_RESOURCES": "false",
            "PHOENIX_DISABLE_AGENT_ASSISTANT": "true", "PHOENIX_ENABLE_MCP_SERVER": "false",
            "PHOENIX_WASM_BINARY_PATH": str(wasm)})
        wait_for(lambda: http(f"{self.url}/readyz") is not None, 120, "Phoenix")

    def spans(self, project: str) -> list[dict]:
        out, cursor = [], ""
        while True:
            page = http(f"{self.url}/v1/projects/{project}/spans?limit=1000{cursor}")
            out += page["data"]
            if not page["next_cursor"]:
                return out
            cursor = f"&cursor={page['next_cursor']}"

    def annotations(self, project: str, spans: list[dict]) -> dict[str, list[dict]]:
        found: dict[str, list[dict]] = {}
        for at in range(0, len(spans), 50):
            query = urllib.parse.urlencode(
                [("span_ids", s["context"]["span_id"]) for s in spans[at:at + 50]]
                + [("limit", "1000")])
            url = f"{self.url}/v1/projects/{project}/span_annotations?{query}"
            for a in http(url)["data"]:
                found.setdefault(a["span_id"], []).append(a)
        return found


@pytest.fixture(scope="session")
def phoenix(tmp_path_factory):
    server = Phoenix(tmp_path_factory.mktemp("phoenix"))
    yield server
    server.process.stop()


def run_app(directory: Path, endpoint: str, project: str, model: Standin, rounds: int) -> list[dict]:
    """Runs the instrumented app; returns the spans as the SDK had them."""
    copy = directory / f"{project}.json"
    app = Process(project, [sys.executable, str(APP), str(copy), str(rounds)], directory, {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{endpoint}", "DEMO_PROJECT": project,
        "OPENAI_API_KEY": "none", "OPENAI_BASE_URL": f"http://127.0.0.1:{model.control_port}/v1"})
    assert app.child.wait(120) == 0, app.log()
    return json.loads(copy.read_text())


def settings(phoenix: Phoenix, scorer: str, tlm: Standin | None) -> dict:
    retry = {"initial_interval": "200ms", "max_interval": "1s"}
    return {
        "processors": {"trust": {"scorer": scorer, "hold": "10s"}},
        "scorers": {"cleanlab": {"base_url": f"http://127.0.0.1:{tlm.control_port}/api",
                                 "api_key": "test-key"}} if tlm else {},
        "exporters": {
            "otlp_grpc": {"endpoint": f"127.0.0.1:{phoenix.grpc_port}", "tls": {"insecure": True},
                          "retry_on_failure": retry},
            "phoenix": {"endpoint": phoenix.url, "retry_on_failure": retry}},
    }


def check_all(phoenix: Phoenix, project: str, sent: list[dict], every_llm_scored: bool) -> None:
    """Each LLM span has its score, in the span and beside it; others are as sent; none twice."""
    spans = wait_for(lambda: len(got := phoenix.spans(project)) >= len(sent) and got, 60,
                     "all spans in Phoenix")
    assert len(spans) == len(sent), "none is there twice"
    by_id = {s["context"]["span_id"]: s for s in spans}
    scored = [s for s in spans if "trustworthiness.score" in s["attributes"]]
    wait_for(lambda: all(s["context"]["span_id"] in phoenix.annotations(project, spans)
                         for s in scored), 60, "all annotations")
    notes = phoenix.annotations(project, spans)
    for was in sent:
        span = by_id[was["span_id"]]
        own = {k: v for k, v in span["attributes"].items() if k.startswith("trustworthiness.")}
        rest = {k: v for k, v in span["attributes"].items() if k not in own}
        assert span["name"] == was["name"] and span["parent_id"] == was["parent_id"]
        for key, value in was["attributes"].items():
            if isinstance(value, str) and key != "openinference.span.kind" and "metadata" not in key:
                assert rest[key] == value, key
        if was["kind"] != "LLM":
            assert own == {} and span["context"]["span_id"] not in notes
            continue
        assert own["trustworthiness.decision"] in ("scored", "skipped")
        if every_llm_scored:
            assert own["trustworthiness.decision"] == "scored", own
        if "trustworthiness.score" in own:
            (note,) = notes[span["context"]["span_id"]]
            assert note["name"] == "Trustworthiness"
            assert note["result"]["score"] == own["trustworthiness.score"]
            assert note["result"]["explanation"] == own.get("trustworthiness.explanation")
            assert note["annotator_kind"] == ("CODE" if own["trustworthiness.scorer"] == "local"
                                              else "LLM")


def test_the_main_job_with_cleanlab(start, phoenix, tmp_path):
    model, tlm = start(Standin, "llm"), start(Standin, "tlm")
    trustspan = start(Trustspan, settings(phoenix, "cleanlab", tlm))
    sent = run_app(tmp_path, trustspan.endpoint, "cleanlab", model, 2)
    check_all(phoenix, "cleanlab", sent, every_llm_scored=True)
    wait_for(trustspan.idle)


def test_the_main_job_with_the_embedded_scorer(start, phoenix, tmp_path):
    model = start(Standin, "llm")
    trustspan = start(Trustspan, settings(phoenix, "local", None))
    sent = run_app(tmp_path, trustspan.endpoint, "local", model, 1)
    check_all(phoenix, "local", sent, every_llm_scored=False)


def test_the_main_job_killed_in_the_middle(start, phoenix, tmp_path):
    model, tlm = start(Standin, "llm"), start(Standin, "tlm")
    tlm.control(latency_ms=1000)
    trustspan = start(Trustspan, settings(phoenix, "cleanlab", tlm))
    sent = run_app(tmp_path, trustspan.endpoint, "killed", model, 3)
    trustspan.process.kill()  # spans are held for their scores at this moment
    tlm.control(latency_ms=0)
    trustspan.start()
    check_all(phoenix, "killed", sent, every_llm_scored=True)
    wait_for(trustspan.idle)


def test_the_main_job_under_tsan(start, phoenix, tmp_path, monkeypatch):
    if not os.environ.get("TRUSTSPAN_TSAN_BIN"):
        pytest.skip("no TSan build; TRUSTSPAN_TSAN_BIN names it")
    import conftest

    monkeypatch.setattr(conftest, "TRUSTSPAN", os.environ["TRUSTSPAN_TSAN_BIN"])
    model, tlm = start(Standin, "llm"), start(Standin, "tlm")
    two_loops = {**settings(phoenix, "cleanlab", tlm), "service": {"loops": 2}}
    trustspan = start(Trustspan, two_loops,
                      tsan_report.options(tmp_path / "tsan"))
    sent = run_app(tmp_path, trustspan.endpoint, "tsan", model, 2)
    check_all(phoenix, "tsan", sent, every_llm_scored=True)
    trustspan.process.stop()
    assert tsan_report.read(tmp_path / "tsan")[0] == []

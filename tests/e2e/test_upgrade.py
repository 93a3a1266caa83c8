"""A store that an earlier version left behind (tests/fixtures/store-*; make.py there) is delivered by this one."""

from __future__ import annotations

import json
import shutil
from collections import Counter

import pytest

from conftest import ROOT, Standin, Trustspan, wait_for

STORES = sorted((ROOT / "tests/fixtures").glob("store-*"))


def config(backend: Standin, tlm: Standin, **service: object) -> dict:
    return {
        "processors": {"trust": {"scorer": "cleanlab"}},
        "scorers": {"cleanlab": {"base_url": f"http://127.0.0.1:{tlm.control_port}/api", "api_key": "test-key"}},
        "exporters": {"otlp_grpc": {"endpoint": f"127.0.0.1:{backend.ports[0]}", "tls": {"insecure": True}},
                      "phoenix": {"endpoint": f"http://127.0.0.1:{backend.ports[1]}"}},
        "service": service,
    }


@pytest.fixture(params=STORES, ids=lambda store: store.name)
def expected(request, tmp_path) -> dict:
    (tmp_path / "state").mkdir()
    shutil.copy(request.param / "data.mdb", tmp_path / "state")
    return json.loads((request.param / "expected.json").read_text())


def delivered(backend: Standin, trustspan: Trustspan, expected: dict) -> None:
    wait_for(lambda: trustspan.idle() and trustspan.metrics()["trustspan_spool_late"] == 0,
             what="the store to be empty")
    state = backend.state()
    assert Counter(s["span_id"] for s in state["spans"]) == Counter(expected["waiting"].keys())
    for span in state["spans"]:
        wanted = expected["waiting"][span["span_id"]]
        assert {k: span["metadata"].get(k) for k in ("authorization", "x-tenant")} == {
            k: wanted.get(k) for k in ("authorization", "x-tenant")}
    scored = {a["span_id"]: a["auth"] for a in state["annotations"]}
    assert {k: v for k, v in scored.items() if k in expected["left"]} == expected["late"]
    assert trustspan.metrics()["trustspan_spool_corrupt"] == 0


def test_the_store_of_an_earlier_version_is_delivered(start, expected):
    backend, tlm = start(Standin, "backend", 2), start(Standin, "tlm")
    trustspan = start(Trustspan, config(backend, tlm))
    delivered(backend, trustspan, expected)


def test_it_is_delivered_once_when_several_pipelines_could(start, expected):
    """Records of 0.1.0 do not say which receiver they came from: they belong to all pipelines of traces."""
    backend, tlm = start(Standin, "backend", 2), start(Standin, "tlm")
    settings = config(backend, tlm)
    settings["exporters"]["debug"] = {}
    settings["service"] = {"pipelines": {
        "traces": {"receivers": ["otlp"], "processors": ["trust"], "exporters": ["otlp_grpc", "phoenix"]},
        "traces/copy": {"receivers": ["otlp"], "exporters": ["debug"]}}}
    trustspan = start(Trustspan, settings)
    delivered(backend, trustspan, expected)
    printed = [json.loads(line) for line in trustspan.process.log().splitlines() if line.startswith('{"spans"')]
    assert sum(line["spans"] for line in printed) == len(expected["waiting"])

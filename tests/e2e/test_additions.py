"""What README says about adding a component, tried: trustspan with one more of each kind (tests/additions),
each a file and a line in the registry, all of them in one pipeline."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

import conftest
from conftest import Trustspan, wait_for
from spans import llm_attributes, request

PROGRAM = str(Path(conftest.TRUSTSPAN).parent / "tests/additions/trustspan_additions")


@pytest.fixture
def program(monkeypatch):
    monkeypatch.setattr(conftest, "TRUSTSPAN", PROGRAM)


def test_an_added_component_is_listed_with_its_settings():
    said = subprocess.run([PROGRAM, "components"], capture_output=True, text=True, check=True).stdout
    for row in ("request_file", "tally", "length", "lines", "bytes of an answer that is not trusted"):
        assert row in said


def test_one_of_each_kind_works_in_a_pipeline(program, start, tmp_path):
    files = [tmp_path / "first.pb", tmp_path / "second.pb"]
    for file, answer in zip(files, ("a" * 250, "b" * 750)):
        file.write_bytes(request([("chat", llm_attributes("?", answer)), ("step", {})]).SerializeToString())
    out = tmp_path / "out.txt"
    trustspan = start(Trustspan, {
        "processors": {"trust": {"scorer": "length"}, "tally": {}},
        "exporters": {"lines": {"path": str(out)}},
        "service": {"pipelines": {"traces": {"receivers": ["otlp", "request_file"],
                                             "processors": ["trust", "tally"], "exporters": ["lines"]}}},
    }, receivers={"request_file": {"paths": list(map(str, files))}})
    wait_for(lambda: not any(file.exists() for file in files), what="both requests to be delivered")
    wait_for(lambda: out.read_text().count("evaluation") == 2, what="the evaluations")
    assert sorted(out.read_text().splitlines()) == [
        "evaluation 0.250", "evaluation 0.750", "spans 1", "spans 1", "spans 1", "spans 1"]
    assert trustspan.total("tally_items") == 4 and trustspan.total("tally_scored") == 2
    assert trustspan.process.stop() == 0

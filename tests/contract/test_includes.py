"""Includes run one way, file by file: base <- json, wire, config, loop <- net, store, telemetry, llm, tlm <-
pipeline <- cmd, and inside pipeline/ what components share <- engine <- assess <- components."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from concurrent.futures import ThreadPoolExecutor

import include_graph as ig
import pytest
import whole_build
from conftest import ROOT

# Files that include each other in a circle, and why that is so. What is here has to be true.
KNOTS: dict[frozenset[str], str] = {}
# (from, to) that run against the order of pipeline/, and why.
AGAINST: dict[tuple[str, str], str] = {}


@pytest.fixture(scope="module")
def files() -> ig.Files:
    return ig.read(ROOT)


@pytest.fixture(scope="module")
def edges(files) -> ig.Graph:
    return ig.graph(files)


def test_the_graph(files, edges, record_property, capsys):
    knots = ig.knots(edges)
    said = (f"{len(files)} files, {len(edges)} nodes, {len(ig.pairs(edges))} edges, "
            f"{len(knots)} knots {[' '.join(sorted(k)) for k in knots]}")
    record_property("include_graph", said)
    with capsys.disabled():
        print(f"\nincludes: {said}")
    assert len(edges) > 150 and len(ig.pairs(edges)) > 300


def test_every_include_is_ours_to_place(files, edges):
    assert ig.unknown(files) == []
    assert ig.unplaced(edges) == []


def test_no_include_runs_up(edges):
    assert ig.upward(edges) == []


def test_no_include_runs_up_inside_pipeline(edges):
    assert set(ig.upward_in_pipeline(edges)) == set(AGAINST)


def test_no_cycle_between_folders(edges):
    assert ig.knots(ig.folders(edges)) == set()


def test_no_cycle_between_files(edges):
    assert ig.knots(edges) == set(KNOTS)


def test_a_file_includes_its_own_header_first(files):
    assert ig.not_own_first(files) == []


# ---- every header says all that it needs ----

def flags() -> list[str]:
    """Of a unit test: it sees all folders and cmocka."""
    whole_build.linker_log()  # with it the generated headers are there
    commands = json.loads((whole_build.BUILD / "compile_commands.json").read_text())
    words = shlex.split(next(c["command"] for c in commands if "/tests/unit/" in c["file"]))
    kept = []
    for word, after in zip(words, words[1:]):
        if word == "-isystem":
            kept += [word, after]
        elif word.startswith(("-I", "-D", "-std=", "-W")) or word == "-pthread":
            kept.append(word)
    return kept


def compile_alone(header, options: list[str]) -> str:
    """What the compiler says against it; "" for nothing."""
    done = subprocess.run(["gcc", *options, "-Werror", "-fsyntax-only", "-x", "c", str(header)],
                          capture_output=True, text=True)
    return done.stderr if done.returncode else ""


def test_every_header_compiles_alone():
    headers = [h for top in ("src", "pipeline", "tests") for h in sorted((ROOT / top).rglob("*.h"))
               if "node_modules" not in h.parts]
    options = flags()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        said = list(pool.map(lambda h: compile_alone(h, options), headers))
    assert len(headers) > 80
    assert {str(h.relative_to(ROOT)): text for h, text in zip(headers, said) if text} == {}


def test_a_header_that_needs_another_is_found(tmp_path):
    header = tmp_path / "needs.h"
    header.write_text("static inline size_t one(void) { return 1; }\n")
    assert "size_t" in compile_alone(header, flags())


# ---- the rules can fail: trees made up ----

def tree(**includes: str) -> tuple[ig.Files, ig.Graph]:
    """base__view_h="a.h b.h": a file and what it includes."""
    files = {}
    for name, wanted in includes.items():
        path = name.replace("__", "/")
        files[path[:-2] + "." + path[-1]] = "".join(f'#include "{i}"\n' for i in wanted.split())
    return files, ig.graph(files)


def test_an_include_of_nothing_is_found():
    assert ig.unknown(tree(base__a_c="base/gone.h base/rows.def")[0]) == [("base/a.c", "base/gone.h")]


def test_a_folder_of_no_layer_is_found():
    assert ig.unplaced(tree(misc__a_c="", pipeline__misc__b_h="", base__c_h="")[1]) == [
        "misc/a", "pipeline/misc/b"]


def test_an_include_upward_is_found():
    edges = tree(base__a_c="json/b.h", json__b_h="base/a.h", base__a_h="")[1]
    assert ig.upward(edges) == [("base/a", "json/b")]


@pytest.mark.parametrize("one, other", [
    ("pipeline/exporter.h", "pipeline/engine/batch.h"),
    ("pipeline/engine/plan.c", "pipeline/assess/rules.h"),
    ("pipeline/engine/plan.c", "pipeline/scorer/tlm.h"),
    ("pipeline/assess/rules.h", "pipeline/processor/trust.h"),
    ("pipeline/processor/trust.c", "pipeline/scorer/tlm.h"),
])
def test_an_include_against_the_order_of_pipeline_is_found(one, other):
    edges = ig.graph({one: f'#include "{other}"\n', other: ""})
    assert ig.upward_in_pipeline(edges) == [(ig.node(one), ig.node(other))]
    assert ig.upward_in_pipeline(ig.graph({other: f'#include "{one}"\n', one: ""})) == (
        [] if ig.room(one) != "processor" else [(ig.node(other), ig.node(one))])


def test_a_cycle_between_folders_is_found():
    edges = tree(net__a_h="store/b.h", store__b_h="", store__c_h="net/d.h", net__d_h="")[1]
    assert ig.knots(edges) == set()
    assert ig.knots(ig.folders(edges)) == {frozenset({"net", "store"})}


def test_a_cycle_between_files_is_found_through_their_c_files_and_private_headers():
    edges = tree(llm__a_h="", llm__a_c="llm/a_internal.h llm/b.h", llm__a_internal_h="llm/a.h",
                 llm__b_h="", llm__b_c="llm/b.h llm/c.h", llm__c_h="", llm__c_c="llm/a_internal.h")[1]
    assert ig.knots(edges) == {frozenset({"llm/a", "llm/b", "llm/c"})}


def test_another_header_first_is_found():
    files = tree(llm__a_h="", llm__b_h="", llm__a_c="llm/b.h llm/a.h", llm__b_c="llm/b.h",
                 llm__c_h="", llm__c_internal_h="llm/c.h", llm__c_c="llm/c_internal.h",
                 llm__d_c="llm/a.h")[0]
    assert ig.not_own_first(files) == ["llm/a.c"]

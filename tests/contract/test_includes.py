"""Imports run one way: base <- json, wire, config, loop <- net, store, telemetry, llm <- pipeline <-
cmd, and no cycle between folders of one layer."""

from __future__ import annotations

import re

from conftest import ROOT

LAYERS = [{"base"}, {"json", "wire", "config", "loop"}, {"net", "store", "telemetry", "llm", "tlm"},
          {"pipeline"}, {"cmd"}]


def folder(path: str) -> str:
    return path.split("/")[0]


def edges() -> set[tuple[str, str, str]]:
    """(folder, included folder, file)"""
    found = set()
    for base, files in (("src", (ROOT / "src").rglob("*.[ch]")),
                        ("pipeline", (ROOT / "pipeline").rglob("*.[ch]"))):
        for file in files:
            name = str(file.relative_to(ROOT / "src" if base == "src" else ROOT))
            for target in re.findall(r'^#include "([^"]+)"', file.read_text(), re.M):
                if not target.startswith(("opentelemetry/", "trustspan/")):
                    found.add((folder(name), folder(target), name))
    return found


def layer(name: str) -> int:
    return next(i for i, names in enumerate(LAYERS) if name in names)


def test_every_include_is_ours_to_place():
    assert all(any(target in names for names in LAYERS) for _, target, _ in edges())


def test_no_include_runs_up():
    up = [(file, target) for own, target, file in edges() if layer(target) > layer(own)]
    assert up == []


def test_no_cycle_between_folders():
    graph: dict[str, set[str]] = {}
    for own, target, _ in edges():
        if own != target:
            graph.setdefault(own, set()).add(target)

    def reach(start: str) -> set[str]:
        seen: set[str] = set()
        todo = [start]
        while todo:
            for after in graph.get(todo.pop(), ()):
                if after not in seen:
                    seen.add(after)
                    todo.append(after)
        return seen

    assert [name for name in graph if name in reach(name)] == []

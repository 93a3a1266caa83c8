"""The include graph between files, and what it must not hold. A header and its .c are one node, by the
path without its ending; so is a private header, x_internal.h or folder/internal.h, with its module."""

from __future__ import annotations

import re
from pathlib import Path

# A folder of src/ includes those of layers in front of its own, and of its own layer without a cycle.
LAYERS = [{"base"}, {"json", "wire", "config", "loop"}, {"net", "store", "telemetry", "llm", "tlm"},
          {"pipeline"}, {"cmd"}]
# Inside pipeline/: what components share ("", the files beside the folders), what runs them, what judges a
# record, and the components, which know nothing of each other.
ROOMS = [{""}, {"engine"}, {"assess"},
         {"signal", "receiver", "processor", "scorer", "exporter", "extension"}]
GENERATED = ("opentelemetry/", "trustspan/")
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]+"([^"]+)"', re.M)

Files = dict[str, str]  # path as an #include has it (wire/scan.h, pipeline/scorer.h): text
Graph = dict[str, set[str]]


def read(root: Path) -> Files:
    files = {}
    for base, top in ((root / "src", root / "src"), (root / "pipeline", root)):
        for file in sorted(base.rglob("*.[ch]")):
            files[str(file.relative_to(top))] = file.read_text()
    return files


def includes(text: str) -> list[str]:
    return [i for i in INCLUDE.findall(text) if not i.startswith(GENERATED)]


def node(path: str) -> str:
    folder, _, name = path.rpartition("/")
    stem = re.sub(r"\.[ch]$", "", name)
    own = folder.rpartition("/")[2] if stem == "internal" else stem.removesuffix("_internal")
    return f"{folder}/{own}"


def graph(files: Files) -> Graph:
    edges: Graph = {node(path): set() for path in files}
    for path, text in files.items():
        edges[node(path)] |= {node(i) for i in includes(text) if i in files} - {node(path)}
    return edges


def unknown(files: Files) -> list[tuple[str, str]]:
    """Includes in quotation marks of files that are not ours: tables (.def) are looked up by the compiler."""
    return [(path, i) for path, text in files.items() for i in includes(text)
            if i not in files and not i.endswith(".def")]


def place(sets: list[set[str]], name: str) -> int:
    return next((i for i, names in enumerate(sets) if name in names), -1)


def layer(name: str) -> int:
    return place(LAYERS, name.split("/")[0])


def room(name: str) -> str | None:
    """The folder inside pipeline/; "" beside the folders, None elsewhere."""
    parts = name.split("/")
    return None if parts[0] != "pipeline" else parts[1] if len(parts) > 2 else ""


def unplaced(edges: Graph) -> list[str]:
    return [n for n in sorted(edges)
            if layer(n) < 0 or (room(n) is not None and place(ROOMS, room(n)) < 0)]


def pairs(edges: Graph) -> list[tuple[str, str]]:
    return sorted((a, b) for a, targets in edges.items() for b in targets)


def upward(edges: Graph) -> list[tuple[str, str]]:
    return [(a, b) for a, b in pairs(edges) if layer(b) > layer(a)]


def upward_in_pipeline(edges: Graph) -> list[tuple[str, str]]:
    """Up between the rooms of pipeline/, or from one kind of component to another."""
    found = []
    for a, b in pairs(edges):
        own, other = room(a), room(b)
        if own is None or other is None or own == other:
            continue
        if place(ROOMS, other) >= place(ROOMS, own):
            found.append((a, b))
    return found


def folders(edges: Graph) -> Graph:
    found: Graph = {}
    for a, b in pairs(edges):
        one, other = a.split("/")[0], b.split("/")[0]
        found.setdefault(one, set())
        if one != other:
            found[one].add(other)
    return found


def reach(edges: Graph, start: str) -> set[str]:
    seen: set[str] = set()
    todo = [start]
    while todo:
        for after in edges.get(todo.pop(), ()):
            if after not in seen:
                seen.add(after)
                todo.append(after)
    return seen


def knots(edges: Graph) -> set[frozenset[str]]:
    """The largest sets of nodes that all reach each other: no order of reading, or building, them exists."""
    far = {n: reach(edges, n) for n in edges}
    return {frozenset(m for m in far[n] if n in far[m]) for n in edges if n in far[n]}


def first_include(text: str) -> str | None:
    found = re.search(r'^[ \t]*#[ \t]*include[ \t]+["<]([^">]+)', text, re.M)
    return found[1] if found else None


def not_own_first(files: Files) -> list[str]:
    """Files whose first include is not their own header, or their private one that begins with it: what
    the header forgets to include would stay hidden."""
    found = []
    for path, text in files.items():
        own, private = path[:-2] + ".h", path[:-2] + "_internal.h"
        first = first_include(text)
        if first == private and private in files:
            first = first_include(files[private])
        if path.endswith(".c") and own in files and first != own:
            found.append(path)
    return found

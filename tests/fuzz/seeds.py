"""Seed corpora out of the fixtures: seeds.py DIRECTORY writes DIRECTORY/<target>/<seed>."""

from __future__ import annotations

import json
import sys
from pathlib import Path

FIXTURES = Path(__file__).parent.parent / "fixtures"
VECTORS = FIXTURES / "tlm-vectors.jsonl"
CONTENTS = ["<score>85/100</score>", "Choice: [A]", "Rating: Five", "<rating>**8**</rating>", "1e308",
            "<think>a</think><answer>Yes</answer>", '{"confidence_score": NaN}',
            'data: {"choices":[{"delta":{"content":"<score>1</score>"}}]}\n\ndata: [DONE]\n']

CONFIGS = [b"%YAML 1.2\n%TAG ! tag:x,2000:\n---\na: 1\n", b"a: &a [x, y]\nb: *a\n<<: {c: d}\n",
           b"exporters:\n  otlp_grpc: {endpoint: 'h:1', headers: {a: \"${env:PATH:-x}\"}, timeout: 1.5s}\n",
           b"service:\n  pipelines:\n    traces/a: {receivers: [otlp], exporters: [debug]}\n  memory_limit: 1MiB\n",
           b"processors: {trust: {rules: [{model: ['gpt*'], score: false}], redact: {patterns: [email]}}}\n",
           b"scorers:\n  tlm:\n    evals:\n    - name: n\n      criteria: |\n        two\n        lines\n"
           b"      query_identifier: >-\n        q\n", b"? a\n: - b\n  - ${x}$$\n# c\n...\n", b"%\xff\n"]


def text_of(value: dict) -> str:
    """An AnyValue as it would stand in a string: one that holds JSON already is left alone."""
    kind, inner = next(iter(value.items()), ("stringValue", ""))
    if kind in ("arrayValue", "kvlistValue"):
        return json.dumps(plain(value), ensure_ascii=False, separators=(",", ":"))
    return str(inner)


def plain(value: dict) -> object:
    kind, inner = next(iter(value.items()), ("stringValue", None))
    if kind == "arrayValue":
        return [plain(v) for v in inner.get("values", [])]
    if kind == "kvlistValue":
        return {pair["key"]: plain(pair["value"]) for pair in inner.get("values", [])}
    return inner


def lines_of(span: dict) -> str:
    """The span as lines that extract.c reads: JSON in strings stands there unescaped."""
    def attributes(holder: dict) -> list[str]:
        return [f"={a['key']}\t{text_of(a['value'])}".replace("\n", " ") for a in holder.get("attributes", [])]
    lines = attributes(span)
    for event in span.get("events", []):
        lines += [f"!{event['name']}", *attributes(event)]
    return "\n".join(lines) + "\n"


def main() -> None:
    out = Path(sys.argv[1])
    for target in ("reply", "replay", "extract", "config", "store"):
        (out / target).mkdir(parents=True, exist_ok=True)
    for path in sorted((FIXTURES / "dialects").glob("*.json")):
        if path.name.endswith(".expected.json"):
            continue
        request = json.loads(path.read_text())
        whole = json.dumps(request, separators=(",", ":"))  # spans of one trace tell of each other
        (out / f"extract/{path.stem}").write_text(whole)
        for group in request["resourceSpans"]:
            for scope in group["scopeSpans"]:
                for span in scope["spans"]:  # one a seed: small seeds are changed faster
                    one = {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}
                    (out / f"extract/{path.stem}-{span['spanId']}").write_text(json.dumps(one))
                    (out / f"extract/{path.stem}-{span['spanId']}.lines").write_text(lines_of(span))
    for i, text in enumerate(CONFIGS):
        (out / f"config/{i}").write_bytes(text)
    for page in range(0, 64, 3):  # changes as store.c reads them
        (out / f"store/header{page}").write_bytes(bytes([3, page, 0, 10, 0, 2, 4, 0]))
        (out / f"store/inside{page}").write_bytes(bytes([4, page, 0, 64, 15, 1, page]))
    for i, text in enumerate(CONTENTS):
        (out / f"reply/content{i}").write_text(text)
    for line in VECTORS.read_text().splitlines()[::5]:
        case = json.loads(line)
        for k, call in enumerate(case["calls"][:8]):
            if "completion" in call["reply"]:
                (out / f"reply/{case['id']}-{k}").write_text(json.dumps(call["reply"]["completion"]))
        (out / f"replay/{case['id']}").write_text(line)


if __name__ == "__main__":
    main()

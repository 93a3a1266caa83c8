"""Reads the demo's answers back from Phoenix and prints them by trust, the least trusted first.

report.py PHOENIX_URL PROJECT EXPECTED_LLM_SPANS prints the report,
report.py --count PHOENIX_URL PROJECT prints how many LLM spans are there.
"""

from __future__ import annotations

import json
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

WAIT_SECONDS = 60


def get(url: str) -> dict:
    try:
        with urllib.request.urlopen(url, timeout=10) as reply:
            return json.load(reply)
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return {"data": []}
        raise


def llm_spans(root: str, project: str) -> list[dict]:
    spans = get(f"{root}/v1/projects/{project}/spans?limit=1000&span_kind=LLM")["data"]
    return [s for s in spans if s["span_kind"] == "LLM"]


def annotations(root: str, project: str, spans: list[dict]) -> dict[str, dict]:
    found: dict[str, dict] = {}
    for start in range(0, len(spans), 50):
        ids = [("span_ids", s["context"]["span_id"]) for s in spans[start : start + 50]]
        query = urllib.parse.urlencode([*ids, ("limit", "1000")])
        for a in get(f"{root}/v1/projects/{project}/span_annotations?{query}")["data"]:
            if a["name"] == "Trustworthiness":
                found[a["span_id"]] = a
    return found


def gather(root: str, project: str, expected: int) -> tuple[list[dict], dict[str, dict]]:
    """Waits until every span is there, and every score has arrived as an annotation too."""
    for _ in range(WAIT_SECONDS * 2):
        spans = llm_spans(root, project)
        notes = annotations(root, project, spans) if spans else {}
        scored = [s for s in spans if "trustworthiness.score" in s["attributes"]]
        if len(spans) >= expected and all(s["context"]["span_id"] in notes for s in scored):
            return spans, notes
        time.sleep(0.5)
    sys.exit(f"only {len(spans)} of {expected} spans arrived in Phoenix; see the logs")


def text_of(attributes: dict, side: str) -> str:
    texts = [v for k, v in sorted(attributes.items())
             if k.startswith(f"llm.{side}_messages.") and k.endswith(".message.content")]
    return " ".join(str(texts[-1] if texts else "").split())


def cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def main() -> None:
    if sys.argv[1] == "--count":
        print(len(llm_spans(sys.argv[2], sys.argv[3])))
        return
    root, project, expected = sys.argv[1], sys.argv[2], int(sys.argv[3])
    spans, notes = gather(root, project, expected)
    spans.sort(key=lambda s: s["attributes"].get("trustworthiness.score", 2.0))
    print(f"\n{'score':>5}  {'label':<13} question → answer")
    for span in spans:
        a = span["attributes"]
        score = a.get("trustworthiness.score")
        shown = f"{score:5.2f}" if score is not None else "    –"
        label = a.get("trustworthiness.label") or a.get("trustworthiness.decision", "")
        print(f"{shown}  {label:<13} {cut(text_of(a, 'input'), 52)} → "
              f"{cut(text_of(a, 'output') or '(tool call)', 48)}")
        why = a.get("trustworthiness.explanation") or a.get("trustworthiness.reason", "")
        print(f"{'':>22}{cut(why, 100)}")
    scorers = {s["attributes"].get("trustworthiness.scorer") for s in spans}
    print(f"\n{len(spans)} LLM spans, {len(notes)} annotations; "
          f"judged by: {', '.join(sorted(filter(None, scorers)))}")


if __name__ == "__main__":
    main()

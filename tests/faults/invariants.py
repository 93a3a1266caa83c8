"""What must hold of every history, whatever was killed, hung, full or slow; and the figures beside it.

check() knows nothing of trustspan's inside: it compares what the sender was promised with what the backend,
Phoenix and the judge saw, and the metrics page with itself. An empty list is a run without a fault."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from history import Call, Copy, History, Life

# A delivered record is removed with the next commit, after 100 ms at most (store.h). An answer needs its way, its
# reading and a commit: what is younger than this when a process is killed was in flight. Time in which the
# process stood still does not count.
IN_FLIGHT_S = 0.5
REMOVAL_S = 0.1
SCORED = ("scored", "cached")
SAME = ("decision", "reason", "score", "label", "scorer")  # of a span, in all its copies


@dataclass
class Violation:
    kind: str
    what: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.what}"


def some(ids: Iterable[str], most: int = 5) -> str:
    ids = sorted(ids)
    return f"{len(ids)} ({', '.join(ids[:most])}{', …' if len(ids) > most else ''})"


def by_span(entries: Iterable) -> dict[str, list]:
    found: dict[str, list] = defaultdict(list)
    for entry in entries:
        found[entry.span_id].append(entry)
    return found


def decision(copy: Copy) -> tuple:
    return tuple(copy.get(key) for key in SAME)


class View:
    """A history, sorted once for all checks."""

    def __init__(self, history: History):
        self.history = history
        self.copies = by_span(history.copies)
        self.evaluations = by_span(e for e in history.evaluations if e.taken)
        self.llm = {s.span_id for s in history.sent if s.llm}
        self.known = {s.span_id for s in history.sent}
        self.lives = history.lives

    def counted(self, name: str, *labels: str) -> float:
        """Over all lives, as far as their last page tells."""
        return sum(life.total(name, *labels) for life in self.lives)

    def after_last_page(self, time: float) -> bool:
        """In the blind moment between the last look at a life's page and its end?"""
        return any(life.scraped - REMOVAL_S <= time <= life.end for life in self.lives if not life.quiet)


# ---- spans ----

def lost(view: View) -> Iterator[str]:
    missing = [s.span_id for s in view.history.sent if s.acknowledged and
               not any(c.taken for c in view.copies.get(s.span_id, ()))]
    if missing:
        yield f"acknowledged, and never at the backend: {some(missing)}"


def invented(view: View) -> Iterator[str]:
    ids = set(view.copies) - view.known
    if ids:
        yield f"at the backend, and never sent: {some(ids)}"


def undecided(view: View) -> Iterator[str]:
    ids = {c.span_id for c in view.history.copies if c.span_id in view.llm and c.get("decision") is None}
    if ids:
        yield f"LLM spans without a decision: {some(ids)}"


def decided_for_nothing(view: View) -> Iterator[str]:
    ids = {c.span_id for c in view.history.copies if c.span_id not in view.llm and c.said}
    if ids:
        yield f"spans of no LLM with a decision: {some(ids)}"


def written_twice(view: View) -> Iterator[str]:
    ids = {c.span_id for c in view.history.copies
           if max(Counter(k for k, _ in c.said).values(), default=0) > 1}
    if ids:
        yield f"an attribute stands twice in one copy: {some(ids)}"


def changed_decision(view: View) -> Iterator[str]:
    changes: dict[str, list[str]] = defaultdict(list)
    for span_id, copies in view.copies.items():
        if span_id in view.llm and len({decision(c) for c in copies}) > 1:
            said = [f"{c.get('decision')} {c.get('reason') or ''}".strip() for c in copies]
            changes[" then ".join(w for n, w in enumerate(said) if n == 0 or w != said[n - 1])].append(span_id)
    for change, ids in sorted(changes.items()):
        yield f"copies of one span disagree, {change}: {some(ids)}"


def scored_without_score(view: View) -> Iterator[str]:
    ids = {c.span_id for c in view.history.copies
           if (c.get("decision") in SCORED) != (c.get("score") is not None)}
    if ids:
        yield f"decision and score do not go together: {some(ids)}"


# ---- scores ----

def score_missing(view: View) -> Iterator[str]:
    """A span that left late has its evaluation at the end, or a counter says what became of it."""
    due = {i for i in view.llm if any(c.get("decision") == "late" and c.taken for c in view.copies.get(i, ()))}
    there = {i for i in due if view.evaluations.get(i) or
             any(c.get("decision") in SCORED for c in view.copies[i])}
    counted = view.counted("trustspan_late_scores", 'result="failed"') + \
        view.counted("trustspan_exporter_failed_evaluations")
    missing = due - there
    if len(missing) > counted:
        yield f"left as late, no score ever came, {counted:.0f} are counted as failed: {some(missing)}"


def score_changed(view: View) -> Iterator[str]:
    """The same evaluation again is one; with another score it is two."""
    ids = set()
    for span_id in set(view.evaluations) | set(view.copies):
        scores = {e.score for e in view.evaluations.get(span_id, ()) if e.name == view.history.name}
        scores |= {c.get("score") for c in view.copies.get(span_id, ()) if c.get("score") is not None}
        if len({round(float(s), 6) for s in scores if s is not None}) > 1:
            ids.add(span_id)
    if ids:
        yield f"two different scores for one span: {some(ids)}"


def other_identity(view: View) -> Iterator[str]:
    ids = {e.span_id for e in view.history.evaluations
           if (e.name, e.identifier) != (view.history.name, view.history.identifier)}
    if ids:
        yield f"an evaluation under another name or identifier: {some(ids)}"


def evaluated_for_nothing(view: View) -> Iterator[str]:
    ids = {e.span_id for e in view.history.evaluations} - view.llm
    if ids:
        yield f"an evaluation of no LLM span of ours: {some(ids)}"


def not_scored(view: View) -> Iterator[str]:
    """A span that was skipped or failed is counted so."""
    spans: dict[tuple[str, str], set[str]] = defaultdict(set)
    for i in view.llm:
        for c in view.copies.get(i, ()):
            if c.get("decision") not in (*SCORED, "late", None) and not view.after_last_page(c.start):
                spans[str(c.get("decision")), str(c.get("reason") or "")].add(i)
    for (kind, reason), ids in sorted(spans.items()):
        counted = view.counted("trustspan_decisions", f'decision="{kind}"', f'reason="{reason}"')
        if len(ids) > counted:
            yield f"{kind}: {reason}, {counted:.0f} counted: {some(ids)}"


# ---- judge calls ----

def ran(life: Life, since: float, until: float) -> float:
    """Seconds of this time in which the process was not stopped."""
    still = sum(max(0.0, min(b, until) - max(a, since)) for a, b in life.stood_still)
    return until - since - still


def in_flight_at_end(view: View, call: Call) -> bool:
    """Or the process that asked ended before its question was even read, and the answer went nowhere."""
    return any(
        (life.start <= call.start <= life.end and
         (call.end >= life.killed_at or ran(life, call.end, life.killed_at) < IN_FLIGHT_S)) or
        (call.asker_gone and call.start - IN_FLIGHT_S <= life.killed_at <= call.end)
        for life in view.lives if life.how)


def repeated_calls(view: View) -> tuple[dict[str, list[Call]], int, int]:
    """Of each identity that was paid more than once its calls that nothing excuses; all repeats; their floor."""
    paid: dict[str, list[Call]] = defaultdict(list)
    for call in view.history.calls:
        if call.paid:
            paid[call.identity].append(call)
    bad: dict[str, list[Call]] = {}
    repeats = floor = 0
    for identity, calls in paid.items():
        calls.sort(key=lambda c: c.end)
        repeats += len(calls) - 1
        kept = [c for c in calls[:-1] if not in_flight_at_end(view, c)]
        floor += len(calls) - 1 - len(kept)
        if kept:
            bad[identity] = kept
    return bad, repeats, floor


def paid_twice(view: View) -> Iterator[str]:
    bad, _, _ = repeated_calls(view)
    repeated = [call for calls in bad.values() for call in calls]
    unkept = view.counted("trustspan_cache_lost")
    if len(repeated) > unkept:
        yield f"calls paid {len(repeated)} times more than once, none in flight at a kill, {unkept:.0f} scores " \
              f"counted as not kept, the last {kept_for(view, repeated[-1])}: {some({c.span_id for c in repeated})}"


def kept_for(view: View, call: Call) -> str:
    life = next((life for life in view.lives if life.start <= call.start <= life.end), None)
    return f"answered {life.killed_at - call.end:.2f} s before its process was ended" if life else "of no life"


# ---- the metrics page ----

def decisions_do_not_add_up(view: View) -> Iterator[str]:
    for n, life in enumerate(view.lives):
        seen, decided = life.total("trustspan_llm_spans"), life.total("trustspan_decisions")
        if life.quiet and seen != decided:
            yield f"life {n}: trustspan_llm_spans {seen:.0f}, trustspan_decisions {decided:.0f}"


def spans_do_not_add_up(view: View) -> Iterator[str]:
    """What was accepted was sent or refused for good; what the store had before comes on top."""
    for n, life in enumerate(view.lives):
        if not life.quiet:
            continue
        accepted = life.total("otelcol_receiver_accepted_spans")
        out = life.total("otelcol_exporter_sent_spans") + life.total("otelcol_exporter_send_failed_spans")
        if out < accepted or (life.began_empty and out != accepted):
            yield f"life {n}: accepted {accepted:.0f}, sent or refused for good {out:.0f}"


def sent_is_not_what_arrived(view: View) -> Iterator[str]:
    for n, life in enumerate(view.lives):
        if not life.quiet:
            continue
        there = sum(c.taken and life.start <= c.start <= life.scraped for c in view.history.copies)
        counted = life.total("otelcol_exporter_sent_spans")
        if there < counted:
            yield f"life {n}: otelcol_exporter_sent_spans {counted:.0f}, at the backend {there}"


# ---- the process ----

def ended_by_itself(view: View) -> Iterator[str]:
    for n, life in enumerate(view.lives):
        if life.how not in ("", "KILL", "TERM"):
            yield f"life {n}: {life.how}"


def stuck(view: View) -> Iterator[str]:
    yield from view.history.stuck


CHECKS: tuple[Callable[[View], Iterator[str]], ...] = (
    lost, invented, undecided, decided_for_nothing, written_twice, changed_decision, scored_without_score,
    score_missing, score_changed, other_identity, evaluated_for_nothing, not_scored, paid_twice,
    decisions_do_not_add_up, spans_do_not_add_up, sent_is_not_what_arrived, ended_by_itself, stuck,
)


def check(history: History) -> list[Violation]:
    view = View(history)
    return [Violation(one.__name__.replace("_", " "), what) for one in CHECKS for what in one(view)]


# ---- figures ----

def in_doubt(view: View, copy: Copy) -> bool:
    """At the backend, and perhaps not yet out of the store, when a process ended; or not said yes to."""
    return not copy.taken or any(
        life.how and life.start <= copy.start <= life.end and
        (copy.end >= life.killed_at or ran(life, copy.end, life.killed_at) < REMOVAL_S)
        for life in view.lives)


def figures(history: History) -> dict[str, int]:
    """One row of the summary: what there was, and how far repeats are from what cannot be avoided."""
    view = View(history)
    bad, repeats, floor = repeated_calls(view)
    scored = {i for i in view.llm if any(c.get("decision") in SCORED for c in view.copies.get(i, ()))}
    late = {i for i in view.llm if any(c.get("decision") == "late" for c in view.copies.get(i, ()))}
    return {
        "kills": sum(life.how == "KILL" for life in history.lives),
        "stops": sum(life.how == "TERM" for life in history.lives),
        "acknowledged": sum(s.acknowledged for s in history.sent),
        "delivered": len({c.span_id for c in history.copies if c.taken}),
        "duplicates": len(history.copies) - len(view.copies),
        "in doubt at a kill": sum(in_doubt(view, c) for c in history.copies),
        "LLM spans": len(view.llm & set(view.copies)),
        "scored in the span": len(scored),
        "late": len(late),
        "evaluations": len(history.evaluations),
        "evaluated spans": len(view.evaluations),
        "scored, no evaluation": len(scored - set(view.evaluations)),
        "judge calls": len(history.calls),
        "paid again": repeats,
        "of them in flight at a kill": floor,
        "violations": len(check(history)),
    }

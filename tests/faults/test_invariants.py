"""The checker itself: a history in which all is well has no violation, and each way of being wrong is found, alone."""

from __future__ import annotations

import pytest

from history import Call, Copy, Evaluation, History, Life, Sent
from invariants import CHECKS, check, figures

PAGE = {
    "trustspan_llm_spans": 2.0,
    'trustspan_decisions{decision="scored",reason=""}': 1.0,
    'trustspan_decisions{decision="late",reason="hold"}': 1.0,
    "otelcol_receiver_accepted_spans": 3.0,
    'otelcol_exporter_sent_spans{exporter="otlp_grpc"}': 3.0,
}
SCORED = (("trustworthiness.decision", "scored"), ("trustworthiness.score", 0.5))
LATE = (("trustworthiness.decision", "late"), ("trustworthiness.reason", "hold"))
KILLED_AT = 100.0


def copy(span_id: str, said: tuple = (), start: float = 10, end: float = 11, taken: bool = True) -> Copy:
    return Copy(span_id, said, start, end, taken)


def evaluation(span_id: str, score: float = 0.5, name: str = "Trustworthiness", identifier: str = "trustspan",
               taken: bool = True) -> Evaluation:
    return Evaluation(span_id, name, identifier, score, 12, taken)


def call(span_id: str, start: float = 10, end: float = 11, paid: bool = True) -> Call:
    return Call(span_id, f"asked about {span_id}", start, end, paid)


@pytest.fixture
def good() -> History:
    """Two LLM spans, one scored in time and one late, and one span of something else; a life to its end."""
    return History(
        sent=[Sent("a", True, True), Sent("b", True, True), Sent("c", False, True), Sent("d", True, False)],
        copies=[copy("a", SCORED), copy("b", LATE), copy("c")],
        evaluations=[evaluation("a"), evaluation("b", 0.25)],
        calls=[call("a"), call("b")],
        lives=[Life(0, 200, "TERM", dict(PAGE), 90, quiet=True, began_empty=True, killed_at=KILLED_AT)])


def add(name: str, *entries: object):
    return lambda h: getattr(h, name).extend(entries)


def drop(name: str, at: int):
    return lambda h: getattr(h, name).pop(at)


def page(**numbers: float):
    return lambda h: h.lives[0].metrics.update(numbers)


def put(name: str, at: int, entry: object):
    return lambda h: getattr(h, name).__setitem__(at, entry)


def never_taken(h: History) -> None:
    h.sent.append(Sent("e", False, True))
    h.copies.append(copy("e", taken=False))


SKIPPED = (("trustworthiness.decision", "skipped"), ("trustworthiness.reason", "overload"))
WRONG = {
    "lost": [add("sent", Sent("e", False, True)), never_taken],
    "invented": [add("copies", copy("z"))],
    "undecided": [put("copies", 1, copy("b"))],
    "decided for nothing": [put("copies", 2, copy("c", LATE))],
    "written twice": [put("copies", 1, copy("b", LATE + LATE[:1]))],
    "changed decision": [
        add("copies", copy("a", (("trustworthiness.decision", "cached"), ("trustworthiness.score", 0.5)))),
        add("copies", copy("b", (("trustworthiness.decision", "late"), ("trustworthiness.reason", "shutdown"))))],
    "scored without score": [put("copies", 0, copy("a", SCORED[:1])), 
                             put("copies", 1, copy("b", LATE + (("trustworthiness.score", 0.25),)))],
    "score missing": [drop("evaluations", 1), put("evaluations", 1, evaluation("b", taken=False))],
    "score changed": [add("evaluations", evaluation("b", 0.75)), put("evaluations", 0, evaluation("a", 0.75))],
    "other identity": [add("evaluations", evaluation("b", 0.25, identifier="")),
                       add("evaluations", evaluation("b", 0.25, name="Trust"))],
    "evaluated for nothing": [add("evaluations", evaluation("c")), add("evaluations", evaluation("z"))],
    "not scored": [put("copies", 1, copy("b", SKIPPED))],
    "paid twice": [add("calls", call("a", 20, 21))],
    "decisions do not add up": [page(trustspan_llm_spans=3.0)],
    "spans do not add up": [page(otelcol_receiver_accepted_spans=4.0), page(otelcol_receiver_accepted_spans=2.0)],
    "sent is not what arrived": [page(**{'otelcol_exporter_sent_spans{exporter="otlp_grpc"}': 4.0,
                                         "otelcol_receiver_accepted_spans": 4.0})],
    "ended by itself": [lambda h: setattr(h.lives[0], "how", "ended by itself with -11")],
    "stuck": [add("stuck", "nothing moves")],
}


def test_a_history_in_which_all_is_well(good):
    assert check(good) == []


def test_every_check_is_shown_to_fail():
    assert {c.__name__.replace("_", " ") for c in CHECKS} == set(WRONG)


@pytest.mark.parametrize("kind, spoil", [(kind, spoil) for kind, spoils in WRONG.items() for spoil in spoils])
def test_what_is_wrong_is_found_and_nothing_else(good, kind, spoil):
    spoil(good)
    assert [v.kind for v in check(good)] == [kind]


# ---- what is no violation ----

@pytest.mark.parametrize("why, happen", [
    ("a span that was not acknowledged need not arrive", drop("sent", 3)),
    ("but it may", add("copies", copy("d", SCORED))),
    ("a span may come again", add("copies", copy("a", SCORED), copy("c"))),
    ("the same evaluation again is the same", add("evaluations", evaluation("b", 0.25))),
    ("a call that was not answered is not paid", add("calls", call("a", 20, 21, paid=False))),
])
def test_what_may_happen(good, why, happen):
    happen(good)
    assert check(good) == [], why


@pytest.mark.parametrize("counter", ['trustspan_late_scores{result="failed"}',
                                     'trustspan_exporter_failed_evaluations{exporter="phoenix"}'])
def test_a_score_that_does_not_come_is_explained_by_a_counter(good, counter):
    good.evaluations.pop(1)
    good.lives[0].metrics[counter] = 1.0
    assert check(good) == []


def test_a_span_that_is_skipped_is_explained_by_a_counter(good):
    good.copies[1] = copy("b", SKIPPED)
    del good.lives[0].metrics['trustspan_decisions{decision="late",reason="hold"}']
    good.lives[0].metrics['trustspan_decisions{decision="skipped",reason="overload"}'] = 1.0
    assert check(good) == []


def test_a_score_that_could_not_be_kept_is_explained_by_a_counter(good):
    good.calls.append(call("a", 20, 21))
    good.lives[0].metrics["trustspan_cache_lost"] = 1.0
    assert check(good) == []


# ---- calls in flight ----

@pytest.mark.parametrize("end, excused", [
    (KILLED_AT + 3, True), (KILLED_AT - 0.2, True), (KILLED_AT - 20, False)])
def test_a_call_in_flight_at_a_kill_may_be_paid_again(good, end, excused):
    good.calls[0] = call("a", 50, end)
    good.calls.append(call("a", 300, 301))
    assert (check(good) == []) == excused
    assert figures(good)["paid again"] == 1
    assert figures(good)["of them in flight at a kill"] == excused


@pytest.mark.parametrize("gone", [True, False])
def test_a_call_of_a_process_that_ended_before_it_was_read(good, gone):
    """Read in the life of the next process, which asks again."""
    good.lives.append(Life(good.lives[0].end, float("inf")))
    good.lives[0].end = KILLED_AT
    good.calls[0] = Call("a", "asked", KILLED_AT + 0.1, KILLED_AT + 3, True, asker_gone=gone)
    good.calls.append(Call("a", "asked", KILLED_AT + 10, KILLED_AT + 11, True))
    assert (check(good) == []) == gone


def test_time_in_which_the_process_stood_still_does_not_count(good):
    good.calls[0] = call("a", 50, 90)
    good.calls.append(call("a", 300, 301))
    good.lives[0].stood_still.append((90.1, 99.9))
    assert check(good) == []


# ---- figures ----

def test_duplicates_and_what_was_in_doubt(good):
    good.copies += [copy("a", SCORED, 99.5, 99.95), copy("c", (), 150, 151, taken=False)]
    row = figures(good)
    assert (row["acknowledged"], row["delivered"], row["duplicates"]) == (3, 3, 2)
    assert row["in doubt at a kill"] == 2 and row["violations"] == 0


def test_scores_without_an_evaluation_are_counted(good):
    good.evaluations.pop(0)
    assert figures(good)["scored, no evaluation"] == 1

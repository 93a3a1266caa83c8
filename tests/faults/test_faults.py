"""Schedules of faults and kills under load, short: every fault once, with both scorers. A failure prints the command that
replays it. tests/faults/run.sh does the same for as long as one likes."""

from __future__ import annotations

import os

import pytest

from driver import play, report
from faults import FAULTS, schedule

SEED = int(os.environ.get("TRUSTSPAN_SEED", "20"))
KILLS = 50


def checked(directory, scorer: str, how: str, **kwargs):
    run, violations = play(directory, scorer, SEED, **kwargs)
    said = report(run, violations, f"tests/faults/run.sh --scorer {scorer} {how} --seed {SEED}")
    print(said)
    assert not violations, said
    return run


@pytest.mark.parametrize("scorer", ["local", "tlm"])
def test_whatever_fails_the_invariants_hold(tmp_path, scorer):
    steps = sum(f.scorer in ("", scorer) for f in FAULTS)
    run = checked(tmp_path, scorer, f"--steps {steps}", steps=steps)
    done = {step.fault.name for step in schedule(SEED, steps, scorer, run.place.lacks)}
    wanted = {f.name for f in FAULTS if f.scorer in ("", scorer) and f.needs not in run.place.lacks}
    assert done == wanted


@pytest.mark.parametrize("scorer", ["local", "tlm"])
def test_kills_lose_nothing_and_pay_nothing_twice(tmp_path, scorer):
    run = checked(tmp_path, scorer, f"--kills {KILLS}", kills=KILLS)
    assert sum(s.acknowledged for s in run.history.sent) > KILLS


@pytest.mark.parametrize("fault", [f for f in FAULTS if f.needs], ids=lambda f: f.name)
def test_this_machine_permits(tmp_path, fault):
    """Counted as skipped, with the reason, where a schedule had to go without."""
    from place import Place
    place = Place(tmp_path)
    place.leave()
    if fault.needs in place.lacks:
        pytest.skip(f"'{fault.name}' was left out of the schedules: {place.lacks[fault.needs]}")


def test_a_seed_is_a_schedule():
    first, again, other = (list(map(str, schedule(s, 40, "tlm", {}))) for s in (1, 1, 2))
    assert first == again != other

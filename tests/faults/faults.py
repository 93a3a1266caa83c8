"""The faults that a schedule chooses from. A fault is begun, lasts while a number of requests are tried, and is lifted;
in the middle the process may be killed beside. To add one: a row in FAULTS."""

from __future__ import annotations

import random
import resource
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from driver import Run


@dataclass
class Fault:
    name: str
    begin: Callable[[Run, random.Random], None]
    end: Callable[[Run], None] = lambda run: None
    needs: str = ""  # of the place
    scorer: str = ""  # only with this one
    kill: bool = True  # may the process be killed meanwhile?
    work: int = 40  # requests tried while it lasts, at most


def mode(peer: str, what: str) -> Fault:
    return Fault(f"{peer} {what}", lambda run, _: getattr(run, peer).set(what),
                 lambda run: getattr(run, peer).set("well"), scorer="tlm" if peer == "judge" else "")


def slow(peer: str, most: float) -> Fault:
    def begin(run: Run, rng: random.Random) -> None:
        getattr(run, peer).delay = rng.uniform(0.1, most)

    def end(run: Run) -> None:
        getattr(run, peer).delay = run.usual_delay(peer)

    return Fault(f"{peer} slow", begin, end, scorer="tlm" if peer == "judge" else "")


def stand_still(run: Run, rng: random.Random) -> None:
    begin = time.monotonic()
    run.victim.child.send_signal(signal.SIGSTOP)
    time.sleep(rng.uniform(0.05, 1.0))
    run.victim.child.send_signal(signal.SIGCONT)
    run.life.stood_still.append((begin, time.monotonic()))


def full_of(padding: int, room: int) -> Callable[[Run, random.Random], None]:
    """The disk is full, and what is on it is ours."""
    def begin(run: Run, _rng: random.Random) -> None:
        run.backend.set("refuse")
        run.place.fill(room)
        run.padding = padding
        run.send_until_refused(4000)
        run.padding = 0

    return begin


def drain_backlog(run: Run) -> None:
    """Nobody makes room: what is delivered does, and there is room for new requests then."""
    run.backend.set("well")
    run.settle()
    run.still_serves()
    run.place.make_room()


def few_files(run: Run, _rng: random.Random) -> None:
    """No further file, and connections that ask for one."""
    pid = run.victim.child.pid
    hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)[1]
    run.files = resource.prlimit(pid, resource.RLIMIT_NOFILE, (run.open_files() + 4, hard))
    run.idle = [connect(run) for _ in range(30)]


def connect(run: Run) -> socket.socket:
    s = socket.socket()
    s.settimeout(2)
    try:
        s.connect((run.place.own, run.port))
    except OSError:
        pass  # as it should be: there is no room for it
    return s


def files_again(run: Run) -> None:
    for s in run.idle:
        s.close()
    run.idle = []
    if run.life.start < run.began_at:  # not that of a later process
        resource.prlimit(run.victim.child.pid, resource.RLIMIT_NOFILE, run.files)
        run.still_serves()


def other_clock(run: Run, rng: random.Random) -> None:
    run.faketime = True
    run.restart("KILL")
    for _ in range(3):
        run.place.jump(rng.choice((-1, 1)) * rng.randint(1, 86400))
        run.work(rng.randint(5, 20))


def right_clock(run: Run) -> None:
    run.place.jump(0)
    run.faketime = False
    run.restart("KILL")


FAULTS: tuple[Fault, ...] = (
    Fault("none", lambda run, _: None),
    Fault("stand still", stand_still),
    mode("backend", "refuse"), mode("backend", "hang"), mode("backend", "dead"), mode("backend", "ungrateful"),
    slow("backend", 0.5),
    mode("phoenix", "refuse"), mode("phoenix", "hang"), mode("phoenix", "dead"), mode("phoenix", "ungrateful"),
    slow("phoenix", 0.5),
    mode("judge", "refuse"), mode("judge", "hang"), mode("judge", "dead"), mode("judge", "busy"),
    slow("judge", 2.0),
    Fault("full disk", lambda run, _: run.place.fill(), lambda run: run.place.make_room(), needs="tmpfs"),
    Fault("disk full of few large", full_of(256 << 10, 16 << 20), drain_backlog, needs="tmpfs"),
    Fault("disk full of many small", full_of(10, 1 << 20), drain_backlog, needs="tmpfs"),
    Fault("slow disk", lambda run, rng: run.place.disk(rng.randint(20, 400), rng.randint(0, 5)),
          lambda run: run.place.disk(), needs="slow disk"),
    Fault("broken disk", lambda run, rng: run.place.disk(broken=rng.randint(50, 500)),
          lambda run: run.place.disk(), needs="slow disk"),
    Fault("few files", few_files, files_again, kill=False),
    Fault("other clock", other_clock, right_clock, needs="faketime"),
    Fault("cable out", lambda run, _: run.place.cable("down"), lambda run: run.place.cable("up"),
          needs="namespace", kill=False, work=4),  # nobody answers: every request takes its whole time-out
    Fault("lossy network", lambda run, rng: run.place.network(
        "loss", f"{rng.randint(1, 10)}%", "delay", f"{rng.randint(1, 40)}ms", "5ms"),
        lambda run: run.place.network(), needs="netem"),
)


@dataclass
class Step:
    fault: Fault
    seed: int  # of what the fault chooses
    work: int
    kills: list[str]  # KILL or TERM, after equal parts of the work

    def __str__(self) -> str:
        return ", ".join((self.fault.name, f"{self.work} requests", *self.kills))


def schedule(seed: int, steps: int, scorer: str, lacks: dict[str, str]) -> list[Step]:
    """Every fault that can be had once, in any order, before any comes again."""
    rng = random.Random(seed)
    possible = [f for f in FAULTS if f.needs not in lacks and f.scorer in ("", scorer)]
    out: list[Step] = []
    while len(out) < steps:
        for fault in rng.sample(possible, len(possible)):
            kills = rng.choices(("KILL", "KILL", "TERM"), k=rng.randint(0, 3)) if fault.kill else []
            out.append(Step(fault, rng.getrandbits(32), rng.randint(2, fault.work), kills))
    return out[:steps]

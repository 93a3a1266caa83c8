"""What everybody around trustspan saw in one run: the sender, the backend, Phoenix, the judge, and the driver
that killed it. Times are time.monotonic() of this process, in seconds. Only appended to, from any thread."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

PREFIX = "trustworthiness."


@dataclass
class Sent:
    """A span that was given to trustspan; `acknowledged` when it said yes."""

    span_id: str
    llm: bool
    acknowledged: bool = False


@dataclass
class Copy:
    """One arrival of a span at the backend; `taken` when the backend said yes to it."""

    span_id: str
    said: tuple[tuple[str, object], ...]  # (key, value) of all trustworthiness.* attributes, as they stood
    start: float
    end: float
    taken: bool

    def get(self, key: str) -> object:
        return next((v for k, v in self.said if k == PREFIX + key), None)


@dataclass
class Evaluation:
    """An annotation that Phoenix took, or was asked to take."""

    span_id: str
    name: str
    identifier: str
    score: float | None
    at: float
    taken: bool


@dataclass
class Call:
    """A judge's call; `identity` is the whole request. `start` is when it was read, `paid` when an answer was written;
    `asker_gone` when nobody was there any more to take it."""

    span_id: str
    identity: str
    start: float
    end: float
    paid: bool
    asker_gone: bool = False


@dataclass
class Life:
    """One process. `metrics` is its last page, read at `scraped`; `quiet` when nothing was waiting then."""

    start: float
    end: float = float("inf")
    how: str = ""  # KILL, TERM, or what it died of by itself
    metrics: dict[str, float] = field(default_factory=dict)
    scraped: float = 0.0
    quiet: bool = False
    began_empty: bool = False
    killed_at: float = float("inf")  # when the signal was sent
    stood_still: list[tuple[float, float]] = field(default_factory=list)  # STOP to CONT

    def total(self, name: str, *labels: str) -> float:
        return sum(v for k, v in self.metrics.items()
                   if k.split("{")[0] == name and all(part in k for part in labels))


@dataclass
class History:
    sent: list[Sent] = field(default_factory=list)
    copies: list[Copy] = field(default_factory=list)
    evaluations: list[Evaluation] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    lives: list[Life] = field(default_factory=list)
    faults: list[tuple[float, str]] = field(default_factory=list)  # what was done, when
    stuck: list[str] = field(default_factory=list)  # what was waited for in vain
    name: str = "Trustworthiness"
    identifier: str = "trustspan"
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def add(self, *entries: object) -> None:
        lists = {Sent: self.sent, Copy: self.copies, Evaluation: self.evaluations, Call: self.calls,
                 Life: self.lives}
        with self.lock:
            for entry in entries:
                lists[type(entry)].append(entry)

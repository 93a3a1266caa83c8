"""The limits of a model server, as OpenAI and Azure keep and announce them: buckets of requests and of tokens, into
which so many drip a second; 429 for what finds too little in one of them; x-ratelimit-* on every answer,
Retry-After and retry-after-ms on refusals. Apart from that, errors that come whatever is asked."""

from __future__ import annotations

import math
import random
import time

CODES = {429: "rate_limit_exceeded", 500: "server_error", 503: "overloaded"}


def length(seconds: float) -> str:
    """As OpenAI writes it: "12ms", "1.5s", "6m0s"."""
    if seconds < 1:
        return f"{math.ceil(seconds * 1000)}ms"
    minutes, rest = divmod(seconds, 60)
    return (f"{int(minutes)}m" if minutes else "") + f"{round(rest, 3):g}s"


class Bucket:
    """Full at first. steps: [second from which on, units a second]."""

    def __init__(self, rate: float, burst: float, steps: list[list[float]] | None = None):
        self.rate, self.burst, self.left = rate, burst, burst
        self.steps = steps or []
        self.began = self.filled = time.monotonic()

    def fill(self) -> None:
        now = time.monotonic()
        for second, rate in self.steps:
            if now - self.began >= second:
                self.rate = rate
        self.left = min(self.burst, self.left + (now - self.filled) * self.rate)
        self.filled = now

    def wait(self, cost: float) -> float:
        """Seconds until there is enough; 0: there is."""
        self.fill()
        return max(0.0, (min(cost, self.burst) - self.left) / self.rate)

    def allowed(self, seconds: float) -> float:
        """Units that drip in the first so many seconds, without the burst."""
        steps = [[0, self.steps[0][1] if self.steps and self.steps[0][0] == 0 else self.rate],
                 *[s for s in self.steps if s[0] > 0]] if self.steps else [[0, self.rate]]
        ends = [s[0] for s in steps[1:]] + [seconds]
        return sum(max(0.0, min(end, seconds) - min(start, seconds)) * rate
                   for (start, rate), end in zip(steps, ends))


class Limits:
    """calls, tokens: [a second, burst, steps]. headers: "openai" or "azure". retry_after: with refusals; "exact":
    what it takes, as Azure has it, else the text as it is. random: {status: share of the calls}."""

    def __init__(self, calls: list | None = None, tokens: list | None = None, headers: str = "",
                 retry_after: str = "", random: dict | None = None):
        self.calls, self.tokens = (Bucket(*b) if b else None for b in (calls, tokens))
        self.headers, self.retry_after = headers, retry_after
        self.random = {int(status): share for status, share in (random or {}).items()}
        self.taken = self.refused = 0

    def answer(self, cost: float) -> tuple[int, dict[str, str]]:
        """Status and headers for a call of so many tokens."""
        wanted = [(b, n) for b, n in ((self.calls, 1), (self.tokens, cost)) if b]
        wait = max((b.wait(n) for b, n in wanted), default=0.0)
        drawn, status = random.random(), 429 if wait > 0 else 200
        for odd, share in self.random.items():
            if status == 200 and drawn < share:
                status = odd
            drawn -= share
        if status == 200:
            for bucket, n in wanted:
                bucket.left -= min(n, bucket.burst)
        self.taken += status == 200
        self.refused += status == 429
        return status, {**self.told(), **(self.hint(wait) if status == 429 else {})}

    def hint(self, wait: float) -> dict[str, str]:
        if self.retry_after == "exact":
            return {"Retry-After": str(math.ceil(wait)), "retry-after-ms": str(math.ceil(wait * 1000))}
        return {"Retry-After": self.retry_after} if self.retry_after else {}

    def told(self) -> dict[str, str]:
        out = {}
        for name, bucket in (("requests", self.calls), ("tokens", self.tokens)):
            if not self.headers or not (bucket or self.headers == "azure"):
                continue
            full = (bucket.burst - bucket.left) / bucket.rate if bucket else 0
            reset = str(math.ceil(full)) if self.headers == "azure" else length(full)
            out[f"x-ratelimit-limit-{name}"] = str(int(bucket.burst)) if bucket else "-1"
            out[f"x-ratelimit-remaining-{name}"] = str(int(bucket.left)) if bucket else "-1"
            out[f"x-ratelimit-reset-{name}"] = reset
        return out


def error(status: int) -> dict:
    return {"error": {"message": f"Status {status}.", "type": "requests", "param": None,
                      "code": CODES.get(status, "error")}}

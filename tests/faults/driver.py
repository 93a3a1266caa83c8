"""One run: trustspan between a sender and the peers, faults by a schedule, and at the end the invariants.

A run is bounded by work: a fault lasts for a number of requests that were tried, never for a time. The seed decides
the schedule, the requests and when kills come; not how threads interleave. Times below are guards against hanging."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import grpc

sys.path[:0] = [str(Path(__file__).resolve().parent.parent), str(Path(__file__).resolve().parent.parent / "e2e")]

from conftest import TRUSTSPAN, Process  # noqa: E402
from faults import Step, schedule  # noqa: E402
from history import History, Life, Sent  # noqa: E402
from invariants import Violation, check, figures  # noqa: E402
from peers import EXPORT, Backend, Judge, Phoenix, metrics  # noqa: E402
from place import Place  # noqa: E402
from spans import ids, llm_attributes, request  # noqa: E402

GUARD_S = 90  # without any progress
SENDERS = 2
PAUSE_S = 0.04  # at most, of a sender between two requests
QUICK_RETRY = {"initial_interval": "50ms", "max_interval": "200ms"}
WAITING = ("trustspan_spool_requests", "trustspan_spool_late", "trustspan_batches",
           "trustspan_exporter_waiting_evaluations", "otelcol_exporter_queue_size")


class Load(threading.Thread):
    """A sender: requests one after the other, each new; what was refused is not sent again."""

    def __init__(self, run: Run, seed: int):
        super().__init__(daemon=True)
        self.run_, self.rng = run, random.Random(seed)
        self.channel = grpc.insecure_channel(run.address, options=[
            ("grpc.initial_reconnect_backoff_ms", 50), ("grpc.min_reconnect_backoff_ms", 50),
            ("grpc.max_reconnect_backoff_ms", 200), ("grpc.max_send_message_length", -1),
            ("grpc.use_local_subchannel_pool", 1)])
        self.call = self.channel.unary_unary(EXPORT)

    def run(self) -> None:
        while not self.run_.ended:
            if self.run_.gate.wait(0.2) and not self.run_.ended:
                self.send()
            time.sleep(self.rng.uniform(0, PAUSE_S))

    def send(self) -> bool:
        run = self.run_
        message, sent = self.make()
        run.history.add(*sent)  # before anybody can have seen them
        try:
            self.call(message, timeout=5)
        except grpc.RpcError:
            with run.counting:
                run.tried += 1
            return False
        for one in sent:
            one.acknowledged = True
        with run.counting:
            run.tried += 1
        return True

    def make(self) -> tuple[bytes, list[Sent]]:
        llm = [self.rng.random() < 0.6 for _ in range(self.rng.randint(1, 6))]
        message = request([("s", {"padding": "x" * self.run_.padding} if self.run_.padding else {"n": 1})
                           for _ in llm])
        spans = message.resource_spans[0].scope_spans[0].spans
        for span, is_llm in zip(spans, llm):
            span.span_id = self.rng.randbytes(8)
            if is_llm:
                answer = self.rng.choice(("I don't know that.", f"It is {self.rng.random()}."))
                for key, value in llm_attributes(f"What is span {span.span_id.hex()}?", answer).items():
                    span.attributes.add(key=key).value.string_value = str(value)
        return message.SerializeToString(), [Sent(i, is_llm) for i, is_llm in zip(ids(message), llm)]


class Run:
    def __init__(self, directory: Path, scorer: str, seed: int, say: Callable[[str], None] = lambda _: None):
        self.directory, self.scorer, self.seed, self.say = directory, scorer, seed, say
        self.rng = random.Random(seed)
        self.history = History()
        self.place = Place(directory)
        self.port, self.metrics_port = self.place.port(), self.place.metrics_port()
        self.backend = Backend(self.place.host, self.history)
        self.phoenix = Phoenix(self.place.host, self.history)
        self.judge = Judge(self.place.host, self.history)
        self.judge.errors = 0.02
        self.judge.delay = self.usual_delay("judge")
        self.padding = self.tried = 0
        self.faketime = self.ended = False
        self.idle: list = []
        self.counting = threading.Lock()
        self.gate = threading.Event()
        self.broken_start = ""
        self.write_config()
        self.start()
        self.senders = [Load(self, seed + n) for n in range(SENDERS)]
        for sender in self.senders:
            sender.start()

    # ---- the process ----

    @property
    def address(self) -> str:
        return f"{self.place.own}:{self.port}"

    @staticmethod
    def usual_delay(peer: str) -> float:
        return 0.1 if peer == "judge" else 0.0

    def write_config(self) -> None:
        tlm = {"base_url": f"http://{self.judge.address}/v1", "api_key": "k", "retry_unit": "20ms",
               "num_self_reflections": 1, "num_consistency_samples": 0, "preset": "base"}
        config = {
            "receivers": {"otlp": {"protocols": {"grpc": {"endpoint": self.address}}}},
            "processors": {"trust": {"scorer": self.scorer, "hold": "500ms", "give_up": "168h"}},
            "scorers": {"tlm": tlm} if self.scorer == "tlm" else {},
            "exporters": {
                "otlp_grpc": {"endpoint": self.backend.address, "tls": {"insecure": True}, "timeout": "5s",
                              "retry_on_failure": QUICK_RETRY},
                "phoenix": {"endpoint": f"http://{self.phoenix.address}", "timeout": "5s",
                            "retry_on_failure": QUICK_RETRY}},
            "extensions": {"file_storage": {"directory": str(self.place.state)}},
            "service": {"shutdown_timeout": "10s", "telemetry": {"metrics": {
                "endpoint": f"{self.place.own}:{self.metrics_port}"}}},
        }
        self.config = self.directory / "trustspan.yaml"
        self.config.write_text(json.dumps(config))  # JSON is YAML

    def start(self) -> None:
        """As a supervisor would: a process that gives up before it serves is started again. That is no violation
        while the disk is broken; it is one otherwise."""
        empty = not self.history.lives or self.history.lives[-1].quiet
        self.life = Life(time.monotonic(), began_empty=empty)
        self.history.add(self.life)
        for _ in range(200):
            self.victim = Process("trustspan", [*self.place.enter, TRUSTSPAN, "run", "--config", str(self.config)],
                                  self.directory, self.place.environment(self.faketime))
            if self.await_ready():
                break
            if not self.broken_start:
                self.life.how = f"ended with {self.victim.child.returncode} at its start"
                self.life = Life(time.monotonic())
                self.history.add(self.life)
                self.broken_start = "said once"
            time.sleep(0.05)
        else:
            self.history.stuck.append("trustspan does not start")
        self.began_at = time.monotonic()
        self.gate.set()

    def await_ready(self) -> bool:
        end = time.monotonic() + GUARD_S
        while self.victim.child.poll() is None and time.monotonic() < end:
            try:
                metrics(f"{self.place.own}:{self.metrics_port}")
                return True
            except OSError:
                time.sleep(0.01)
        return False

    def scrape(self, timeout: float = 2) -> dict[str, float]:
        try:
            page = metrics(f"{self.place.own}:{self.metrics_port}", timeout)
        except OSError:
            return {}
        self.life.metrics, self.life.scraped = page, time.monotonic()
        return page

    def check_alive(self) -> None:
        code = self.victim.child.poll()
        if code is not None and not self.life.how:
            self.life.end, self.life.how = time.monotonic(), f"ended by itself with {code}"
            self.start()

    def restart(self, how: str) -> None:
        self.check_alive()
        if not self.life.quiet:
            self.scrape()
        life, child = self.life, self.victim.child
        life.killed_at = time.monotonic()
        child.send_signal(signal.SIGKILL if how == "KILL" else signal.SIGTERM)
        try:
            code = child.wait(GUARD_S)
        except subprocess.TimeoutExpired:
            self.history.stuck.append(f"SIGTERM: no end after {GUARD_S} s")
            child.kill()
            code = child.wait()
        life.end = time.monotonic()
        life.how = how if code == (-9 if how == "KILL" else 0) else f"{how}, and it ended with {code}"
        self.victim.log_file.close()
        self.gate.clear()
        self.start()

    def open_files(self) -> int:
        return len(os.listdir(f"/proc/{self.victim.child.pid}/fd"))

    # ---- work ----

    def work(self, requests: int) -> None:
        """So many requests more are tried."""
        self.life.quiet = False
        self.gate.set()
        goal, last, seen = self.tried + requests, time.monotonic(), self.tried
        while self.tried < goal:
            time.sleep(0.002)
            self.check_alive()
            if self.tried != seen:
                last, seen = time.monotonic(), self.tried
            if time.monotonic() - last > GUARD_S:
                self.history.stuck.append(f"no request ended in {GUARD_S} s")
                return

    def send_until_refused(self, most: int) -> None:
        self.life.quiet = False
        sender, refused = self.senders[0], 0
        for _ in range(most):
            refused = 0 if sender.send() else refused + 1
            if refused == 3:  # once may be for another reason
                return

    def step(self, n: int, step: Step) -> None:
        self.say(f"{n}: {step}")
        self.history.faults.append((time.monotonic(), str(step)))
        rng = random.Random(step.seed)
        self.broken_start = "may be" if step.fault.name == "broken disk" else ""
        step.fault.begin(self, rng)
        for how in step.kills:
            self.work(step.work // (len(step.kills) + 1))
            time.sleep(rng.uniform(0, 0.1))
            self.restart(how)
        self.work(step.work // (len(step.kills) + 1))
        step.fault.end(self)
        self.broken_start = ""

    def progress(self) -> tuple:
        h = self.history
        return len(h.copies), len(h.calls), len(h.evaluations)

    def settle(self) -> None:
        """No faults, no load: all that is due comes."""
        self.gate.clear()
        seen, last, empty = self.progress(), time.monotonic(), 0
        while empty < 3:
            time.sleep(0.05)
            self.check_alive()
            self.gate.clear()
            page = self.scrape()
            waiting = {k: v for k, v in page.items() if k.split("{")[0] in WAITING and v}
            empty = empty + 1 if page and not waiting else 0
            if self.progress() != seen:
                seen, last = self.progress(), time.monotonic()
            if time.monotonic() - last > GUARD_S:
                self.history.stuck.append(f"all faults are off, nothing moves for {GUARD_S} s: {waiting}")
                return
        self.life.quiet = True

    def still_serves(self) -> None:
        """Somebody new is answered, whatever there was before."""
        end = time.monotonic() + 60
        self.life.quiet = False
        while time.monotonic() < end:
            if Load(self, self.rng.getrandbits(32)).send():
                return
            time.sleep(0.1)
        self.history.stuck.append("a new connection gets nothing acknowledged in 60 s")

    # ---- runs ----

    def follow(self, steps: list[Step], rest: int = 8) -> list[Violation]:
        """The schedule; after every `rest` steps all is let to its end, and the books are closed by a stop."""
        for n, step in enumerate(steps):
            self.step(n, step)
            if n % rest == rest - 1:
                self.still_serves()
                self.settle()
                self.restart("TERM")
        return self.finish()

    def kills(self, count: int) -> list[Violation]:
        for n in range(count):
            if n % 100 == 99:
                self.say(f"{n + 1} kills, {self.tried} requests tried")
            self.work(self.rng.randint(3, 40))
            time.sleep(self.rng.choice((0.0, 0.05, 0.2, 1.0)) * self.rng.random())
            self.restart("KILL")
        return self.finish()

    def finish(self) -> list[Violation]:
        self.still_serves()
        self.settle()
        self.restart("TERM")
        self.work(20)  # a whole life of which all is known
        self.settle()
        return check(self.history)

    def stop(self) -> None:
        self.ended = True
        self.gate.set()
        for sender in self.senders:
            sender.join(10)
        self.victim.kill()
        for peer in (self.backend, self.phoenix, self.judge):
            peer.stop()
        self.place.leave()


def report(run: Run, violations: list[Violation], command: str) -> str:
    """What is needed to see it again, and to understand it."""
    lines = [f"replay: {command}", *(f"left out: {k}: {v}" for k, v in run.place.lacks.items()),
             *(f"VIOLATION {v}" for v in violations)]
    if violations and run.history.faults:
        start = run.history.lives[0].start
        lines += ["schedule:", *(f"  {t - start:7.2f} s  {what}" for t, what in run.history.faults)]
    lines += [f"{value:10d}  {name}" for name, value in figures(run.history).items()]
    return "\n".join(lines)


def play(directory: Path, scorer: str, seed: int, steps: int = 0, kills: int = 0,
         say: Callable[[str], None] = lambda _: None) -> tuple[Run, list[Violation]]:
    """A whole run in an empty directory, which is left as it is for who wants to look."""
    run = Run(directory, scorer, seed, say)
    try:
        violations = run.kills(kills) if kills else run.follow(schedule(seed, steps, scorer, run.place.lacks))
    finally:
        run.stop()
    return run, violations

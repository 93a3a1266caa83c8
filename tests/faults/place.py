"""Where trustspan runs in a fault test: a small disk of its own, a network namespace of its own, libraries before its own
ones. What this machine does not permit is named, with the reason, and left out."""

from __future__ import annotations

import glob
import os
import shutil
import struct
import subprocess
from pathlib import Path

from conftest import free_port

HERE = Path(__file__).resolve().parent
DISK_MIB = 64
FAKETIME = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")


def said(*command: str) -> str:
    """What went wrong; empty when nothing did."""
    if not shutil.which(command[0]):
        return f"{command[0]} is not installed"
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    return "" if done.returncode == 0 else (done.stderr.strip() or f"{command[0]} failed").splitlines()[-1]


class Place:
    def __init__(self, directory: Path):
        self.directory = directory
        self.state = directory / "state"
        self.control = directory / "slow_disk.control"
        self.clock = directory / "clock"
        self.lacks: dict[str, str] = {}  # what cannot be had here, and why
        self.host = self.own = "127.0.0.1"
        self.name = f"tsf{os.getpid()}"
        self.enter: list[str] = []
        self.state.mkdir()
        self.library = directory / "slow_disk.so"
        self.make("tmpfs", "mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "trustspan", str(self.state))
        self.make("slow disk", "cc", "-O2", "-shared", "-fPIC", "-o", str(self.library), str(HERE / "slow_disk.c"))
        self.make_network()
        if not FAKETIME:
            self.lacks["faketime"] = "libfaketime is not installed"
        self.disk()
        self.jump(0)

    def make(self, what: str, *command: str) -> bool:
        why = said(*command)
        if why:
            self.lacks[what] = why
        return not why

    def make_network(self) -> None:
        """Two ends of a cable: ours and that of a namespace in which nothing else lives."""
        subnet = f"198.{18 + os.getpid() // 16384 % 2}.{os.getpid() // 64 % 256}.{os.getpid() % 64 * 4}"
        base, last = subnet.rsplit(".", 1)
        ours, theirs = f"{base}.{int(last) + 1}", f"{base}.{int(last) + 2}"
        n = self.name
        steps = (f"ip netns add {n}", f"ip link add {n}a type veth peer name {n}b netns {n}",
                 f"ip addr add {ours}/30 dev {n}a", f"ip link set {n}a up",
                 f"ip -n {n} addr add {theirs}/30 dev {n}b", f"ip -n {n} link set {n}b up",
                 f"ip -n {n} link set lo up")
        if not all(self.make("namespace", *step.split()) for step in steps):
            self.lacks["netem"] = self.lacks["namespace"]
            said("ip", "netns", "del", n)
            return
        self.host, self.own = ours, theirs
        self.enter = ["nsenter", f"--net=/run/netns/{n}"]
        for end in self.ends("add"):
            if not self.make("netem", *end, "delay", "0ms"):
                return

    def ends(self, verb: str) -> list[list[str]]:
        """tc's commands for both directions, without what is to happen to packets."""
        return [["tc", *where, "qdisc", verb, "dev", device, "root", "netem"] for where, device in
                (((), f"{self.name}a"), (("-n", self.name), f"{self.name}b"))]

    def network(self, *netem: str) -> None:
        """In tc's words: "loss", "5%"."""
        for end in self.ends("change"):
            why = said(*end, *(netem or ("delay", "0ms")))
            assert not why, why

    def cable(self, state: str) -> None:
        """up, or down: packets vanish, connections stay as they are."""
        why = said("ip", "link", "set", f"{self.name}a", state)
        assert not why, why

    def disk(self, sync_ms: int = 0, write_ms: int = 0, broken: int = 0) -> None:
        """`broken` of a thousand writes and syncs fail. In place: the library has the file mapped."""
        mode = "r+b" if self.control.exists() else "w+b"
        with self.control.open(mode) as file:
            file.write(struct.pack("III", sync_ms, write_ms, broken))

    def fill(self, room: int = 0) -> None:
        """All but so many bytes."""
        with (self.state / "filler").open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"x" * 4096)
            except OSError:
                pass  # full
            file.truncate(max(0, file.tell() - room))

    def make_room(self) -> None:
        (self.state / "filler").unlink(missing_ok=True)

    def jump(self, seconds: int) -> None:
        """The wall clock, from the true one."""
        self.clock.write_text(f"{seconds:+d}")

    def environment(self, faketime: bool) -> dict[str, str]:
        libraries = [] if "slow disk" in self.lacks else [str(self.library)]
        out = {"SLOW_DISK": str(self.control), "SLOW_DISK_UNDER": str(self.state)}
        if faketime:
            libraries += FAKETIME
            out |= {"FAKETIME_TIMESTAMP_FILE": str(self.clock), "FAKETIME_CACHE_DURATION": "1",
                    "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1"}
        return {**out, "LD_PRELOAD": ":".join(libraries)}

    def port(self) -> int:
        return 4317 if self.enter else free_port()

    def metrics_port(self) -> int:
        return 8888 if self.enter else free_port()

    def leave(self) -> None:
        if "tmpfs" not in self.lacks:
            said("umount", "--lazy", str(self.state))
        if self.enter:
            said("ip", "netns", "del", self.name)

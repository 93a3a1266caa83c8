"""A store that is damaged, in as many ways as come to mind: no command and no start dies of it, hangs, or says
something that only a programmer understands; and what is saved is delivered."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import subprocess
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from conftest import ROOT, TRUSTSPAN, Standin, Trustspan, free_port, wait_for
from spans import Sender, ids, request

PAGE = 4096
EARLIER = ROOT / "tests/fixtures/store-0.1.0"
RAW = re.compile(r"mdb_|MDB_|Sanitizer|[Aa]ssert|core dumped|Bus error")


def exporters(port: int) -> dict:
    return {"exporters": {"otlp_grpc": {"endpoint": f"127.0.0.1:{port}", "tls": {"insecure": True}}},
            "processors": {"trust": {"scorer": "local"}}}


@pytest.fixture(scope="module")
def many(tmp_path_factory) -> Path:
    """A store of 60 requests that no backend took, small and large ones; spans.json says whose spans."""
    home = tmp_path_factory.mktemp("many")
    trustspan = Trustspan(home, exporters(free_port()))
    sender = Sender(trustspan.endpoint)
    sent = []
    for i in range(60):
        message = request([("step", {"text": chr(97 + i % 26) * (300 if i % 3 else 9000)})])
        sender.send(message.SerializeToString())
        sent += ids(message)
    trustspan.process.kill()
    (home / "state/spans.json").write_text(json.dumps(sent))
    return home / "state"


# ---- damages: (name, what makes it of the file) ----

def page_types(data: bytes) -> dict[int, int]:
    return {p: data[p * PAGE + 10] for p in range(len(data) // PAGE)}


def with_page(data: bytes, page: int, content: bytes) -> bytes:
    return data[:page * PAGE] + content + data[(page + 1) * PAGE:]


def damages(data: bytes, seed: int) -> list[tuple[str, bytes | None]]:
    dice = random.Random(seed)
    pages = len(data) // PAGE
    out: list[tuple[str, bytes | None]] = []
    sizes = [1, 100, 4095, 4096, 8191, 8192, 8193, len(data) // 2, len(data) - PAGE, len(data) - 1]
    for size in sizes + [dice.randrange(len(data)) for _ in range(8)]:
        out.append((f"cut off at {size}", data[:size]))
    one, two = data[:PAGE], data[PAGE:2 * PAGE]
    out += [("meta pages swapped", two + one + data[2 * PAGE:]),
            ("first meta page twice", one + one + data[2 * PAGE:]),
            ("second meta page twice", two + two + data[2 * PAGE:]),
            ("no meta pages", bytes(2 * PAGE) + data[2 * PAGE:]),
            ("one byte longer", data + b"\0"), ("a page longer", data + os.urandom(PAGE)),
            ("empty", b""), ("foreign", b"SQLite format 3\0" * 2000), ("zeros", bytes(len(data))),
            ("noise", dice.randbytes(len(data))), ("a directory", None)]
    for page in sorted(dice.sample(range(pages), min(pages, 16))):
        out.append((f"page {page} zeroed", with_page(data, page, bytes(PAGE))))
    for page in sorted(dice.sample(range(pages), min(pages, 10))):
        out.append((f"page {page} noise", with_page(data, page, dice.randbytes(PAGE))))
    for page in sorted(dice.sample(range(pages), min(pages, 6))):
        other = dice.randrange(pages)
        out.append((f"page {page} is page {other}", with_page(data, page, data[other * PAGE:(other + 1) * PAGE])))
    for _ in range(36):  # in headers, where it hurts, and anywhere
        at = dice.randrange(pages) * PAGE + dice.randrange(64 if dice.random() < 0.7 else PAGE)
        bit = 1 << dice.randrange(8)
        out.append((f"bit {bit} of byte {at}", data[:at] + bytes([data[at] ^ bit]) + data[at + 1:]))
    return out


def put(directory: Path, data: bytes | None) -> None:
    directory.mkdir()
    if data is None:
        (directory / "data.mdb").mkdir()
    else:
        (directory / "data.mdb").write_bytes(data)


def command(*args: object) -> subprocess.CompletedProcess:
    return subprocess.run([TRUSTSPAN, "store", *map(str, args)], capture_output=True, text=True, timeout=60)


def run(directory: Path) -> tuple[int, str]:
    """Starts on the store; stopped again when it is up."""
    config = directory.with_suffix(".yaml")
    port = free_port()
    config.write_text(json.dumps({
        "receivers": {"otlp": {"protocols": {"grpc": {"endpoint": f"127.0.0.1:{port}"}}}}, **exporters(free_port()),
        "extensions": {"file_storage": {"directory": str(directory)}},
        "service": {"telemetry": {"metrics": {"endpoint": ""}}, "shutdown_timeout": "1s"}}))
    log = directory.with_suffix(".log")
    with log.open("w") as out:
        child = subprocess.Popen([TRUSTSPAN, "run", "--config", str(config)], stdout=out, stderr=out)
    try:
        wait_for(lambda: child.poll() is not None or '"ready"' in log.read_text(), 60, "a start or a refusal")
        child.terminate()
        return child.wait(60), log.read_text()
    finally:
        child.kill()


def count(text: str, what: str) -> tuple[int, int]:
    """How many requests, how many late records."""
    found = re.search(what + r"(\d+)(?: of \d+)? requests, (\d+)(?: of \d+)? late records", text)
    assert found, text
    return int(found[1]), int(found[2])


def faults(directory: Path) -> str:
    """What is wrong with how the commands and a start take this; empty: nothing."""
    check = command("check", directory)
    saved = directory.with_suffix(".saved")
    rescue = command("rescue", directory, "--to", saved)
    status, log = run(directory)
    said = f"check {check.returncode}: {check.stdout}{check.stderr}\n" \
           f"rescue {rescue.returncode}: {rescue.stdout}{rescue.stderr}\nrun {status}: {log[-2000:]}"
    if check.returncode not in (0, 1) or rescue.returncode not in (0, 1) or status not in (0, 1):
        return "ended by itself\n" + said
    if RAW.search(said):
        return "raw words\n" + said
    if not check.stdout and len(check.stderr.splitlines()) != 1:
        return "no one word\n" + said
    refused = status == 1
    if refused != (check.stdout.startswith("damaged") or not check.stdout):
        return "check and start do not agree\n" + said
    if refused and not re.search(r"is damaged.*(store rescue|move it aside)|move it aside", log.splitlines()[-1]):
        return "a refusal without a way out\n" + said
    if rescue.returncode == 0:
        again = command("check", saved)
        if again.returncode != 0:
            return f"what was saved is not sound: {again.stdout}\n" + said
        if count(again.stdout, "can be read: ") != count(check.stdout, "can be read: "):
            return "not all was saved that can be read\n" + said
    return ""


@pytest.mark.parametrize("kind", ["of an earlier version", "of many requests"])
def test_no_damage_kills_hangs_or_mutters(kind, many, tmp_path):
    seed = int(os.environ.get("DAMAGE_SEED", "20240611"))
    data = ((EARLIER if kind == "of an earlier version" else many) / "data.mdb").read_bytes()
    cases = damages(data, seed)
    assert len(cases) > 80

    def one(numbered: tuple[int, tuple[str, bytes | None]]) -> str:
        number, (name, damaged) = numbered
        directory = tmp_path / f"case{number}"
        put(directory, damaged)
        found = faults(directory)
        for left in tmp_path.glob(f"case{number}*"):
            shutil.rmtree(left) if left.is_dir() else left.unlink()
        return f"{name}: {found}" if found else ""

    with ThreadPoolExecutor(4) as pool:
        wrong = [text for text in pool.map(one, enumerate(cases)) if text]
    assert not wrong, f"DAMAGE_SEED={seed}: {len(wrong)} of {len(cases)}\n" + "\n".join(wrong[:3])


def live_pages(directory: Path, tmp_path: Path, data: bytes, kind: int) -> list[int]:
    """Pages of this type that matter: whose loss the check sees."""
    out = []
    for page, found in page_types(data).items():
        if found == kind and page > 1:
            copy = tmp_path / f"look{page}"
            put(copy, with_page(data, page, bytes(PAGE)))
            if command("check", copy).stdout.startswith("damaged"):
                out.append(page)
    return out


def deliver(start, directory: Path) -> Counter:
    backend = start(Standin, "backend", 2)
    trustspan = start(Trustspan, exporters(backend.ports[0]), storage={"directory": str(directory)})
    wait_for(trustspan.idle, 60, "the saved requests to be delivered")
    return Counter(s["span_id"] for s in backend.state()["spans"])


def test_a_cut_off_store_delivers_what_is_left(start, many, tmp_path):
    sent = json.loads((many / "spans.json").read_text())
    data = (many / "data.mdb").read_bytes()
    put(tmp_path / "cut", data[:60 * PAGE])  # behind the records it has room set aside
    readable, _ = count(command("check", tmp_path / "cut").stdout, "can be read: ")
    assert 0 < readable < len(sent)
    rescue = command("rescue", tmp_path / "cut", "--to", tmp_path / "saved")
    assert rescue.returncode == 0, rescue.stderr
    seen = deliver(start, tmp_path / "saved")
    assert len(seen) == readable and set(seen) <= set(sent) and set(seen.values()) == {1}


def test_a_record_that_lost_its_first_page_is_the_only_one_lost(start, many, tmp_path):
    sent = json.loads((many / "spans.json").read_text())
    data = (many / "data.mdb").read_bytes()
    page = live_pages(many, tmp_path, data, 4)[3]
    put(tmp_path / "hurt", with_page(data, page, bytes(PAGE)))
    check = command("check", tmp_path / "hurt")
    assert check.returncode == 1 and f"page {page}: " in check.stdout
    assert "59 of 60 requests" in check.stdout
    rescue = command("rescue", tmp_path / "hurt", "--to", tmp_path / "saved")
    assert "lost: 1 requests" in rescue.stdout
    seen = deliver(start, tmp_path / "saved")
    assert len(seen) == 59 and set(seen) <= set(sent) and set(seen.values()) == {1}


def test_without_meta_pages_and_roots_all_records_are_found(start, many, tmp_path):
    sent = json.loads((many / "spans.json").read_text())
    data = (many / "data.mdb").read_bytes()
    put(tmp_path / "hurt", bytes(2 * PAGE) + data[2 * PAGE:])
    assert count(command("check", tmp_path / "hurt").stdout, "can be read: ")[0] == 60
    command("rescue", tmp_path / "hurt", "--to", tmp_path / "saved")
    assert deliver(start, tmp_path / "saved") == Counter(sent)


def test_the_commands_keep_off_a_store_in_use(start, tmp_path):
    start(Trustspan, exporters(free_port()))
    for args in (["check", tmp_path / "state"], ["rescue", tmp_path / "state", "--to", tmp_path / "other"]):
        done = command(*args)
        assert done.returncode == 1 and "another trustspan uses the state directory" in done.stderr
    assert not (tmp_path / "other").exists()


def test_a_store_is_not_rescued_into_another(many, tmp_path):
    shutil.copytree(many, tmp_path / "here")
    done = command("rescue", many, "--to", tmp_path / "here")
    assert done.returncode == 1 and "is there already" in done.stderr
    assert command("check").returncode == 2 and command("rescue", many).returncode == 2
    assert command("mend", many).returncode == 2


def test_a_store_cut_off_while_it_is_mapped_ends_with_a_word(start, tmp_path):
    trustspan = start(Trustspan, exporters(free_port()))
    sender = Sender(trustspan.endpoint)
    for _ in range(5):
        sender.send(request([("step", {"text": "x" * 9000})]).SerializeToString())
    os.truncate(tmp_path / "state/data.mdb", 2 * PAGE)
    sender.code(request([("step", {"text": "y" * 9000})]).SerializeToString(), timeout=20)
    status = trustspan.process.child.wait(30)
    assert status in (-signal.SIGBUS, -signal.SIGABRT)
    assert f"trustspan store check {tmp_path / 'state'}" in trustspan.process.log()


def test_a_damaged_score_cache_is_set_aside(start, tmp_path):
    tlm, backend = start(Standin, "tlm"), start(Standin, "backend", 2)
    config = {**exporters(backend.ports[0]), "processors": {"trust": {"scorer": "cleanlab"}},
              "scorers": {"cleanlab": {"base_url": f"http://127.0.0.1:{tlm.control_port}/api", "api_key": "k"}}}
    trustspan = start(Trustspan, config)
    trustspan.process.stop()
    scores = tmp_path / "state/scores"
    sound = (scores / "data.mdb").read_bytes()
    for number, bad in enumerate((sound[:5000], with_page(sound, 0, bytes(PAGE)), os.urandom(50_000))):
        (scores / "data.mdb").write_bytes(bad)
        trustspan.start()
        trustspan.process.stop()
        assert trustspan.process.log().count("the score cache is damaged and was set aside") == number + 1
        assert (tmp_path / "state/scores.damaged/data.mdb").read_bytes() == bad
        assert not RAW.search(trustspan.process.log())


def test_a_sound_score_cache_comes_along(many, start, tmp_path):
    tlm, backend = start(Standin, "tlm"), start(Standin, "backend", 2)
    trustspan = start(Trustspan, {
        **exporters(backend.ports[0]), "processors": {"trust": {"scorer": "cleanlab"}},
        "scorers": {"cleanlab": {"base_url": f"http://127.0.0.1:{tlm.control_port}/api", "api_key": "k"}}})
    trustspan.process.stop()
    done = command("rescue", tmp_path / "state", "--to", tmp_path / "saved")
    assert done.returncode == 0 and "the score cache was copied" in done.stdout
    assert (tmp_path / "saved/scores/data.mdb").stat().st_mode & 0o777 == 0o600


# ---- credentials on disk ----

KEY, OTHER = "0f" * 32, "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="


def stored(state: Path) -> bytes:
    return (state / "data.mdb").read_bytes()


def seen_by(backend: Standin) -> dict[str, str]:
    return {s["span_id"]: s["metadata"].get("authorization") for s in backend.state()["spans"]}


def send_as(trustspan: Trustspan, who: str) -> str:
    message = request([("step", {"text": "canary-of-the-prompt"})])
    Sender(trustspan.endpoint).send(message.SerializeToString(), metadata=[("authorization", who)])
    return ids(message)[0]


def test_forwarded_credentials_are_encrypted_with_a_key(start, tmp_path):
    backend = start(Standin, "backend", 2)
    backend.process.kill()
    trustspan = start(Trustspan, exporters(backend.ports[0]), env={"STORE_KEY": KEY},
                      receiver={"forward_headers": ["authorization"]})
    plain = send_as(trustspan, "Bearer canary-plain")
    assert b"canary-plain" in stored(tmp_path / "state")
    trustspan.process.kill()
    trustspan.config["extensions"]["file_storage"]["encryption_key"] = "${env:STORE_KEY}"
    trustspan.start()
    sealed = send_as(trustspan, "Bearer canary-sealed")
    assert b"canary-sealed" not in stored(tmp_path / "state")
    assert b"canary-of-the-prompt" in stored(tmp_path / "state")  # as the README says
    trustspan.process.kill()

    trustspan.env["STORE_KEY"] = OTHER
    backend.start()
    trustspan.start()
    wait_for(lambda: plain in seen_by(backend), what="the record that is not sealed")
    wait_for(lambda: "encryption_key" in trustspan.process.log(), what="the word about the other one")
    wait_for(lambda: trustspan.metrics()["trustspan_spool_requests"] == 1, what="the sealed one alone to be left")
    assert seen_by(backend) == {plain: "Bearer canary-plain"}
    trustspan.process.stop()

    del trustspan.config["extensions"]["file_storage"]["encryption_key"]
    trustspan.start()
    wait_for(lambda: "its headers are encrypted" in trustspan.process.log(), what="the word about the key")
    trustspan.process.stop()
    assert sealed not in seen_by(backend)

    trustspan.config["extensions"]["file_storage"]["encryption_key"] = "${env:STORE_KEY}"
    trustspan.env["STORE_KEY"] = KEY
    trustspan.start()
    wait_for(lambda: sealed in seen_by(backend), what="the sealed record")
    assert seen_by(backend)[sealed] == "Bearer canary-sealed"
    wait_for(trustspan.idle, what="nothing to be left")
    assert KEY not in trustspan.process.log() and "canary" not in trustspan.process.log()


@pytest.mark.parametrize("value", ["short-canary", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg=="])
def test_a_key_that_is_none_names_the_setting_and_the_fix(tmp_path, value):
    path = tmp_path / "c.yaml"
    path.write_text("exporters: {debug: {}}\nextensions:\n  file_storage: {encryption_key: '${env:STORE_KEY}'}\n")
    done = subprocess.run([TRUSTSPAN, "validate", "--config", str(path)], capture_output=True, text=True,
                          timeout=60, env={**os.environ, "STORE_KEY": value})
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1
    assert "extensions::file_storage::encryption_key" in done.stderr and "openssl rand -base64 32" in done.stderr
    assert value not in done.stderr


def test_a_state_directory_that_others_can_look_into_is_told(start, tmp_path):
    (tmp_path / "state").mkdir()
    (tmp_path / "state").chmod(0o755)
    trustspan = start(Trustspan, exporters(free_port()))
    assert "other users may look into the state directory" in trustspan.process.log()
    assert {p.stat().st_mode & 0o777 for p in (tmp_path / "state").iterdir() if p.is_file()} == {0o600}

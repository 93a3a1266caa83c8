"""Certificates at every edge: real ones, that change while all runs, and bad ones that are named."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import threading
from concurrent import futures
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import grpc
import pytest

from conftest import TRUSTSPAN, Trustspan, free_port, wait_for
from sink import Sink
from spans import EXPORT, ids, llm_attributes, request


def openssl(*args: object) -> None:
    subprocess.run(["openssl", *map(str, args)], check=True, capture_output=True)


class Authority:
    """A CA; what it issues is PEM text: certificate and key."""

    def __init__(self, directory: Path, name: str):
        self.directory, self.name = directory, name
        self.key, self.cert = directory / f"{name}-ca.key", directory / f"{name}-ca.pem"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", 2,
                "-subj", f"/CN={name}", "-keyout", self.key, "-out", self.cert)

    def issue(self, who: str, days: int = 2) -> tuple[str, str]:
        base = self.directory / f"{self.name}-{who}"
        (self.directory / "san").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={who}",
                "-keyout", f"{base}.key", "-out", f"{base}.csr")
        openssl("x509", "-req", "-in", f"{base}.csr", "-CA", self.cert, "-CAkey", self.key, "-CAcreateserial",
                "-days", days, "-extfile", self.directory / "san", "-out", f"{base}.pem")
        return Path(f"{base}.pem").read_text(), Path(f"{base}.key").read_text()


@pytest.fixture
def authorities(tmp_path):
    (tmp_path / "ca").mkdir()
    return [Authority(tmp_path / "ca", name) for name in ("old", "new")]


def put(path: Path, text: str) -> None:
    """As a certificate manager does: never half of a file."""
    fresh = path.with_suffix(".fresh")
    fresh.write_text(text)
    os.replace(fresh, path)


class Files:
    """cert.pem, key.pem and ca.pem of one edge."""

    def __init__(self, directory: Path, name: str):
        self.cert, self.key, self.ca = (directory / f"{name}-{f}.pem" for f in ("cert", "key", "ca"))

    def fill(self, pair: tuple[str, str], ca: Authority) -> "Files":
        put(self.cert, pair[0])
        put(self.key, pair[1])
        put(self.ca, ca.cert.read_text())
        return self

    def settings(self, ca: str = "ca_file") -> dict:
        return {"cert_file": str(self.cert), "key_file": str(self.key), ca: str(self.ca),
                "reload_interval": "50ms"}


def attempt(port: int, ca: Authority, pair: tuple[str, str] | None = None) -> str:
    """"ok", or the code of one export over a connection of its own."""
    cert, key = pair or (None, None)
    creds = grpc.ssl_channel_credentials(ca.cert.read_bytes(), key and key.encode(), cert and cert.encode())
    options = [("grpc.use_local_subchannel_pool", 1)]
    with grpc.secure_channel(f"localhost:{port}", creds, options=options) as channel:
        try:
            channel.unary_unary(EXPORT)(request([("s", {"a": 1})]).SerializeToString(), timeout=10)
        except grpc.RpcError as error:
            return error.code().name
    return "ok"


def test_the_receivers_certificate_changes_while_it_serves(start, authorities, tmp_path):
    old, new = authorities
    files = Files(tmp_path, "server").fill(old.issue("localhost"), old)
    tls = {k: v for k, v in files.settings().items() if k != "ca_file"}
    t = start(Trustspan, {"exporters": {"debug": {}}}, protocol={"tls": tls})
    assert attempt(t.grpc_port, old) == "ok"
    cert, key = new.issue("localhost")
    put(files.cert, cert)  # its key is still to come
    wait_for(lambda: attempt(t.grpc_port, old) == "ok" and "the last ones stay in use" in t.process.log(),
             what="the half pair to be noticed")
    assert "is not that of the certificate in" in t.process.log() and str(files.key) in t.process.log()
    assert attempt(t.grpc_port, old) == "ok"
    put(files.key, key)
    wait_for(lambda: attempt(t.grpc_port, new) == "ok", what="the new certificate")
    assert attempt(t.grpc_port, old) == "UNAVAILABLE"


def test_who_may_send_changes_while_it_serves(start, authorities, tmp_path):
    old, new = authorities
    files = Files(tmp_path, "server").fill(old.issue("localhost"), old)
    t = start(Trustspan, {"exporters": {"debug": {}}}, protocol={"tls": files.settings("client_ca_file")})
    senders = [old.issue("sender"), new.issue("sender")]
    assert attempt(t.grpc_port, old, senders[0]) == "ok"
    assert attempt(t.grpc_port, old, senders[1]) == attempt(t.grpc_port, old) == "UNAVAILABLE"
    put(files.ca, new.cert.read_text())
    wait_for(lambda: attempt(t.grpc_port, old, senders[1]) == "ok", what="the new CA")
    assert attempt(t.grpc_port, old, senders[0]) == "UNAVAILABLE"


class TlsSink(Sink):
    """Asks for client certificates of `ca`."""

    def __init__(self, ca: Authority, port: int):
        self.lock, self.taken, self.refused = threading.Lock(), [], []
        self.refuse, self.port = lambda metadata: None, port
        cert, key = ca.issue("localhost")
        creds = grpc.ssl_server_credentials([(key.encode(), cert.encode())], ca.cert.read_bytes(), True)
        self.server = grpc.server(futures.ThreadPoolExecutor(4), handlers=[self])
        wait_for(lambda: self.server.add_secure_port(f"localhost:{port}", creds) == port)
        self.server.start()


def send(t: Trustspan) -> list[str]:
    message = request([("llm", llm_attributes("Q?", "A."))])
    with grpc.insecure_channel(t.endpoint) as channel:
        channel.unary_unary(EXPORT)(message.SerializeToString(), timeout=20)
    return ids(message)


def test_an_exporters_certificate_changes_while_it_sends(start, authorities, tmp_path):
    old, new = authorities
    files = Files(tmp_path, "client").fill(old.issue("client"), old)
    sink = TlsSink(old, free_port())
    settings = sink.exporter(endpoint=f"localhost:{sink.port}", tls=files.settings())
    t = start(Trustspan, {"processors": {"trust": {"scorer": "local"}}, "exporters": {"otlp_grpc": settings}})
    first = send(t)
    wait_for(lambda: sink.ids() == first, what="the first span")
    sink.server.stop(None).wait()
    sink = TlsSink(new, sink.port)
    second = send(t)
    wait_for(lambda: "will retry" in t.process.log(), what="the old certificate to be refused")
    assert sink.ids() == []
    files.fill(new.issue("client"), new)
    wait_for(lambda: sink.ids() == second, what="the span by the new certificate")
    sink.stop()


class Https:
    """Cleanlab's API, and nothing like a judge; asks for client certificates of `ca`."""

    def __init__(self, directory: Path, ca: Authority):
        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_args: object) -> None:
                pass

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                body = json.dumps({"confidence_score": 0.5, "log": {}, "deberta_success": True}).encode()
                self.send_response(200)
                self.end_headers()
                self.wfile.write(body)

        self.directory, self.context = directory, None
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        plain = self.server.get_request

        def accept():
            sock, address = plain()
            return self.context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False), address
        self.use(ca)
        self.server.get_request = accept
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def use(self, ca: Authority) -> None:
        files = Files(self.directory, f"https-{ca.name}").fill(ca.issue("localhost"), ca)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(files.cert, files.key)
        context.load_verify_locations(ca.cert)
        context.verify_mode = ssl.CERT_REQUIRED
        self.context = context


@pytest.fixture
def https(tmp_path, authorities):
    server = Https(tmp_path, authorities[0])
    yield server
    server.server.shutdown()
    server.server.server_close()


def test_a_scorers_certificate_changes_while_it_asks(start, https, authorities, tmp_path):
    old, new = authorities
    files = Files(tmp_path, "client").fill(old.issue("client"), old)
    sink = Sink()
    cleanlab = {"base_url": f"https://localhost:{https.port}", "api_key": "k", "retry_unit": "20ms",
                "tls": files.settings(), "explain": False}
    t = start(Trustspan, {"scorers": {"cleanlab": cleanlab},
                          "processors": {"trust": {"scorer": "cleanlab", "cache": {"enabled": False}}},
                          "exporters": {"otlp_grpc": sink.exporter()}})

    def decision() -> str:
        sent = send(t)[0]
        spans = wait_for(lambda: [s for m in sink.messages() for r in m.resource_spans for c in r.scope_spans
                                  for s in c.spans if s.span_id.hex() == sent], what="the span")
        return next(a.value.string_value for a in spans[0].attributes if a.key == "trustworthiness.decision")
    assert decision() == "scored"
    https.use(new)
    assert decision() == "failed"
    files.fill(new.issue("client"), new)
    wait_for(lambda: decision() == "scored", what="a score by the new certificate")
    t.process.stop()
    sink.stop()


def score(tmp_path: Path, scorer: str, settings: dict) -> tuple[dict, str]:
    path = tmp_path / "c.yaml"
    path.write_text(json.dumps({"scorers": {scorer: {"api_key": "k", "retry_unit": "1ms", **settings}}}))
    done = subprocess.run([TRUSTSPAN, "score", "--config", str(path), "--scorer", scorer, "--no-cache", "-"],
                          input=b'{"prompt": "p", "response": "r"}', capture_output=True, timeout=60)
    return json.loads(done.stdout or b"{}"), done.stderr.decode()


def test_a_scorer_without_a_certificate_is_refused_and_may_skip_checks(https, authorities, tmp_path):
    files = Files(tmp_path, "client").fill(authorities[0].issue("client"), authorities[0])
    url = {"base_url": f"https://localhost:{https.port}", "explain": False}
    good, _ = score(tmp_path, "cleanlab", {**url, "tls": files.settings()})
    assert good["decision"] == "scored"
    for tls in ({}, {"ca_file": str(files.ca)},
                {k: v for k, v in files.settings().items() if k != "ca_file"}):
        assert score(tmp_path, "cleanlab", {**url, "tls": tls})[0]["decision"] == "failed"
    files.ca.write_text(authorities[1].cert.read_text())
    skip = {**files.settings(), "insecure_skip_verify": True}
    assert score(tmp_path, "cleanlab", {**url, "tls": skip})[0]["decision"] == "scored"


# ---- what is wrong with a file ----

def run_with(tmp_path: Path, edge: str, files: dict) -> str:
    tls = {k: v for k, v in files.items() if not (edge == "receiver" and k == "ca_file")}
    tree: dict = {"exporters": {"debug": {}}, "service": {"storage": "none"}}
    port = free_port()
    grpc_settings: dict = {"endpoint": f"127.0.0.1:{port}"}
    if edge == "receiver":
        grpc_settings["tls"] = tls
    elif edge in ("tlm", "cleanlab"):
        tree["scorers"] = {edge: {"base_url": "https://localhost:1", "api_key": "k", "tls": tls}}
        tree["processors"] = {"trust": {"scorer": edge}}
    else:
        tree["exporters"][edge] = {"endpoint": "https://localhost:1", "tls": tls}
    tree["receivers"] = {"otlp": {"protocols": {"grpc": grpc_settings}}}
    tree["service"]["telemetry"] = {"metrics": {"endpoint": ""}}
    path = tmp_path / "c.yaml"
    path.write_text(json.dumps(tree))
    child = subprocess.Popen([TRUSTSPAN, "run", "--config", str(path)], stderr=subprocess.PIPE, text=True)
    said = []
    for line in child.stderr:
        said.append(line)
        if '"ready"' in line:
            child.terminate()
    child.wait(60)
    return "".join(said)


@pytest.mark.parametrize("edge", ["receiver", "otlp_grpc", "phoenix", "tlm", "cleanlab"])
def test_a_bad_file_is_named_with_what_is_wrong(authorities, tmp_path, edge):
    old, new = authorities
    files = Files(tmp_path, "x").fill(old.issue("localhost"), old)
    tls = files.settings()
    good = files.cert.read_text(), files.key.read_text()
    assert '"ready"' in run_with(tmp_path, edge, tls)
    for change, named, what in (
            (lambda: files.key.unlink(), files.key, "No such file"),
            (lambda: files.cert.write_text("no certificate\n"), files.cert, "holds no certificate"),
            (lambda: files.cert.write_text(good[0][:200]), files.cert, "holds no certificate"),
            (lambda: files.key.write_text(good[0]), files.key, "holds no private key"),
            (lambda: files.key.write_text(new.issue("other")[1]), files.key, "is not that of the certificate"),
            (lambda: files.cert.write_text(""), files.cert, "holds no certificate")):
        change()
        said = run_with(tmp_path, edge, tls)
        assert '"ready"' not in said and str(named) in said and what in said, said
        files.fill(good, old)
    said = run_with(tmp_path, edge, {k: v for k, v in tls.items() if k != "key_file"})
    assert "cert_file and tls.key_file" in said
    put(files.cert, old.issue("late", days=-1)[0])
    put(files.key, (tmp_path / "ca/old-late.key").read_text())
    said = run_with(tmp_path, edge, tls)
    assert '"ready"' in said and "has expired" in said and str(files.cert) in said, said

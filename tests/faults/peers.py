"""The backend, Phoenix and the judge as they are seen from trustspan, each with faults of its own, each noting in
one history what came. They live in this process: what they saw cannot be lost with them."""

from __future__ import annotations

import hashlib
import json
import random
import re
import socket
import sys
import threading
import time
from concurrent import futures
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as service

from conftest import ROOT, http
from history import PREFIX, Call, Copy, Evaluation, History

sys.path.insert(0, str(ROOT / "tests/standin"))
import judge as grading  # noqa: E402

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
MARK = re.compile(r"span ([0-9a-f]{16})")  # what every question of ours holds


class Peer:
    """`mode` is what it does to what comes; dead means that nobody listens."""

    def __init__(self, host: str, history: History):
        self.host, self.history = host, history
        self.mode = "well"
        self.delay = 0.0  # seconds before every answer, whatever the mode
        self.open = threading.Event()  # hung calls end when it is set
        self.open.set()
        self.port = 0
        self.begin()

    def set(self, mode: str) -> None:
        """well, refuse, hang, dead, or what the peer has beside."""
        before, self.mode = self.mode, mode
        if mode == "hang":
            self.open.clear()
        else:
            self.open.set()
        if mode == "dead":
            self.die()
        elif before == "dead":
            self.begin()

    def stop(self) -> None:
        self.open.set()
        if self.mode != "dead":
            self.die()

    def hold(self) -> bool:
        """Waits as the mode says; was it hung?"""
        hung = not self.open.is_set()
        if hung:
            self.open.wait(120)
        elif self.delay:
            time.sleep(self.delay)
        return hung

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"


class Backend(Peer, grpc.GenericRpcHandler):
    """OTLP over gRPC. Mode `ungrateful` takes every other request and says that it did not."""

    def begin(self) -> None:
        self.server = grpc.server(futures.ThreadPoolExecutor(32), handlers=[self], options=[
            ("grpc.max_receive_message_length", 64 << 20), ("grpc.so_reuseport", 0)])
        for _ in range(100):  # the port of the dead one is free in a moment
            try:
                self.port = self.server.add_insecure_port(f"{self.host}:{self.port}")
                break
            except RuntimeError:
                time.sleep(0.05)
        self.server.start()
        self.requests = 0

    def die(self) -> None:
        self.server.stop(None).wait(10)

    def service(self, details):
        return grpc.unary_unary_rpc_method_handler(self.export) if details.method == EXPORT else None

    def export(self, body: bytes, context) -> bytes:
        start = time.monotonic()
        self.requests += 1
        lies = self.mode == "ungrateful" and self.requests % 2 == 0
        if self.hold() or self.mode == "refuse":
            context.abort(grpc.StatusCode.UNAVAILABLE, "made to")
        self.note(body, start, taken=not lies)
        if lies:
            context.abort(grpc.StatusCode.UNAVAILABLE, "made to, and it was taken")
        return b""

    def note(self, body: bytes, start: float, taken: bool) -> None:
        message = service.ExportTraceServiceRequest.FromString(body)
        end = time.monotonic()
        self.history.add(*(
            Copy(span.span_id.hex(), tuple((a.key, value_of(a.value)) for a in span.attributes
                                           if a.key.startswith(PREFIX)), start, end, taken)
            for resource in message.resource_spans for scope in resource.scope_spans for span in scope.spans))


def value_of(any_value) -> object:
    kind = any_value.WhichOneof("value")
    return getattr(any_value, kind) if kind else None


class Server(ThreadingHTTPServer):
    request_queue_size = 512
    daemon_threads = True
    block_on_close = False

    def __init__(self, peer: Peer):
        self.peer = peer
        self.connections: set[socket.socket] = set()
        super().__init__((peer.host, peer.port), Handler)

    def process_request(self, request, client_address) -> None:
        self.connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request) -> None:
        self.connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request, client_address) -> None:
        pass  # a client that was killed


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one write: no wait for the peer's acknowledgement
    disable_nagle_algorithm = True

    def log_message(self, *_args: object) -> None:
        pass

    def do_POST(self) -> None:
        start = time.monotonic()
        peer = self.server.peer
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if peer.hold():
            self.close_connection = True  # it comes back without its memory
            return
        status, text, done = (503, b"", None) if peer.mode == "refuse" else peer.answer(body, start)
        gone = self.asker_gone()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        if status == 429:
            self.send_header("Retry-After", "0")
        self.end_headers()
        self.wfile.write(text)
        self.wfile.flush()
        if done:
            done(gone)

    def asker_gone(self) -> bool:
        try:
            return self.connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
        except BlockingIOError:
            return False  # it waits for the answer
        except OSError:
            return True


class Web(Peer):
    def begin(self) -> None:
        self.server = Server(self)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def die(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        for connection in list(self.server.connections):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # it went by itself


class Phoenix(Web):
    """POST /v1/span_annotations. Mode `ungrateful` as with the backend."""

    def answer(self, body: bytes, _start: float):
        lies = self.mode == "ungrateful" and random.random() < 0.5
        now = time.monotonic()
        self.history.add(*(Evaluation(a["span_id"], a["name"], a["identifier"],
                                      (a.get("result") or {}).get("score"), now, not lies)
                           for a in json.loads(body)["data"]))
        return (503, b"", None) if lies else (200, b'{"data":[]}', None)


class Judge(Web):
    """Chat completions. What it says depends on the question alone. A share of its calls is answered with 500;
    mode `busy` answers half of them with 429."""

    errors = 0.0

    def answer(self, body: bytes, start: float):
        request = json.loads(body)
        prompt = request["messages"][-1]["content"]
        found = MARK.search(prompt)
        span_id = found[1] if found else ""
        identity = hashlib.sha256(body).hexdigest()

        def note(gone: bool, paid: bool = True) -> None:
            self.history.add(Call(span_id, identity, start, time.monotonic(), paid, gone))

        if self.mode == "busy" and random.random() < 0.5:
            return 429, b'{"error": {"code": "rate_limit_exceeded"}}', None
        if random.random() < self.errors:
            return 500, b"{}", lambda gone: note(gone, paid=False)
        text = grading.grade(prompt, {}) or "It is so."
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text},
                  "logprobs": {"content": grading.pieces(text), "refusal": None}}
        reply = {"id": "c", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice],
                 "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}}
        return 200, json.dumps(reply).encode(), note


def metrics(address: str, timeout: float = 5) -> dict[str, float]:
    text = str(http(f"http://{address}/metrics", timeout=timeout))
    rows = (line.rsplit(" ", 1) for line in text.splitlines() if line[:1] not in ("#", ""))
    return {name: float(number) for name, number in rows}

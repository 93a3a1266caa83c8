"""A stand-in for an OTLP backend and for Phoenix's annotation API that fails on demand.

python3 backend.py GRPC_PORT HTTP_PORT. Over HTTP: POST /__control sets faults, GET /__state returns
the spans received (in order, with attributes and metadata) and the annotations, GET /__requests the
OTLP requests themselves in base64.
"""

from __future__ import annotations

import base64
import json
import sys
import threading
import time
from concurrent import futures
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as service
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as service_grpc

PHOENIX_LIMIT = 4 << 20


class State:
    lock = threading.Lock()
    spans: list[dict] = []
    requests = 0
    received: list[bytes] = []
    annotations: list[dict] = []
    grpc_faults: list[dict] = []  # {code, details, keep}; one is used up a request. keep: the yes gets lost
    http_faults: list[dict] = []  # {status, body, latency_ms}
    latency_ms = 0


def value(any_value) -> object:
    kind = any_value.WhichOneof("value")
    return getattr(any_value, kind) if kind in ("string_value", "bool_value", "int_value",
                                                "double_value") else str(any_value)


class TraceService(service_grpc.TraceServiceServicer):
    def Export(self, request, context):  # noqa: N802 - gRPC's name
        time.sleep(State.latency_ms / 1000)
        with State.lock:
            State.requests += 1
            fault = State.grpc_faults.pop(0) if State.grpc_faults else None
            if not fault or fault.get("keep"):
                self.keep(request, dict(context.invocation_metadata()))
        if fault:
            context.abort(getattr(grpc.StatusCode, fault["code"]), fault.get("details", "made to"))
        return service.ExportTraceServiceResponse()

    @staticmethod
    def keep(request, metadata: dict) -> None:
        State.received.append(request.SerializeToString())
        shown = {k: v for k, v in metadata.items() if isinstance(v, str)}
        for resource in request.resource_spans:
            for scope in resource.scope_spans:
                for span in scope.spans:
                    State.spans.append({
                        "trace_id": span.trace_id.hex(), "span_id": span.span_id.hex(),
                        "name": span.name, "metadata": shown,
                        "attributes": {a.key: value(a.value) for a in span.attributes},
                    })


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_args: object) -> None:
        pass

    def send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        with State.lock:
            if self.path == "/__requests":
                texts = [base64.b64encode(r).decode() for r in State.received]
                return self.send(200, json.dumps(texts).encode())
            body = {"spans": State.spans, "annotations": State.annotations,
                    "requests": State.requests}
            self.send(200, json.dumps(body).encode())

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == "/__control":
            with State.lock:
                for key, setting in json.loads(raw).items():
                    setattr(State, key, setting)
            return self.send(200, b"{}")
        if not self.path.startswith("/v1/span_annotations"):
            return self.send(405, b"")
        with State.lock:
            fault = State.http_faults.pop(0) if State.http_faults else None
            if not fault:
                auth = self.headers.get("Authorization", "")
                State.annotations += [{**a, "auth": auth} for a in json.loads(raw)["data"]]
        if fault:
            time.sleep(fault.get("latency_ms", 0) / 1000)
            return self.send(fault.get("status", 500), fault.get("body", "").encode())
        return self.send(200, b'{"data":[]}')


def main() -> None:
    grpc_port, http_port = int(sys.argv[1]), int(sys.argv[2])
    server = grpc.server(futures.ThreadPoolExecutor(8),
                         options=[("grpc.max_receive_message_length", PHOENIX_LIMIT),
                                  ("grpc.so_reuseport", 0)])
    service_grpc.add_TraceServiceServicer_to_server(TraceService(), server)
    server.add_insecure_port(f"127.0.0.1:{grpc_port}")
    server.start()
    ThreadingHTTPServer(("127.0.0.1", http_port), Handler).serve_forever()


if __name__ == "__main__":
    main()

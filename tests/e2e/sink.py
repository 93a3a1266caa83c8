"""A backend inside the test: keeps requests as the bytes that came, and refuses whom it is told to."""

from __future__ import annotations

import threading
from concurrent import futures

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as service

from spans import EXPORT, ids


class Sink(grpc.GenericRpcHandler):
    """OTLP over gRPC on a free port."""

    def __init__(self, limit: int = 4 << 20):
        self.lock = threading.Lock()
        self.taken: list[tuple[bytes, dict[str, str]]] = []  # request, metadata
        self.refused: list[dict[str, str]] = []  # metadata
        self.refuse = lambda metadata: None  # or the code to answer with
        self.server = grpc.server(futures.ThreadPoolExecutor(8), handlers=[self],
                                  options=[("grpc.max_receive_message_length", limit)])
        self.port = self.server.add_insecure_port("127.0.0.1:0")
        self.server.start()

    def service(self, details):  # no (de)serializer: bytes stay bytes
        return grpc.unary_unary_rpc_method_handler(self.export) if details.method == EXPORT else None

    def export(self, request: bytes, context) -> bytes:
        metadata = {k: v for k, v in context.invocation_metadata() if isinstance(v, str)}
        code = self.refuse(metadata)
        with self.lock:
            if code:
                self.refused.append(metadata)
            else:
                self.taken.append((request, metadata))
        if code:
            context.abort(code, "made to")
        return b""

    def messages(self) -> list:
        with self.lock:
            return [service.ExportTraceServiceRequest.FromString(r) for r, _ in self.taken]

    def ids(self) -> list[str]:
        return [i for message in self.messages() for i in ids(message)]

    def exporter(self, **settings: object) -> dict:
        """The settings of an otlp_grpc exporter that sends here and is quick to try again."""
        return {"endpoint": f"127.0.0.1:{self.port}", "tls": {"insecure": True},
                "retry_on_failure": {"initial_interval": "50ms", "max_interval": "200ms"}, **settings}

    def stop(self) -> None:
        self.server.stop(None)

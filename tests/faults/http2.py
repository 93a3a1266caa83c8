"""HTTP/2 by hand, as an attacker speaks it: just enough to begin calls, to send bodies as fast as flow control lets
them go, and to take calls back."""

from __future__ import annotations

import socket
import struct

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
END_HEADERS, ACK = 4, 1
WINDOW = 65535
CANCEL = struct.pack("!I", 8)


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return struct.pack("!I", len(payload))[1:] + bytes([kind, flags]) + struct.pack("!I", stream) + payload


def literal(name: str, value: str) -> bytes:
    return b"\0" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()


CALL = b"".join(literal(n, v) for n, v in (
    (":method", "POST"), (":scheme", "http"), (":path", EXPORT), (":authority", "tests"),
    ("content-type", "application/grpc"), ("te", "trailers")))


class Connection:
    """One to a receiver; calls are its odd stream ids."""

    def __init__(self, port: int):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=5)
        self.socket.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS, 0, 0))
        self.window, self.initial = WINDOW, WINDOW
        self.windows: dict[int, int] = {}  # of the calls that are open
        self.unread = b""
        self.next = 1

    def close(self) -> None:
        self.socket.close()

    def begin(self, prefix: bytes = b"") -> bytes:
        """The frames of one more call."""
        stream, self.next = self.next, self.next + 2
        self.windows[stream] = self.initial - len(prefix)
        self.window -= len(prefix)
        return frame(HEADERS, END_HEADERS, stream, CALL) + (frame(DATA, 0, stream, prefix) if prefix else b"")

    def take_back(self) -> bytes:
        stream = self.next
        out = self.begin() + frame(RST_STREAM, 0, stream, CANCEL)
        del self.windows[stream]
        return out

    def send_bodies(self) -> int:
        """To each open call as much as it may have; bytes."""
        sent = 0
        for stream, window in self.windows.items():
            n = min(16384, window, self.window)
            if n < 1024:
                continue
            self.socket.sendall(frame(DATA, 0, stream, bytes(n)))
            self.windows[stream] -= n
            self.window -= n
            sent += n
        return sent

    def read(self, seconds: float) -> bool:
        """What the server says of windows and calls. False: it has ended the connection."""
        self.socket.settimeout(seconds)
        try:
            got = self.socket.recv(1 << 16)
        except TimeoutError:
            return True
        finally:
            self.socket.settimeout(5)
        self.unread += got
        while len(self.unread) >= 9:
            length = int.from_bytes(self.unread[:3], "big")
            if len(self.unread) < 9 + length:
                break
            kind, flags = self.unread[3], self.unread[4]
            stream = int.from_bytes(self.unread[5:9], "big") & 0x7FFFFFFF
            payload, self.unread = self.unread[9:9 + length], self.unread[9 + length:]
            if kind == GOAWAY:
                return False
            self.take(kind, flags, stream, payload)
        return bool(got)

    def take(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind == WINDOW_UPDATE:
            more = int.from_bytes(payload, "big")
            if stream == 0:
                self.window += more
            elif stream in self.windows:
                self.windows[stream] += more
        elif kind == SETTINGS and not flags & ACK:
            for at in range(0, len(payload), 6):
                if int.from_bytes(payload[at:at + 2], "big") == 4:  # INITIAL_WINDOW_SIZE
                    now = int.from_bytes(payload[at + 2:at + 6], "big")
                    self.windows = {s: w + now - self.initial for s, w in self.windows.items()}
                    self.initial = now
            self.socket.sendall(frame(SETTINGS, ACK, 0))
        elif kind == PING and not flags & ACK:
            self.socket.sendall(frame(PING, ACK, 0, payload))
        elif kind == RST_STREAM:
            self.windows.pop(stream, None)

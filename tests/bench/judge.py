"""A judge that answers every chat completion after LATENCY ms with the same grades: for benches, so it
reads as little as it can.

judge.py PORT LATENCY_MS
"""

from __future__ import annotations

import asyncio
import json
import sys

TEXT = "<think>\nIt is known.\n</think>\n<score>90</score>\n<rating>5</rating>\n<choice>True</choice>"
BODY = json.dumps({
    "id": "c", "object": "chat.completion", "created": 1, "model": "judge",
    "choices": [{"index": 0, "finish_reason": "stop",
                 "message": {"role": "assistant", "content": TEXT}}],
    "usage": {"prompt_tokens": 400, "completion_tokens": 20, "total_tokens": 420}}).encode()
ANSWER = (b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "
          + str(len(BODY)).encode() + b"\r\n\r\n" + BODY)


class Judge(asyncio.Protocol):
    def __init__(self, latency: float):
        self.latency, self.left, self.head = latency, 0, b""

    def connection_made(self, transport: asyncio.Transport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if self.left == 0:
            self.head += data
            end = self.head.find(b"\r\n\r\n")
            if end < 0:
                return
            length = self.head.lower().split(b"content-length:", 1)[1].split(b"\r\n", 1)[0]
            self.left = int(length) - (len(self.head) - end - 4)
            self.head = b""
        else:
            self.left -= len(data)
        if self.left == 0:
            asyncio.get_running_loop().call_later(self.latency, self.answer)

    def answer(self) -> None:
        if not self.transport.is_closing():
            self.transport.write(ANSWER)


async def main() -> None:
    latency = float(sys.argv[2]) / 1000
    server = await asyncio.get_running_loop().create_server(
        lambda: Judge(latency), "127.0.0.1", int(sys.argv[1]), backlog=16384)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())

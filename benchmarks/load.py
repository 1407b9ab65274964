"""A cheap client that asks one thing over and over: plain sockets kept alive, in a process of its own.

    python -m benchmarks.load PORT --path /health [--key KEY] [--connections 16] [--seconds 3]

Every connection sends its next request as soon as the answer to the last one is whole. It prints one JSON object:
answers, those that were no 2xx, seconds, answers per second, and milliseconds to an answer (median, 99 of 100, worst).
"""

from __future__ import annotations

import argparse
import json
import select
import socket
import time
from collections import Counter


class Asker:
    """One connection."""

    def __init__(self, port: int, request: bytes) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._request = request
        self.ask()

    def ask(self) -> None:
        """Sends the request once more."""
        self._got, self._wanted = bytearray(), 0
        self.began = time.perf_counter()
        self.socket.sendall(self._request)

    def hear(self) -> int:
        """Reads what has come; the status of the answer once it is whole, else 0."""
        block = self.socket.recv(1 << 18)
        if not block:
            raise ConnectionError("the server hung up")
        self._got += block
        if not self._wanted and (end := self._got.find(b"\r\n\r\n")) >= 0:
            head = bytes(self._got[:end]).lower()
            at = head.index(b"content-length:") + 15
            self._wanted = end + 4 + int(head[at:].split(b"\r\n", 1)[0])
        return int(self._got[9:12]) if self._wanted and len(self._got) >= self._wanted else 0


def load(port: int, path: str, key: str = "", connections: int = 16, seconds: float = 3.0) -> dict[str, float]:
    """Asks for so many seconds; what came of it."""
    head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept: application/json\r\n"
    request = (head + (f"Authorization: Bearer {key}\r\n" if key else "") + "\r\n").encode()
    askers = {asker.socket.fileno(): asker for asker in (Asker(port, request) for _ in range(connections))}
    poll = select.epoll()
    for number in askers:
        poll.register(number, select.EPOLLIN)
    took, statuses = list[float](), Counter[int]()
    began = now = time.perf_counter()
    while now - began < seconds:
        for number, _event in poll.poll(1.0):
            if status := askers[number].hear():
                now = time.perf_counter()
                took.append(now - askers[number].began)
                statuses[status] += 1
                askers[number].ask()
        now = time.perf_counter()
    for asker in askers.values():
        asker.socket.close()
    took.sort()
    good = sum(count for status, count in statuses.items() if 200 <= status < 300)
    times = {"median_ms": took[len(took) // 2], "p99_ms": took[len(took) * 99 // 100], "worst_ms": took[-1]}
    return {
        "answers": len(took),
        "not_2xx": len(took) - good,
        "seconds": round(now - began, 3),
        "per_second": round(len(took) / (now - began), 1),
        **{name: round(value * 1000, 2) for name, value in times.items()},
    }


def main() -> None:
    """Asks and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("port", type=int)
    parser.add_argument("--path", default="/health")
    parser.add_argument("--key", default="")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=3.0)
    asked = parser.parse_args()
    print(json.dumps(load(asked.port, asked.path, asked.key, asked.connections, asked.seconds)))


if __name__ == "__main__":
    main()

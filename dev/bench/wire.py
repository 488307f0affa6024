"""HTTP/1.1 over one kept-alive socket, as little of it as a load generator needs.

An HTTP library costs more processor time a request than the edge should, and would take it from what is
being measured: both run on the same machine.
"""

import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass

TIMEOUT_S = 60
END_OF_HEAD = b"\r\n\r\n"
LENGTH = b"\r\ncontent-length:"


class Refused(Exception):
    """An answer that is not what was expected; the text shows it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer."""

    status: int
    body: bytes


def request(
    method: str, path: str, token: str, body: object = None, headers: Mapping[str, str] | None = None
) -> bytes:
    """A request's bytes, its body in JSON."""
    sent = b"" if body is None else json.dumps(body).encode()
    lines = [f"{method} {path} HTTP/1.1", "Host: bench", f"Authorization: Bearer {token}"]
    if sent:
        lines += ["Content-Type: application/json", f"Content-Length: {len(sent)}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join(lines).encode() + END_OF_HEAD + sent


class Connection:
    """A connection that has one request under way at most."""

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        self._socket = socket.create_connection((host, int(port)), timeout=TIMEOUT_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._read = b""

    def fileno(self) -> int:
        """For selectors."""
        return self._socket.fileno()

    def send(self, sent: bytes) -> None:
        """Sends a request."""
        self._socket.sendall(sent)

    def receive(self) -> Answer | None:
        """Reads what has come, blocking if nothing has; the answer if that completes it."""
        chunk = self._socket.recv(1 << 18)
        if not chunk:
            raise Refused("the server closed the connection")
        self._read += chunk
        head, end, rest = self._read.partition(END_OF_HEAD)
        if not end:
            return None
        _, found, after = head.lower().partition(LENGTH)
        if not found:
            raise Refused(f"an answer without a length: {head.decode()}")
        length = int(after.partition(b"\r\n")[0])
        if len(rest) < length:
            return None
        self._read = rest[length:]
        return Answer(int(head[9:12]), rest[:length])

    def ask(self, sent: bytes) -> Answer:
        """Sends a request and waits for its answer."""
        self.send(sent)
        while True:
            if answer := self.receive():
                return answer

    def close(self) -> None:
        """Closes it."""
        self._socket.close()


def expect(status: int, answer: Answer) -> Answer:
    """The answer, if it has this status; else Refused."""
    if answer.status != status:
        raise Refused(f"{answer.status} instead of {status}: {answer.body[:500].decode()}")
    return answer

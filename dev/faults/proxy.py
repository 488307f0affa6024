"""A proxy in front of storage that answers late, wrongly or not at all, in a process of its own.

It stands between the services and Azurite's queues or tables, and knows HTTP only.
"""

import http.client
import random
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing import get_context
from multiprocessing.sharedctypes import SynchronizedArray
from typing import Any

LATE_S = (0.2, 2.0)
TIMEOUT_S = 30.0


class Trouble(IntEnum):
    """What happens to a request."""

    # Answered after LATE_S.
    LATE = 0
    # The connection is reset, and storage knows nothing of the request.
    RESET_BEFORE = 1
    # The connection is reset after the request took effect.
    RESET_AFTER = 2
    # 503 Server Busy with Retry-After, and no effect.
    BUSY = 3
    # 500 without and with an effect.
    ERROR_BEFORE = 4
    ERROR_AFTER = 5


class Proxy:
    """A proxy to a port of this machine. `rates` says how likely each trouble is; all 0 at first."""

    def __init__(self, port: int, upstream: int, seed: int) -> None:
        context = get_context("spawn")
        self.rates: SynchronizedArray[float] = context.Array("d", len(Trouble))
        self._counts: SynchronizedArray[int] = context.Array("q", len(Trouble))
        self._process = context.Process(
            target=_serve, args=(port, upstream, seed, self.rates, self._counts), daemon=True
        )
        self._process.start()

    @property
    def injected(self) -> dict[str, int]:
        """How often each trouble happened."""
        return {trouble.name.lower(): self._counts[trouble] for trouble in Trouble if self._counts[trouble]}

    def close(self) -> None:
        """Ends the process."""
        self._process.kill()
        self._process.join()


@contextmanager
def proxied(port: int, upstream: int, seed: int) -> Iterator[Proxy]:
    """A proxy that listens when the block begins, ended with it."""
    proxy = Proxy(port, upstream, seed)
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
        yield proxy
    finally:
        proxy.close()


def _serve(port: int, upstream: int, seed: int, rates: Any, counts: Any) -> None:  # noqa: ANN401 # arrays of ctypes
    dice = random.Random(seed)  # noqa: S311 # chance, not a secret

    class Handler(BaseHTTPRequestHandler):
        """One connection of a service, and one to storage."""

        protocol_version = "HTTP/1.1"
        # Headers and body are written apart: without it the second waits for an acknowledgement.
        disable_nagle_algorithm = True

        def setup(self) -> None:
            super().setup()
            self._storage = http.client.HTTPConnection("127.0.0.1", upstream, timeout=TIMEOUT_S)

        def finish(self) -> None:
            super().finish()
            self._storage.close()

        def handle_one_request(self) -> None:
            try:
                super().handle_one_request()
            except OSError:
                self.close_connection = True

        def relay(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            trouble = self._trouble()
            if trouble is Trouble.LATE:
                time.sleep(dice.uniform(*LATE_S))
            if trouble is Trouble.RESET_BEFORE:
                return self._reset()
            if trouble is Trouble.BUSY:
                return self._answer(503, b"", {"Retry-After": "1", "x-ms-error-code": "ServerBusy"})
            if trouble is Trouble.ERROR_BEFORE:
                return self._answer(500, b"", {"x-ms-error-code": "InternalError"})
            try:
                self._storage.request(self.command, self.path, body, dict(self.headers))
                answer = self._storage.getresponse()
                data = answer.read()
            except (OSError, http.client.HTTPException):
                self._storage.close()
                return self._reset()
            if trouble is Trouble.RESET_AFTER:
                return self._reset()
            if trouble is Trouble.ERROR_AFTER:
                return self._answer(500, b"", {"x-ms-error-code": "InternalError"})
            left_out = {"content-length", "transfer-encoding", "connection", "keep-alive"}
            headers = {name: value for name, value in answer.getheaders() if name.lower() not in left_out}
            return self._answer(answer.status, data, headers)

        do_GET = do_PUT = do_POST = do_DELETE = do_MERGE = do_PATCH = do_HEAD = relay

        def log_message(self, *_: object) -> None:
            """Says nothing."""

        def send_response(self, code: int, message: str | None = None) -> None:
            self.send_response_only(code, message)

        def _trouble(self) -> Trouble | None:
            for trouble in Trouble:
                if dice.random() < rates[trouble]:
                    with counts.get_lock():
                        counts[trouble] += 1
                    return trouble
            return None

        def _answer(self, status: int, data: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if status not in (204, 304):
                self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def _reset(self) -> None:
            self.close_connection = True
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

    Server(("127.0.0.1", port), Handler).serve_forever()

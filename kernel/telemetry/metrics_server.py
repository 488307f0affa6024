"""/metrics of a worker that serves no other HTTP: for operators' tokens, bounded in every way.

A scraper is one client that asks once in a few seconds. So there is no keep-alive and no framework: a
request's head is read, within limits of size and time, and answered.
"""

import json
import logging
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http import HTTPStatus
from threading import BoundedSemaphore, Event, Thread

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from kernel.issuer import KeysUnavailable
from kernel.problems import MEDIA_TYPE, document
from kernel.tokens import InvalidToken, Tokens, caller_of

logger = logging.getLogger(__name__)

# Answered at once; as many again may wait. Whoever comes on top is hung up on.
THREADS = 2
MAX_OPEN = 2 * THREADS
MAX_HEAD_BYTES = 8192
# For the request's head, and again for taking the answer.
CLIENT_S = 5.0
OPERATOR = "operator"


class MetricsServer:
    """Serves a registry from `start` to `stop`. OSError where the port is taken."""

    def __init__(self, host: str, port: int, tokens: Tokens, registry: CollectorRegistry) -> None:
        self._tokens = tokens
        self._registry = registry
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, port), family=family, backlog=16)
        self.port: int = self._listener.getsockname()[1]
        self._open = BoundedSemaphore(MAX_OPEN)
        self._stopping = Event()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="metrics")
        self._thread = Thread(target=self._accept, name="metrics", daemon=True)

    def start(self) -> None:
        """Begins to serve."""
        self._thread.start()

    def stop(self) -> None:
        """Takes no further request. Does not wait for those under way, which are bounded."""
        self._stopping.set()
        # Wakes the thread that accepts.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                # Closed, or out of file descriptors for now.
                self._stopping.wait(0.1)
                continue
            if not self._open.acquire(blocking=False):
                client.close()
                continue
            try:
                self._threads.submit(self._serve, client)
            except RuntimeError:
                client.close()

    def _serve(self, client: socket.socket) -> None:
        try:
            with client:
                head = read_head(client)
                if head is not None:
                    client.settimeout(CLIENT_S)
                    client.sendall(self._answer(head))
        except OSError:
            logger.debug("a scraper went before its answer")
        finally:
            self._open.release()

    def _answer(self, head: str) -> bytes:
        try:
            request, _, rest = head.partition("\r\n")
            method, target, _ = request.split(" ")
            headers = {
                name.strip().lower(): value.strip()
                for name, _, value in (line.partition(":") for line in rest.split("\r\n"))
            }
        except ValueError:
            return problem(HTTPStatus.BAD_REQUEST, "MALFORMED_REQUEST", "The request is not HTTP.")
        if target.partition("?")[0] != "/metrics":
            return problem(HTTPStatus.NOT_FOUND, "ROUTE_NOT_FOUND", "There is nothing but /metrics here.")
        if method != "GET":
            return problem(
                HTTPStatus.METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", "GET alone.", "Allow: GET\r\n"
            )
        return self._refusal(headers.get("authorization", "")) or self._metrics()

    def _refusal(self, authorization: str) -> bytes | None:
        try:
            caller = caller_of(authorization, self._tokens)
        except InvalidToken as error:
            return problem(
                HTTPStatus.UNAUTHORIZED, "UNAUTHENTICATED", str(error), "WWW-Authenticate: Bearer\r\n"
            )
        except KeysUnavailable:
            detail = "The keys of the token's issuer are out of reach."
            return problem(
                HTTPStatus.SERVICE_UNAVAILABLE, "TOKEN_KEYS_UNAVAILABLE", detail, "Retry-After: 2\r\n"
            )
        if OPERATOR not in caller.roles:
            return problem(HTTPStatus.FORBIDDEN, "FORBIDDEN", "the role `operator` is needed")
        return None

    def _metrics(self) -> bytes:
        try:
            body = generate_latest(self._registry)
        except Exception:
            logger.exception("metrics cannot be told")
            return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "INTERNAL_ERROR", "A defect of the service.")
        return answer(HTTPStatus.OK, CONTENT_TYPE_LATEST, body)


def read_head(client: socket.socket, clock: Callable[[], float] = time.monotonic) -> str | None:
    """A request up to its blank line; None when it is too long or takes too long."""
    ends = clock() + CLIENT_S
    head = b""
    while b"\r\n\r\n" not in head:
        left_s = ends - clock()
        if left_s <= 0 or len(head) > MAX_HEAD_BYTES:
            return None
        client.settimeout(left_s)
        more = client.recv(4096)
        if not more:
            return None
        head += more
    return head.partition(b"\r\n\r\n")[0].decode("latin-1")


def problem(status: HTTPStatus, code: str, detail: str, headers: str = "") -> bytes:
    """An error, as every port of Prism answers it."""
    return answer(status, MEDIA_TYPE, json.dumps(document(status, code, detail)).encode(), headers)


def answer(status: HTTPStatus, content_type: str, body: bytes, headers: str = "") -> bytes:
    """An HTTP answer, after which the connection is closed."""
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: {content_type}\r\n"
        f"Content-Length: {len(body)}\r\nCache-Control: no-store\r\nConnection: close\r\n"
        f"X-Content-Type-Options: nosniff\r\n{headers}\r\n"
    )
    return head.encode("latin-1") + body

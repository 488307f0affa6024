"""A client of the stream: reads server-sent events in a thread and keeps them, as EventSource would."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import httpx

# A stream is never silent for longer: heartbeats come every 15 s.
SILENCE_S = 40.0


class StreamRefused(Exception):
    """The stream did not open; `status` and `problem` are the answer's."""

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        super().__init__(f"{status} {problem.get('code')}: {problem.get('detail')}")
        self.status = status
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Update:
    """One message of the stream, and when its last byte was read (`time.monotonic`)."""

    id: str
    event: str
    topic: str
    version: int
    command_id: str
    data: dict[str, Any]
    at: float


@dataclass(slots=True)
class _Fields:
    """The lines of a message until the empty one that ends it."""

    id: str = ""
    event: str = "message"
    data: list[str] = field(default_factory=list)


class Stream:
    """An open stream. The constructor returns once it is subscribed; StreamRefused if it may not be.

    With `resume` it connects again whenever it is cut off, from the last id that it heard: until then
    an update may be late, none may be missing. Updates are kept in the order in which they came.
    """

    def __init__(
        self, url: str, headers: dict[str, str], topics: Iterable[str], after: str = "", resume: bool = False
    ) -> None:
        self.updates: list[Update] = []
        # The id to come back with: that of the latest message, or of a heartbeat after it.
        self.last_id = after
        self.retry_ms = 0
        self.heartbeats = 0
        self._url = url
        self._headers = headers
        self._params = httpx.QueryParams([("topic", topic) for topic in topics])
        self._resume = resume
        self._closed = False
        self._news = threading.Condition()
        # Loading certificates takes longer than opening a stream, and plain HTTP has none to check.
        timeout = httpx.Timeout(10, read=SILENCE_S)
        self._http = httpx.Client(timeout=timeout, trust_env=False, verify=False)  # noqa: S501 # plain HTTP
        try:
            self._response = self._open()
        except BaseException:
            self._http.close()
            raise
        self._thread = threading.Thread(target=self._run, name="sse", daemon=True)
        self._thread.start()

    @property
    def open(self) -> bool:
        """True until the stream has ended."""
        return self._thread.is_alive()

    def of(self, topic: str) -> list[Update]:
        """The updates of a topic until now."""
        return [update for update in list(self.updates) if update.topic == topic]

    def wait_for(self, wanted: Callable[[Update], bool], timeout_s: float = 10) -> Update | None:
        """The first update, from the beginning on, that is wanted; None if none comes in time."""
        with self._news:
            self._news.wait_for(lambda: any(map(wanted, self.updates)), timeout_s)
            return next(filter(wanted, self.updates), None)

    def close(self) -> None:
        """Ends the stream and its thread; what came stays readable."""
        if self._closed:
            return
        self._closed = True
        # Wakes the reader; a connection that is gone already needs no waking.
        with suppress(OSError):
            self._response.extensions["network_stream"].get_extra_info("socket").shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._http.close()

    def __enter__(self) -> "Stream":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self) -> httpx.Response:
        headers = self._headers | ({"Last-Event-ID": self.last_id} if self.last_id else {})
        request = self._http.build_request("GET", self._url, params=self._params, headers=headers)
        response = self._http.send(request, stream=True)
        if response.status_code != 200:
            body = response.read()
            raise StreamRefused(response.status_code, json.loads(body or b"{}"))
        return response

    def _run(self) -> None:
        while True:
            try:
                for fields in self._messages():
                    self._keep(fields)
            except (httpx.HTTPError, OSError):
                pass  # Cut off, which is what `resume` is about.
            finally:
                self._response.close()
            if self._closed or not self._resume or not self._reopened():
                return

    def _reopened(self) -> bool:
        """Connects again, trying until it works; False when it was closed meanwhile."""
        while not self._closed:
            try:
                self._response = self._open()
                return True
            except (httpx.HTTPError, OSError, StreamRefused):
                time.sleep(0.05)
        return False

    def _messages(self) -> Iterator[_Fields]:
        fields = _Fields()
        for line in self._response.iter_lines():
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if line == "":
                yield fields
                fields = _Fields()
            elif name == "data":
                fields.data.append(value)
            elif name == "id":
                fields.id = value
            elif name == "event":
                fields.event = value
            elif name == "retry":
                self.retry_ms = int(value)
            elif value == "heartbeat":
                self.heartbeats += 1

    def _keep(self, fields: _Fields) -> None:
        at = time.monotonic()
        if fields.id:
            self.last_id = fields.id
        if not fields.data:
            return
        body = json.loads("\n".join(fields.data))
        update = Update(
            id=fields.id,
            event=fields.event,
            topic=body.get("topic", ""),
            version=body.get("version", 0),
            command_id=body.get("commandId", ""),
            data=body.get("data", body),
            at=at,
        )
        with self._news:
            self.updates.append(update)
            self._news.notify_all()

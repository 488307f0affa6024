"""A client of the streams, as a browser's EventSource would read them."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx


@dataclass(frozen=True)
class Message:
    """A message with data."""

    id: str
    event: str
    data: dict[str, Any]

    @property
    def version(self) -> int:
        version: int = self.data["version"]
        return version


class Stream:
    """An open stream. Every reading waits for up to ten seconds, then fails with httpx.ReadTimeout."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._lines = response.iter_lines()
        self.last_id = ""

    def block(self) -> list[str]:
        """The lines up to the next blank one. StopIteration at the end of the stream."""
        block: list[str] = []
        while line := next(self._lines):
            block.append(line)
        self.last_id = next((line[4:] for line in block if line.startswith("id: ")), self.last_id)
        return block

    def next(self) -> Message:
        """The next message, comments passed over."""
        while True:
            fields = dict(line.split(": ", 1) for line in self.block() if not line.startswith(":"))
            if "data" in fields:
                return Message(self.last_id, fields["event"], json.loads(fields["data"]))

    def versions(self, count: int) -> list[int]:
        """The versions in the next messages."""
        return [self.next().version for _ in range(count)]

    def rest(self) -> list[list[str]]:
        """All blocks until the service ends the stream."""
        blocks = []
        try:
            while True:
                blocks.append(self.block())
        except StopIteration:
            return blocks


def address(url: str, topics: Sequence[str], **query: str) -> httpx.URL:
    """Where a stream of topics is."""
    return httpx.URL(f"{url}/v1/stream", params=[("topic", topic) for topic in topics] + list(query.items()))


@contextmanager
def opened(url: str, token: str, *topics: str, after: str | None = None) -> Iterator[Stream]:
    """A stream that is open: what is published from now on comes."""
    headers = {"Authorization": f"Bearer {token}"} | ({"Last-Event-ID": after} if after else {})
    with httpx.stream("GET", address(url, topics), headers=headers, timeout=10) as response:
        assert response.status_code == 200, response.read()
        stream = Stream(response)
        assert stream.block()[:2] == [": open", "retry: 2000"]
        yield stream

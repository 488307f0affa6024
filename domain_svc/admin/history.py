"""Streams as they are stored: their commits in pages, and what they had come to at any version."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from domain_svc.streams import Streams
from kernel.contract import aggregate_of
from kernel.ports import EventStore
from kernel.upcasting import EventReader
from prism.envelope.v1.envelope_pb2 import Commit, Envelope

# Commits that are read at once, whatever a caller wants of them: a commit may have almost 1 MiB.
CHUNK = 20


@dataclass(frozen=True, slots=True)
class Past:
    """What a stream had come to at a version, and when that was decided."""

    version: int
    state: Any
    # Of the last event; None at version 0.
    time: Timestamp | None


class History:
    """Reads streams of the aggregates. Safe for threads; keeps nothing."""

    def __init__(self, store: EventStore, streams: Streams, events: EventReader) -> None:
        self._store = store
        self._streams = streams
        self._events = events

    def commits(self, name: str, after: int = 0) -> Iterator[Commit]:
        """The commits with numbers above `after`, in order. Reads no more than a chunk ahead."""
        while commits := self._store.read(name, after=after, limit=CHUNK):
            yield from commits
            after = commits[-1].number

    def at(self, name: str, version: int, wanted: Callable[[], bool] = lambda: True) -> Past | None:
        """The stream at a version, or at its latest where `version` is 0; None if it never reached it.

        Reads from the snapshot on, or where that is past the version from the start: until that is not
        wanted any more. Poison or UnknownType for an event that cannot be read.
        """
        aggregate = self._streams.aggregates[aggregate_of(name)]
        state, number, reached, last = aggregate.initial, 0, 0, None
        snapshot = self._streams.snapshot(name)
        if snapshot and (not version or snapshot.version <= version):
            state, number, reached = snapshot.state, snapshot.number, snapshot.version
            last = self._last_event(name, number)
        for envelope in self._events_after(name, number, wanted):
            if version and reached >= version:
                break
            state = aggregate.evolve(state, self._events.read(envelope))
            reached, last = envelope.version, envelope
        if reached < version:
            return None
        return Past(reached, state, last.time if last else None)

    def _events_after(self, name: str, number: int, wanted: Callable[[], bool]) -> Iterator[Envelope]:
        for commit in self.commits(name, number):
            if not wanted():
                return
            yield from commit.events

    def _last_event(self, name: str, number: int) -> Envelope | None:
        """The last event up to a commit: rejections may have come after it."""
        while number > 0:
            before = max(0, number - CHUNK)
            for commit in reversed(self._store.read(name, after=before, limit=number - before)):
                if commit.events:
                    return commit.events[-1]
            number = before
        return None

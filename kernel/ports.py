"""The ports of storage: what Prism needs of an engine, and promises of one to its callers.

Two engines implement them, `kernel.embedded` and `kernel.azure`; one suite of contract tests holds
both to these docstrings. Every call may block for I/O, may be made from any thread, and raises
StorageUnavailable when the engine is out of reach. Calls take many items at once, because that is
where an engine can save: one transaction, or parallel requests.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from kernel.errors import Poison
from prism.envelope.v1.envelope_pb2 import Commit, Snapshot

# What fits into a message of Queue Storage: 64 KiB of text, which is 48 KiB before base64.
MAX_BODY_BYTES = 48 * 1024
# What fits into an entity of Table Storage: 1 MiB, less its names and the unused end of a property.
MAX_ROW_BYTES = 960 * 1024
MAX_DELAY_S = 7 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Message:
    """A received message. It stays in the queue, invisible, until deleted or its time is up."""

    id: str
    body: bytes
    # Proves that this delivery is the latest one; renewed by `extend`.
    receipt: str
    # How often it has been delivered, this time included.
    deliveries: int
    # When it was put, in seconds since the epoch.
    put_at: float


@dataclass(frozen=True, slots=True)
class Depth:
    """How much waits in a queue. Azure counts approximately, and counts delayed messages too."""

    messages: int
    # Age of the oldest message that waits visibly, in seconds; None when none does.
    oldest_age_s: float | None


class Queue(Protocol):
    """At-least-once delivery, in no promised order. Nothing is dropped, however old.

    Azure counts in whole seconds: it rounds delays and visibility up, and `put_at` down.
    """

    name: str

    def put(self, bodies: Sequence[bytes], delay_s: float = 0) -> None:
        """Queues every body durably, visible after the delay (at most 7 days).

        A body is at most MAX_BODY_BYTES, else ValueError and nothing is queued. After EffectUnknown
        some may have been queued; after any other StorageUnavailable none was, nor will be.
        """

    def receive(self, limit: int = 32, visibility_s: float = 30) -> list[Message]:
        """Takes up to `limit` (1 to 32) visible messages and hides them for `visibility_s`.

        Does not wait for messages to come.
        """

    def delete(self, messages: Sequence[Message]) -> None:
        """Removes messages for good. One delivered again since, or gone already, is left alone."""

    def extend(self, messages: Sequence[Message], visibility_s: float) -> list[Message]:
        """Hides received messages for another `visibility_s` from now; 0 gives them back at once.

        Answers them with their new receipts. One that was delivered again since, or is gone, is
        missing from the answer.
        """

    def peek(self, limit: int = 32) -> list[Message]:
        """Up to `limit` (1 to 32) visible messages, untouched: their receipts are empty."""

    def depth(self) -> Depth:
        """How much waits."""


class EventStore(Protocol):
    """Commits by stream, and a snapshot a stream. Commits are never changed or deleted."""

    def append(self, commits: Sequence[Commit]) -> list[bool]:
        """Appends each commit at its place (`stream`, `number`); places must differ.

        Answers, commit by commit, whether it rests there now: False when another one held the place.
        A commit that is already there, equal in every field, counts as appended, for its first
        answer may have been lost. (One that answers the same commands and was decided anew does not:
        its events are not the ones that rest there.) Each is atomic on its own. After
        StorageUnavailable some may have been appended. A commit larger than MAX_ROW_BYTES is Poison,
        and nothing is appended; the same holds for a snapshot and for rows of views.
        """

    def read(self, stream: str, after: int = 0, limit: int | None = None) -> list[Commit]:
        """The stream's commits with numbers above `after`, in order, at most `limit`.

        Poison, which names the place, for bytes that are not the commit of their place; so for a snapshot.
        """

    def get_snapshot(self, stream: str) -> Snapshot | None:
        """The latest snapshot of a stream."""

    def put_snapshot(self, snapshot: Snapshot) -> None:
        """Replaces the stream's snapshot, whatever it was."""

    def scan(self, prefix: str = "", after: str = "") -> Iterator[Commit]:
        """Every commit of the streams whose names begin with `prefix` and come after `after`.

        In the order of the names (by code point), each stream's own in order. Commits that are
        appended meanwhile may be missed.
        """

    def count(self, prefix: str = "") -> int:
        """How many events the streams with that prefix have. Reads every key: not for hot paths."""


@dataclass(frozen=True, slots=True)
class RowId:
    """Where a row rests: each part is any text without control characters.

    A key has 1 to 250 characters, view and partition have that many together. (Azure takes keys of
    512 UTF-16 units, and escaping may double a key.)
    """

    view: str
    partition: str
    key: str


@dataclass(frozen=True, slots=True)
class Row:
    """A row as it was read, or as it shall be saved."""

    id: RowId
    data: bytes
    # The stored state that this row was made from; None: there was no row.
    etag: str | None = None


class ViewStore(Protocol):
    """Rows of views, each replaced as a whole and only by who has seen its latest state."""

    def get(self, ids: Sequence[RowId]) -> list[Row | None]:
        """The rows, in the order asked; None for one that does not exist."""

    def save(self, rows: Sequence[Row]) -> list[str | None]:
        """Saves each row if what is stored still has its `etag` (None: if nothing is stored).

        Answers the new etags; None where another writer was faster and nothing was saved. Row ids
        must differ. Each is atomic on its own. After StorageUnavailable some may have been saved.
        """

    def page(
        self,
        view: str,
        partition: str,
        *,
        first: str = "",
        last: str = "",
        after: str = "",
        limit: int = 1000,
    ) -> list[Row]:
        """Rows of a partition in the order of their keys (by code point), at most `limit`.

        From `first` to `last`, both included, and strictly above `after`; empty means no bound.
        """

    def count(self, view: str, partition: str, limit: int = 1000) -> int:
        """How many rows a partition has, counted up to `limit`. Reads keys alone."""

    def scan(self, view: str) -> Iterator[Row]:
        """Every row of a view, in the order of partition and key. Changes made meanwhile may show or not."""

    def delete(self, ids: Sequence[RowId]) -> None:
        """Deletes rows, whatever is stored; one that does not exist is left at that."""

    def drop(self, view: str) -> None:
        """Deletes every row of a view."""


class Storage(Protocol):
    """One engine, opened: safe to share between threads, not between processes (open after fork)."""

    events: EventStore
    views: ViewStore

    def queue(self, name: str) -> Queue:
        """The queue of that name: up to 40 of `a-z0-9` and single hyphens between them.

        It exists from the first message on; until then it is empty.
        """

    def ping(self) -> None:
        """Returns if storage answers; StorageUnavailable if not. Bounded to about two seconds."""

    def close(self) -> None:
        """Gives connections back. Nothing may be called afterwards."""


def check_bodies(bodies: Sequence[bytes], delay_s: float) -> None:
    """ValueError unless a queue takes these bodies with this delay: the same check for each engine."""
    if any(len(body) > MAX_BODY_BYTES for body in bodies):
        raise ValueError(f"a message's body has at most {MAX_BODY_BYTES} bytes")
    if not 0 <= delay_s <= MAX_DELAY_S:
        raise ValueError(f"a message is delayed by 0 to {MAX_DELAY_S} seconds")


def check_limit(limit: int) -> None:
    """ValueError unless a queue gives that many messages at once."""
    if not 1 <= limit <= 32:
        raise ValueError("a queue gives 1 to 32 messages at once")


def check_queue_name(name: str) -> None:
    """ValueError unless it can name a queue."""
    if not re.fullmatch("[a-z0-9]+(-[a-z0-9]+)*", name) or len(name) > 40:
        raise ValueError("a queue's name has 1 to 40 of a-z, 0-9 and single hyphens between them")


def end_of(prefix: str) -> str:
    """The first text after all that begin with the prefix; a text after all others for an empty one."""
    return prefix[:-1] + chr(ord(prefix[-1]) + 1) if prefix else chr(0x10FFFF)


def check_size(data: bytes) -> bytes:
    """The data, if a row can hold it; else Poison."""
    if len(data) > MAX_ROW_BYTES:
        raise Poison(f"{len(data)} bytes are more than storage holds in one row ({MAX_ROW_BYTES})")
    return data

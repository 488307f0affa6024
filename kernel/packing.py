"""Packs commands and commits into as few queue messages as fit."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

from google.protobuf.timestamp_pb2 import Timestamp

from kernel.ports import MAX_BODY_BYTES
from prism.envelope.v1.envelope_pb2 import (
    CommandMessage,
    Commit,
    CommitMessage,
    Envelope,
)

# What a message says beside its items must fit, too: times, and since when it is being left.
MAX_PACKED_BYTES = MAX_BODY_BYTES - 1024
# An item of a repeated field is preceded by its tag and its length.
ITEM_OVERHEAD_BYTES = 8
# A pointer to a commit: the longest stream name, a number, their tags.
POINTER_BYTES = 512

T = TypeVar("T")


def fits(command: Envelope) -> bool:
    """Whether a message can carry the command."""
    return _size(command) <= MAX_PACKED_BYTES


def check_fits(command: Envelope) -> None:
    """ValueError for a command too large for any message."""
    if not fits(command):
        raise ValueError(f"{command.DESCRIPTOR.name} of {_size(command)} bytes fits no queue message")


def pack_commands(commands: Iterable[Envelope]) -> list[tuple[bytes, list[Envelope]]]:
    """Message bodies with the commands in each, in order. ValueError for one too large for any message."""
    return [
        (CommandMessage(commands=batch).SerializeToString(), batch) for batch in _batches(_sized(commands))
    ]


def pack_commits(
    commits: Iterable[Commit], appended_at: Timestamp | None = None, published_at: Timestamp | None = None
) -> list[bytes]:
    """Message bodies that carry the commits in order; one too large for a message goes as a pointer.

    Each says when the commits were appended and published, where that is known.
    """
    bodies = []
    for batch in _batches(map(_entry, commits)):
        message = CommitMessage(appended_at=appended_at, published_at=published_at)
        for commit, inline in batch:
            entry = message.commits.add()
            if inline:
                entry.commit.CopyFrom(commit)
            else:
                entry.pointer.stream, entry.pointer.number = commit.stream, commit.number
        bodies.append(message.SerializeToString())
    return bodies


def _sized(commands: Iterable[Envelope]) -> Iterator[tuple[Envelope, int]]:
    for command in commands:
        check_fits(command)
        yield command, _size(command)


def _size(command: Envelope) -> int:
    return command.ByteSize() + ITEM_OVERHEAD_BYTES


def _entry(commit: Commit) -> tuple[tuple[Commit, bool], int]:
    """A commit, whether it fits a message, and what it or its pointer takes in one."""
    size = commit.ByteSize() + 2 * ITEM_OVERHEAD_BYTES
    inline = size <= MAX_PACKED_BYTES
    return (commit, inline), size if inline else POINTER_BYTES


def _batches(sized: Iterable[tuple[T, int]]) -> Iterator[list[T]]:
    """The items in as few batches as fit a message, given what each takes in one: none takes more."""
    batch: list[T] = []
    total = 0
    for item, size in sized:
        if batch and total + size > MAX_PACKED_BYTES:
            yield batch
            batch, total = [], 0
        batch.append(item)
        total += size
    if batch:
        yield batch

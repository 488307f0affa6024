"""Packs commands and commits into as few queue messages as fit."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

from google.protobuf.message import Message

from kernel.ports import MAX_BODY_BYTES
from prism.envelope.v1.envelope_pb2 import (
    CommandMessage,
    Commit,
    CommitEntry,
    CommitMessage,
    CommitPointer,
    Envelope,
)

# A dead letter wraps a message in a little more: it must fit, too.
MAX_PACKED_BYTES = MAX_BODY_BYTES - 1024
# An item of a repeated field is preceded by its tag and its length.
ITEM_OVERHEAD_BYTES = 8

M = TypeVar("M", bound=Message)


def pack_commands(commands: Iterable[Envelope]) -> list[tuple[bytes, list[Envelope]]]:
    """Message bodies with the commands in each, in order. ValueError for one too large for any message."""
    return [(CommandMessage(commands=batch).SerializeToString(), batch) for batch in _batches(commands)]


def pack_commits(commits: Sequence[Commit]) -> list[bytes]:
    """Message bodies that carry the commits in order; one too large for a message goes as a pointer."""
    entries = (
        CommitEntry(commit=commit)
        if commit.ByteSize() + 2 * ITEM_OVERHEAD_BYTES <= MAX_PACKED_BYTES
        else CommitEntry(pointer=CommitPointer(stream=commit.stream, number=commit.number))
        for commit in commits
    )
    return [CommitMessage(commits=batch).SerializeToString() for batch in _batches(entries)]


def _batches(items: Iterable[M]) -> Iterator[list[M]]:
    batch: list[M] = []
    size = 0
    for item in items:
        item_size = item.ByteSize() + ITEM_OVERHEAD_BYTES
        if item_size > MAX_PACKED_BYTES:
            raise ValueError(f"{item.DESCRIPTOR.name} of {item_size} bytes fits no queue message")
        if batch and size + item_size > MAX_PACKED_BYTES:
            yield batch
            batch, size = [], 0
        batch.append(item)
        size += item_size
    if batch:
        yield batch

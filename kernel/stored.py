"""Reads what rests in storage. Bytes that are not what their place says are Poison, whose text names the place.

Nobody but us writes there: such bytes are a disk's, an operator's or a restored backup's. They are never
taken for something else, and never overwritten by whoever could not read them.
"""

from typing import TypeVar

from google.protobuf.message import DecodeError, Message

from kernel.errors import Poison
from kernel.ports import Row
from prism.envelope.v1.envelope_pb2 import Commit, Snapshot, ViewRow

M = TypeVar("M", bound=Message)


def read_commit(data: bytes, stream: str, number: int) -> Commit:
    """The commit that rests at a place."""
    commit = decode(Commit, data, f"commit {number} of stream {stream!r}")
    if commit.stream != stream or commit.number != number:
        raise Poison(
            f"commit {number} of stream {stream!r} cannot be read: what rests there is "
            f"commit {commit.number} of stream {commit.stream[:200]!r}"
        )
    return commit


def is_commit(data: bytes, commit: Commit) -> bool:
    """Whether the bytes that rest at a commit's place are that commit."""
    try:
        return Commit.FromString(data) == commit
    except DecodeError:
        return False


def read_snapshot(data: bytes, stream: str) -> Snapshot:
    """The snapshot of a stream."""
    snapshot = decode(Snapshot, data, f"the snapshot of stream {stream!r}")
    if snapshot.stream != stream:
        raise Poison(f"the snapshot of stream {stream!r} is one of {snapshot.stream[:200]!r}")
    return snapshot


def read_row(row: Row, message: type[M]) -> tuple[ViewRow, M]:
    """A view's row, and the view in it."""
    place = f"row {row.id.key!r} of view {row.id.view!r}"
    stored = decode(ViewRow, row.data, place)
    return stored, decode(message, stored.data, place)


def decode(kind: type[M], data: bytes, place: str) -> M:
    """The message that rests at a place, which the error names."""
    try:
        return kind.FromString(data)
    except DecodeError:
        raise Poison(f"{place} cannot be read: it does not decode") from None

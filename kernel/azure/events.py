"""The event store on Table Storage: one entity a commit."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from kernel.azure.calls import Parallel
from kernel.azure.entities import data_of, decode, encode, entity
from kernel.azure.table import Table, beginning, within
from kernel.errors import StorageUnavailable
from kernel.ports import check_size
from kernel.stored import is_commit, read_commit, read_snapshot
from prism.envelope.v1.envelope_pb2 import Commit, Snapshot

SNAPSHOT_ROW = "latest"
# The property that repeats the commit's version, so that events can be counted without reading them.
VERSION = "version"


class AzureEventStore:
    """A commit rests at PartitionKey = stream, RowKey = its number in 10 digits."""

    def __init__(self, commits: Table, snapshots: Table, parallel: Parallel) -> None:
        self._commits = commits
        self._snapshots = snapshots
        self._parallel = parallel

    def append(self, commits: Sequence[Commit]) -> list[bool]:
        """Inserts one entity a commit, several at once."""
        rows = [check_size(commit.SerializeToString()) for commit in commits]
        return self._parallel.map(self._append, list(zip(commits, rows, strict=True)))

    def _append(self, commit_and_data: tuple[Commit, bytes]) -> bool:
        commit, data = commit_and_data
        partition, row = encode(commit.stream), row_key(commit.number)
        stored_commit = entity(partition, row, data) | {VERSION: commit.version}
        if self._commits.insert("events.append", stored_commit) is not None:
            return True
        # Another commit holds the place, or this one does: then the answer was lost on its way.
        stored = self._commits.get("events.append", partition, row)
        if stored is None:
            raise StorageUnavailable("events.append: refused, though the place is free")
        return is_commit(data_of(stored), commit)

    def read(self, stream: str, after: int = 0, limit: int | None = None) -> list[Commit]:
        """Looks for the next commit, then for the one after, and only then asks for all that follow.

        Mostly there is none or one, and Azurite reads the whole table for any query.
        """
        return list(islice(self._read(stream, after), limit))

    def _read(self, stream: str, after: int) -> Iterator[Commit]:
        partition = encode(stream)
        for number in (after + 1, after + 2):
            stored = self._commits.get("events.read", partition, row_key(number))
            if stored is None:
                return
            yield commit_of(stored)
        for stored in self._commits.query("events.read", within(partition, above=row_key(after + 2))):
            yield commit_of(stored)

    def get_snapshot(self, stream: str) -> Snapshot | None:
        """Reads one entity."""
        stored = self._snapshots.get("snapshots.get", encode(stream), SNAPSHOT_ROW)
        return None if stored is None else read_snapshot(data_of(stored), stream)

    def put_snapshot(self, snapshot: Snapshot) -> None:
        """Replaces one entity."""
        data = check_size(snapshot.SerializeToString())
        self._snapshots.put("snapshots.put", entity(encode(snapshot.stream), SNAPSHOT_ROW, data))

    def scan(self, prefix: str = "", after: str = "") -> Iterator[Commit]:
        """One query, answered in pages."""
        for stored in self._commits.query("events.read", beginning(encode(prefix), encode(after))):
            yield commit_of(stored)

    def count(self, prefix: str = "") -> int:
        """Adds up the versions of the streams' last commits, of which it reads no more than the keys."""
        select = ["PartitionKey", "RowKey", VERSION]
        found = self._commits.query("events.count", beginning(encode(prefix)), select=select)
        return sum({stored["PartitionKey"]: int(stored[VERSION]) for stored in found}.values())


def commit_of(stored: Mapping[str, Any]) -> Commit:
    """The commit of an entity."""
    return read_commit(data_of(stored), decode(stored["PartitionKey"]), int(stored["RowKey"]))


def row_key(number: int) -> str:
    """A commit's number as a key: 10 digits hold every uint32, and keep their order."""
    return f"{number:010d}"

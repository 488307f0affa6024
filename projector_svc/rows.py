"""Rows of views in memory: loaded once, kept while hot, saved only over what they were made from."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from cachetools import LRUCache
from google.protobuf.message import Message

from kernel.contract import Contract
from kernel.generations import view_of
from kernel.ports import Row, RowId, ViewStore
from kernel.stored import read_row
from prism.envelope.v1.envelope_pb2 import Envelope, Progress, ViewRow

# What the cache holds, in small rows; a large one counts as so many of them.
CACHED_ROWS = 10_000
SMALL_BYTES = 4 * 1024
# Of a stream that a row follows.
PROGRESS_BYTES = 200


@dataclass(slots=True)
class LiveRow:
    """A row of a generation with its view decoded."""

    id: RowId
    view: Any
    # How far it has followed each stream: (version, commit number).
    progress: dict[str, tuple[int, int]] = field(default_factory=dict)
    # The stored state that it was made from; None when there is none.
    etag: str | None = None
    changed: bool = False

    def reflects(self, envelope: Envelope) -> bool:
        """Whether an event is in it already."""
        version, _ = self.progress.get(envelope.stream, (0, 0))
        return envelope.version <= version

    @property
    def weight(self) -> int:
        """About what it takes in memory, in small rows."""
        content: int = self.view.ByteSize()
        return 1 + (content + PROGRESS_BYTES * len(self.progress)) // SMALL_BYTES

    def stored(self) -> bytes:
        """The row as the store keeps it: the same for the same view and progress, always."""
        row = ViewRow(data=self.view.SerializeToString(deterministic=True))
        for stream in sorted(self.progress):
            version, number = self.progress[stream]
            row.progress[stream].CopyFrom(Progress(version=version, number=number))
        return row.SerializeToString(deterministic=True)


class Rows:
    """A bounded cache over the view store. Another writer's change shows as a conflict when saving.

    Not safe for threads: each consumer has its own.
    """

    def __init__(self, store: ViewStore, contract: Contract) -> None:
        self._store = store
        self._views = contract.views
        self._cache: LRUCache[RowId, LiveRow] = LRUCache(
            CACHED_ROWS, getsizeof=lambda row: min(row.weight, CACHED_ROWS)
        )

    def load(self, ids: Iterable[RowId], *, new: bool = False) -> dict[RowId, LiveRow]:
        """The rows, new and empty ones where nothing is stored.

        `new` takes those that are not in memory for new ones without asking the store: where that is wrong,
        saving shows it.
        """
        rows = {}
        missing = []
        for row_id in set(ids):
            if row := self._cache.get(row_id):
                rows[row_id] = row
            else:
                missing.append(row_id)
        if missing:
            found = [None] * len(missing) if new else self._store.get(missing)
            for row_id, stored in zip(missing, found, strict=True):
                rows[row_id] = self._decode(row_id, stored)
        return rows

    def save(self, rows: Sequence[LiveRow]) -> list[LiveRow]:
        """Saves rows; answers those with which another writer was faster: load them again."""
        if not rows:
            return []
        etags = self._store.save([Row(row.id, row.stored(), row.etag) for row in rows])
        lost = []
        for row, etag in zip(rows, etags, strict=True):
            if etag is None:
                self.forget([row.id])
                lost.append(row)
            else:
                row.etag, row.changed = etag, False
                self._cache[row.id] = row
        return lost

    def forget(self, ids: Iterable[RowId]) -> None:
        """Drops rows from the cache: their next load reads the store."""
        for row_id in ids:
            self._cache.pop(row_id, None)

    def _decode(self, row_id: RowId, stored: Row | None) -> LiveRow:
        message = self._views[view_of(row_id.view)].message
        return LiveRow(row_id, message()) if stored is None else decode(stored, message)


def decode(stored: Row, message: type[Message]) -> LiveRow:
    """A stored row as it was. Poison for bytes that are none."""
    row, view = read_row(stored, message)
    progress = {stream: (item.version, item.number) for stream, item in row.progress.items()}
    return LiveRow(stored.id, view, progress, stored.etag)

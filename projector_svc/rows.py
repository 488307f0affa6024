"""Rows of views in memory: loaded once, kept while hot, saved only over what they were made from."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from cachetools import LRUCache

from kernel.contract import Contract
from kernel.ports import Row, RowId, ViewStore
from prism.envelope.v1.envelope_pb2 import Progress, ViewRow

CACHED_ROWS = 10_000


@dataclass(slots=True)
class LiveRow:
    """A row with its view decoded."""

    id: RowId
    view: Any
    # How far it has followed each stream: (version, commit number).
    progress: dict[str, tuple[int, int]] = field(default_factory=dict)
    # The stored state that it was made from; None when there is none.
    etag: str | None = None
    changed: bool = False

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
        self._cache: LRUCache[RowId, LiveRow] = LRUCache(CACHED_ROWS)

    def load(self, ids: Iterable[RowId]) -> dict[RowId, LiveRow]:
        """The rows, new and empty ones where nothing is stored."""
        rows = {}
        missing = []
        for row_id in set(ids):
            if row := self._cache.get(row_id):
                rows[row_id] = row
            else:
                missing.append(row_id)
        if missing:
            for row_id, stored in zip(missing, self._store.get(missing), strict=True):
                rows[row_id] = self._decode(row_id, stored)
        return rows

    def save(self, rows: Sequence[LiveRow]) -> bool:
        """Saves rows; False when another writer was faster with one: load them again."""
        etags = self._store.save([Row(row.id, row.stored(), row.etag) for row in rows])
        for row, etag in zip(rows, etags, strict=True):
            if etag is None:
                self.forget([row.id])
            else:
                row.etag, row.changed = etag, False
                self._cache[row.id] = row
        return None not in etags

    def forget(self, ids: Iterable[RowId]) -> None:
        """Drops rows from the cache: their next load reads the store."""
        for row_id in ids:
            self._cache.pop(row_id, None)

    def _decode(self, row_id: RowId, stored: Row | None) -> LiveRow:
        message = self._views[row_id.view].message
        if stored is None:
            return LiveRow(row_id, message())
        row = ViewRow.FromString(stored.data)
        progress = {stream: (item.version, item.number) for stream, item in row.progress.items()}
        return LiveRow(row_id, message.FromString(row.data), progress, stored.etag)

"""Dead letters: what nobody could handle rests as rows of the view store until an operator decides on it.

    view `dead-letters`, partition: the queue, key: <16 digits of microseconds>-<random>

The key is the letter's id. Keys are in the order of time.
"""

import re
import secrets
import time
from collections.abc import Iterable, Mapping, Sequence

from google.protobuf.message import DecodeError

from kernel.ports import MAX_BODY_BYTES, Row, RowId, Storage
from prism.envelope.v1.envelope_pb2 import DeadLetter

VIEW = "dead-letters"
# No more are counted.
MAX_COUNT = 1000
_ID = re.compile(r"[0-9]{16}-[0-9a-f]{8}", re.ASCII)


def is_id(text: str) -> bool:
    """Whether a text can be a dead letter's id."""
    return bool(_ID.fullmatch(text))


class DeadLetters:
    """The dead letters of one queue. Every method may raise StorageUnavailable."""

    def __init__(self, storage: Storage, queue: str) -> None:
        self._views = storage.views
        self._queue = storage.queue(queue)

    def add(self, letters: Sequence[DeadLetter]) -> None:
        """Sets letters aside, durably."""
        rows = [
            Row(
                self._row_id(f"{letter.time.ToMicroseconds():016d}-{secrets.token_hex(4)}"),
                letter.SerializeToString(),
            )
            for letter in letters
        ]
        # A place that is taken is taken by this very call, repeated by the engine.
        self._views.save(rows)

    def page(self, after: str = "", limit: int = 100, *, until: str = "") -> dict[str, DeadLetter]:
        """Letters by id, oldest first: those after one id, and up to another, where these are given."""
        rows = self._views.page(VIEW, self._queue.name, after=after, last=until, limit=limit)
        return {row.id.key: _read(row) for row in rows}

    def get(self, ids: Iterable[str]) -> dict[str, DeadLetter]:
        """Letters by id, in the order asked; one that is gone, or never was, is missing."""
        rows = self._views.get([self._row_id(id_) for id_ in dict.fromkeys(ids) if is_id(id_)])
        return {row.id.key: _read(row) for row in rows if row}

    def requeue(self, letters: Mapping[str, DeadLetter]) -> None:
        """Puts letters back into their queue. Whatever fails, none is lost; some may come twice."""
        self._queue.put([letter.body for letter in letters.values()])
        self.discard(letters)

    def discard(self, ids: Iterable[str]) -> None:
        """Deletes letters for good."""
        self._views.delete([self._row_id(id_) for id_ in ids])

    def count(self) -> int:
        """How many there are; MAX_COUNT for all that is more."""
        return self._views.count(VIEW, self._queue.name, MAX_COUNT)

    def _row_id(self, id_: str) -> RowId:
        return RowId(VIEW, self._queue.name, id_)


def _read(row: Row) -> DeadLetter:
    """The letter; of a row that is none, its bytes as the body of one that says so."""
    try:
        return DeadLetter.FromString(row.data)
    except DecodeError:
        reason = "the dead letter itself cannot be read: its row does not decode"
        return DeadLetter(body=row.data[:MAX_BODY_BYTES], queue=row.id.partition, reason=reason)


def latest_id() -> str:
    """An id that comes after those of all letters until now, and before those of later ones."""
    return f"{time.time_ns() // 1000:016d}"

"""Filling: builds the rows of a view from the event store, beside whoever else writes them."""

from collections.abc import Iterator, Sequence
from typing import Any

from google.protobuf.message import Message

from kernel.contract import View
from kernel.errors import StorageUnavailable
from kernel.ports import EventStore, RowId
from kernel.projection import Projection
from kernel.upcasting import EventReader
from prism.envelope.v1.envelope_pb2 import Commit, Envelope
from projector_svc.projecting import take
from projector_svc.rows import LiveRow, Rows

# What is applied at once, and saved at once: whichever comes first.
BATCH_COMMITS = 1000
BATCH_BYTES = 8 * 1024 * 1024

# An event, its commit's number, and the row that it belongs to.
Step = tuple[RowId, int, Envelope, Message]


class Unprojectable(Exception):
    """An event that the projection cannot take; the text names it and says why."""


class Filling:
    """One scan of the event store into the rows of one generation.

    `after` is the last stream that is done, and where another scan may begin; `done` counts events. An event
    that a row has already is left alone, so that a scan may be repeated, and others may write the same rows.
    """

    def __init__(
        self,
        view: View,
        projection: Projection[Any],
        reader: EventReader,
        store: EventStore,
        rows: Rows,
        name: str,
    ) -> None:
        self.after = ""
        self.done = 0
        self._view = view
        self._projection = projection
        self._reader = reader
        self._store = store
        self._rows = rows
        self._name = name
        # Streams come aggregate by aggregate, in the order of their names.
        self._prefixes = sorted(f"{aggregate}-" for aggregate in view.aggregates)

    def count(self) -> int:
        """How many events there are now."""
        return sum(self._store.count(prefix) for prefix in self._prefixes)

    def run(self) -> Iterator[None]:
        """Scans from `after` to the end; yields after each batch that is saved.

        Unprojectable ends it; after StorageUnavailable it may be run again, and goes on at `after`.
        """
        for place, prefix in enumerate(self._prefixes):
            within = self.after.startswith(prefix)
            if self.after > prefix and not within:
                continue
            scanned = self._store.scan(prefix, self.after if within else "")
            stream = ""
            for batch in _batches(self._whole(scanned)):
                # Of the first aggregate's streams no row is there, unless someone else made it.
                self._take(batch, new=place == 0)
                for commit in batch:
                    self.done += len(commit.events)
                    if commit.stream != stream:
                        self.after, stream = stream or self.after, commit.stream
                yield
            self.after = stream or self.after

    def _whole(self, commits: Iterator[Commit]) -> Iterator[Commit]:
        """The same commits, with those of a stream that a scan has missed while they were appended."""
        stream, number = "", 0
        for commit in commits:
            if commit.stream != stream:
                stream, number = commit.stream, 0
            if commit.number > number + 1:
                missed = self._store.read(stream, after=number, limit=commit.number - number - 1)
                yield from missed
            number = commit.number
            yield commit

    def _take(self, batch: Sequence[Commit], *, new: bool) -> None:
        steps = self._steps(batch)
        ids = {step[0] for step in steps}
        while ids:
            rows = self._rows.load(ids, new=new)
            try:
                self._apply(steps, rows)
                lost = self._rows.save([row for row in rows.values() if row.changed])
            except BaseException:
                # What is cached may be ahead of what is stored.
                self._rows.forget(ids)
                raise
            ids = {row.id for row in lost}
            steps = [step for step in steps if step[0] in ids]
            new = False

    def _steps(self, batch: Sequence[Commit]) -> list[Step]:
        read, place_of, name = self._reader.read, self._projection.row, self._name
        steps: list[Step] = []
        for commit in batch:
            number = commit.number
            for envelope in commit.events:
                try:
                    event = read(envelope)
                    place = place_of(event)
                except Exception as error:
                    raise _unprojectable(envelope, error) from error
                if place:
                    steps.append((RowId(name, *place), number, envelope, event))
        return steps

    def _apply(self, steps: Sequence[Step], rows: dict[RowId, LiveRow]) -> None:
        """In place: whatever fails ends the whole scan, and then no row is kept."""
        projection, view = self._projection, self._view
        for row_id, number, envelope, event in steps:
            row = rows[row_id]
            followed = row.progress.get(envelope.stream)
            if followed and envelope.version <= followed[0]:
                continue
            try:
                take(row, row.view, projection, view, number, envelope, event)
            except StorageUnavailable:
                raise
            except Exception as error:
                raise _unprojectable(envelope, error) from error


def _batches(commits: Iterator[Commit]) -> Iterator[list[Commit]]:
    batch: list[Commit] = []
    size = 0
    for commit in commits:
        batch.append(commit)
        size += commit.ByteSize()
        if len(batch) == BATCH_COMMITS or size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _unprojectable(envelope: Envelope, error: Exception) -> Unprojectable:
    return Unprojectable(f"event {envelope.id} ({envelope.type}): {type(error).__name__}: {error}")

"""Verifying: builds a view aside, and compares what is stored with it, while live events go on.

The rows aside show the events of one moment, the live ones go on moving. So a row that differs is read again
and held against the events up to its own progress: whatever it shows, it must be what those give. Only then
is it asked whether it has followed all that there was in that moment, and a row that has not is given time,
while a queue may still bring it the rest.
"""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from kernel.contract import Contract, View, aggregate_of
from kernel.embedded.scratch import scratch_views
from kernel.errors import Poison
from kernel.generations import Pointers, stored_name
from kernel.ports import Queue, Row, RowId, Storage
from kernel.projection import Projection
from kernel.queues import COMMANDS, events_for
from kernel.upcasting import EventReader
from prism.admin.v1.projections_pb2 import RebuildProgress, RowDifference, VerifyResponse, VerifyResult
from projector_svc.projecting import take
from projector_svc.rebuild.build import Rate
from projector_svc.rebuild.comparing import differences
from projector_svc.rebuild.filling import Filling
from projector_svc.rebuild.progress import progress_of
from projector_svc.rows import LiveRow, Rows, decode

logger = logging.getLogger(__name__)

PROGRESS_S = 0.5
# Rows that are read again at once.
CHUNK = 200
# A row that is behind is given up once no queue has had anything for so long, and at the latest after as long
# as a message of a consumer that died takes to come back.
QUIET_S, WAIT_S = 2.0, 40.0

Kind = RowDifference.Kind
# A row's place in any generation.
Place = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Pair:
    """A row as it was found: live, and as it was rebuilt."""

    place: Place
    live: Row | None
    rebuilt: Row | None


class Verification:
    """One verification of one view. `run` may be ended at any time; nothing is left behind."""

    def __init__(
        self,
        contract: Contract,
        projection: Projection[Any],
        reader: EventReader,
        storage: Storage,
        limit: int,
        *,
        quiet_s: float = QUIET_S,
        wait_s: float = WAIT_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._contract = contract
        self._view: View = contract.views[projection.view]
        self._projection = projection
        self._reader = reader
        self._storage = storage
        self._limit = limit
        self._quiet_s, self._wait_s = quiet_s, wait_s
        self._clock = clock
        self._pointers = Pointers(storage.views)
        self._progress = RebuildProgress(phase=RebuildProgress.COUNTING)
        self._progress.started_at.GetCurrentTime()
        self._told_at = clock()
        self._result = VerifyResult()

    def run(self) -> Iterator[VerifyResponse]:
        """Progress twice a second, each row that differs, and the result. May raise Unprojectable."""
        self._progress.generation = self._live_number()
        yield VerifyResponse(progress=self._progress)
        with scratch_views() as scratch:
            filling = Filling(
                self._view,
                self._projection,
                self._reader,
                self._storage.events,
                Rows(scratch, self._contract),
                self._view.name,
            )
            yield from self._fill(filling)
            self._progress.phase = RebuildProgress.COMPARING
            yield VerifyResponse(progress=self._progress)
            yield from self._compare(scratch.scan(self._view.name))
        self._result.events = filling.done
        yield VerifyResponse(result=self._result)

    def _fill(self, filling: Filling) -> Iterator[VerifyResponse]:
        total = filling.count()
        rate = Rate(self._clock(), 0)
        for _ in filling.run():
            self._progress = progress_of(
                self._progress, RebuildProgress.BUILDING, filling.done, total, rate.of(filling.done)
            )
            yield from self._tell()

    def _compare(self, rebuilt: Iterator[Row]) -> Iterator[VerifyResponse]:
        live = self._storage.views.scan(stored_name(self._view.name, self._live_number()))
        different = self._different(live, rebuilt)
        behind: list[Pair] = []
        # None: nothing different for a while.
        while chunk := list(islice(different, CHUNK)):
            pairs = [pair for pair in chunk if pair is not None]
            yield from self._judge(pairs, behind)
            yield from self._tell()
        yield from self._wait_for(behind)

    def _different(self, live: Iterator[Row], rebuilt: Iterator[Row]) -> Iterator[Pair | None]:
        """Pairs that are not the same, out of two scans in the same order; None for each that is."""
        ours, theirs = next(live, None), next(rebuilt, None)
        while ours or theirs:
            left, right = ours and _place(ours), theirs and _place(theirs)
            place = min(place for place in (left, right) if place)
            pair = Pair(place, ours if left == place else None, theirs if right == place else None)
            ours = next(live, None) if left == place else ours
            theirs = next(rebuilt, None) if right == place else theirs
            self._result.rows += 1
            same = pair.live and pair.rebuilt and pair.live.data == pair.rebuilt.data
            yield None if same else pair

    def _judge(self, pairs: Sequence[Pair], behind: list[Pair]) -> Iterator[VerifyResponse]:
        """Tells which of the rows are wrong as they are now; those that may still come go to `behind`."""
        for pair, now in zip(pairs, self._now(pairs), strict=True):
            found = self._difference(now, pair.rebuilt)
            if found is None:
                continue
            if found.kind in (RowDifference.BEHIND, RowDifference.MISSING):
                behind.append(pair)
            else:
                yield from self._differs(pair.place, found)

    def _wait_for(self, behind: list[Pair]) -> Iterator[VerifyResponse]:
        """Gives rows that are behind the time that queues may need, and tells those that stay so."""
        began_at = quiet_since = self._clock()
        queues = [self._storage.queue(name) for name in (COMMANDS, events_for(self._view.subscriber))]
        while behind:
            now = self._clock()
            if not _quiet(queues):
                quiet_since = now
            late = now - quiet_since >= self._quiet_s or now - began_at >= self._wait_s
            pairs, behind = behind, []
            for pair, row in zip(pairs, self._now(pairs), strict=True):
                found = self._difference(row, pair.rebuilt)
                if found is None:
                    continue
                if late or found.kind not in (RowDifference.BEHIND, RowDifference.MISSING):
                    yield from self._differs(pair.place, found)
                else:
                    behind.append(pair)
            yield from self._tell()
            if behind:
                time.sleep(min(0.1, self._quiet_s))

    def _difference(self, stored: Row | None, rebuilt: Row | None) -> RowDifference | None:
        """What is wrong with a live row, given what it was at the time of the scan."""
        wanted = decode(rebuilt, self._view.message) if rebuilt else None
        if stored is None:
            # Neither any more: it was one that nobody knows, and somebody took it away.
            return (
                RowDifference(kind=RowDifference.MISSING, fields=differences(None, wanted))
                if wanted
                else None
            )
        try:
            live = decode(stored, self._view.message)
        except Poison:
            return RowDifference(kind=RowDifference.UNREADABLE)
        expected = self._expected(live, wanted)
        if not expected.progress and not wanted:
            return RowDifference(kind=RowDifference.UNEXPECTED, fields=differences(live, None))
        if expected.stored() != stored.data:
            # One that claims to have followed nothing is held against what it was to show.
            rightly = expected if expected.progress else wanted
            return RowDifference(kind=RowDifference.WRONG, fields=differences(live, rightly))
        if wanted and not _follows(live, wanted):
            return RowDifference(kind=RowDifference.BEHIND, fields=differences(live, wanted))
        return None

    def _expected(self, live: LiveRow, wanted: LiveRow | None) -> LiveRow:
        """The row that the events up to the live one's own progress give."""
        # From where the rebuilt row is, if we can: mostly there is nothing left to read.
        row = wanted if wanted and _follows(live, wanted) else LiveRow(live.id, self._view.message())
        for stream, (until, _) in live.progress.items():
            version, number = row.progress.get(stream, (0, 0))
            if version < until and aggregate_of(stream) in self._view.aggregates:
                self._bring(row, stream, number, until)
        return row

    def _bring(self, row: LiveRow, stream: str, number: int, until: int) -> None:
        place = (row.id.partition, row.id.key)
        for commit in self._storage.events.read(stream, after=max(0, number - 1)):
            for envelope in commit.events:
                if row.progress.get(stream, (0, 0))[0] < envelope.version <= until:
                    event = self._reader.read(envelope)
                    if self._projection.row(event) == place:
                        take(row, row.view, self._projection, self._view, commit.number, envelope, event)

    def _now(self, pairs: Sequence[Pair]) -> list[Row | None]:
        """The live rows as they are, in the generation that is live."""
        name = stored_name(self._view.name, self._live_number()) if pairs else ""
        return self._storage.views.get([RowId(name, *pair.place) for pair in pairs])

    def _live_number(self) -> int:
        return self._pointers.read([self._view.name])[self._view.name].live

    def _differs(self, place: Place, found: RowDifference) -> Iterator[VerifyResponse]:
        self._result.differing += 1
        if self._result.differing <= self._limit:
            found.partition, found.key = place
            yield VerifyResponse(difference=found)

    def _tell(self) -> Iterator[VerifyResponse]:
        if self._clock() - self._told_at >= PROGRESS_S:
            self._told_at = self._clock()
            yield VerifyResponse(progress=self._progress)


def _place(row: Row) -> Place:
    return row.id.partition, row.id.key


def _follows(live: LiveRow, wanted: LiveRow) -> bool:
    """Whether a row has followed every stream as far as another one."""
    return all(
        live.progress.get(stream, (0, 0))[0] >= version for stream, (version, _) in wanted.progress.items()
    )


def _quiet(queues: Sequence[Queue]) -> bool:
    """Whether no message is left, being handled or not, that could bring something."""
    return not any(queue.depth().messages for queue in queues)

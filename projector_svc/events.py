"""Handles messages of an events queue: project, save, tell; then they may be deleted."""

import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from google.protobuf.message import Message as Event
from google.protobuf.timestamp_pb2 import Timestamp

from kernel.clock import now
from kernel.commits import CommitReader, dead_commit
from kernel.errors import StorageUnavailable, UnknownType
from kernel.handler import DeadLetter, Unsettled
from kernel.leaving import leave_commits
from kernel.ports import Message, RowId
from kernel.stages import put_in_order
from kernel.upcasting import EventReader
from prism.envelope.v1.envelope_pb2 import Commit, Delivery, Envelope, Update
from projector_svc.projecting import Projector, Target, update_of
from projector_svc.rows import LiveRow, Rows
from projector_svc.telemetry import tell_projected
from projector_svc.written import Written

logger = logging.getLogger(__name__)
# As projector_svc.announcing.Announcer does.
Announce = Callable[[Sequence[Delivery], Collection[str]], bool]
# An event of a commit with the rows it belongs to.
Step = tuple[Envelope, Event, list[Target]]
# A commit with its events read.
Readable = tuple[Commit, list[Step]]
# A commit's stream and number.
Place = tuple[str, int]


class EventHandler:
    """A kernel.consumer.Handler. All rows of a batch are loaded at once and saved at once.

    With `announce`, every command's outcome and the views it changed are told once they are saved.
    A repeat is told again: whoever died before telling must not leave anyone waiting. So is a batch that
    could not be told as it was saved, for clients had fetched anew meanwhile.

    Every generation that is written takes the batch; what is told is the live one's. One that turns up
    while the batch is saved takes it afterwards, before anything is told.
    """

    def __init__(
        self,
        projector: Projector,
        rows: Rows,
        events: EventReader,
        commits: CommitReader,
        announce: Announce | None,
        written: Written,
    ) -> None:
        self._projector = projector
        self._rows = rows
        self._events = events
        self._commits = commits
        self._announce = announce
        self._written = written

    def __call__(self, messages: Sequence[Message]) -> list[Unsettled]:
        """Projects all commits of the messages; leaves those that need an event that is not known here."""
        handled_at = now()
        commits, dead, debtors = self._commits.read(messages)
        unknown: dict[Place, UnknownType] = {}
        readable, failed = self._readable(commits, unknown)
        while True:
            deliveries, unsettled = self._save(readable)
            projected = [commit for commit, _ in readable if _place(commit) not in unsettled]
            tell_projected(self._projector.subscriber, projected, deliveries, handled_at.ToNanoseconds())
            _note_stages(deliveries, handled_at, projected_at=now())
            if self._announce is None or self._announce(deliveries, debtors):
                break
            debtors = set()
        for commit, _ in readable:
            error = unsettled.get(_place(commit))
            if isinstance(error, UnknownType):
                unknown[_place(commit)] = error
            elif error:
                failed.append(dead_commit(commit, error))
        return [*dead, *failed, *leave_commits(messages, unknown)]

    def _save(self, readable: Sequence[Readable]) -> tuple[list[Delivery], dict[Place, Exception]]:
        """Applies commits to all generations that are written, and saves those.

        Answers the deliveries to tell, and the commits that could not be applied.
        """
        while True:
            names = {view: list(found) for view, found in self._written.names().items()}
            deliveries, unsettled, lost = self._project(readable, names)
            if not any(found[0] in lost for found in names.values()):
                break
            # Whoever was faster may have gone on to another generation.
            self._written.look()
        unsettled |= self._catch_up(
            [item for item in readable if _place(item[0]) not in unsettled],
            {name for found in names.values() for name in found} - lost,
        )
        return deliveries, unsettled

    def _catch_up(self, readable: Sequence[Readable], done: set[str]) -> dict[Place, Exception]:
        """Brings the generations that do not have the batch yet up to it, until none turns up any more.

        Answers the commits that one of them cannot take here, for want of a newer release.
        """
        unsettled: dict[Place, Exception] = {}
        while True:
            late = {
                view: [name for name in found if name not in done]
                for view, found in self._written.look().items()
            }
            names = {name for found in late.values() for name in found}
            if not names:
                return unsettled
            _, unknown, lost = self._project(readable, late, live=False)
            unsettled |= unknown
            done |= names - lost

    def _readable(
        self, commits: Sequence[Commit], unknown: dict[Place, UnknownType]
    ) -> tuple[list[Readable], list[DeadLetter]]:
        readable: list[Readable] = []
        failed: list[DeadLetter] = []
        for commit in commits:
            try:
                readable.append((commit, self._steps(commit)))
            except UnknownType as error:
                unknown[_place(commit)] = error
            except Exception as error:  # noqa: BLE001 # a commit that cannot be read must not keep its neighbours
                failed.append(dead_commit(commit, error))
        return readable, failed

    def _project(
        self, readable: Sequence[Readable], names: Mapping[str, list[str]], *, live: bool = True
    ) -> tuple[list[Delivery], dict[Place, Exception], set[str]]:
        """Applies commits to the rows of the generations named by view, the first being the live one if `live`.

        Answers the deliveries to tell; the commits that could not be applied; and the generations with
        which another writer was faster: to those it has to be done again.
        """
        deliveries: list[Delivery] = []
        unsettled: dict[Place, Exception] = {}
        rows = self._rows.load(row_id for _, steps in readable for row_id in _row_ids(steps, names))
        if live and self._announce:
            rows |= self._reload_repeated(readable, rows, names)
        try:
            for commit, steps in readable:
                try:
                    if live:
                        deliveries.extend(self._apply(commit, steps, rows, names))
                    else:
                        self._follow(commit, steps, rows, names)
                except UnknownType as error:
                    # In a gap before it. What filled that so far stays. When the commit comes again, a newer
                    # replica may have gone past the gap: what is cached must not hide that.
                    unsettled[_place(commit)] = error
                    self._rows.forget(_row_ids(steps, names))
                except StorageUnavailable:
                    raise
                except Exception as error:  # nor one that a projection fails on
                    logger.exception("commit %d of %s could not be projected", commit.number, commit.stream)
                    unsettled[_place(commit)] = error
            lost = self._rows.save([row for row in rows.values() if row.changed])
        except BaseException:
            # What is cached may be ahead of what is stored.
            self._rows.forget(rows)
            raise
        return deliveries, unsettled, {row.id.view for row in lost}

    def _reload_repeated(
        self, readable: Sequence[Readable], rows: Mapping[RowId, LiveRow], names: Mapping[str, list[str]]
    ) -> dict[RowId, LiveRow]:
        """The live rows of repeats, as they are stored: a repeat tells its row again, and what is cached may
        be older than what another replica has saved and told."""
        repeated = {
            row_id
            for _, steps in readable
            for envelope, _, targets in steps
            for target in targets
            if rows[row_id := target.at(names[target.view.name][0])].reflects(envelope)
        }
        self._rows.forget(repeated)
        return self._rows.load(repeated)

    def _steps(self, commit: Commit) -> list[Step]:
        steps = []
        for envelope in commit.events:
            event = self._events.read(envelope)
            steps.append((envelope, event, list(self._projector.targets(commit.stream, event))))
        return steps

    def _apply(
        self,
        commit: Commit,
        steps: Sequence[Step],
        rows: Mapping[RowId, LiveRow],
        names: Mapping[str, list[str]],
    ) -> list[Delivery]:
        """Applies a commit's events to all generations; answers what to tell, one delivery a command.

        Commands whose events filled a gap come first, with their updates alone: the rest is told
        when their own message comes.
        """
        updates: dict[str, dict[RowId, Update]] = {}
        for envelope, event, targets in steps:
            for target in targets:
                live, *others = names[target.view.name]
                row = rows[target.at(live)]
                seen = False
                for taken in self._projector.apply(target, row, commit, envelope, event):
                    seen = True
                    self._note(updates, taken, target, row)
                if not seen:
                    # A repeat changes nothing, and the row as it is now is told again.
                    self._note(updates, envelope, target, row)
                for name in others:
                    self._apply_aside(name, target, rows, commit, envelope, event)
        if not self._announce:
            return []
        decided = {outcome.command_id for outcome in commit.outcomes}
        missed = [
            Delivery(command_id=command_id, updates=by_row.values())
            for command_id, by_row in updates.items()
            if command_id not in decided
        ]
        return missed + [
            Delivery(
                command_id=outcome.command_id,
                outcome=outcome,
                events=[
                    self._events.upcast(envelope)
                    for envelope, _, _ in steps
                    if envelope.causation_id == outcome.command_id
                ],
                updates=updates.get(outcome.command_id, {}).values(),
            )
            for outcome in commit.outcomes
        ]

    def _follow(
        self,
        commit: Commit,
        steps: Sequence[Step],
        rows: Mapping[RowId, LiveRow],
        names: Mapping[str, list[str]],
    ) -> None:
        """Applies a commit's events that the live generations have taken to other ones."""
        for envelope, event, targets in steps:
            for target in targets:
                for name in names[target.view.name]:
                    self._apply_aside(name, target, rows, commit, envelope, event)

    def _apply_aside(
        self,
        name: str,
        target: Target,
        rows: Mapping[RowId, LiveRow],
        commit: Commit,
        envelope: Envelope,
        event: Event,
    ) -> None:
        """Applies an event to a generation that is not read: its failure is its own.

        UnknownType is none: a newer replica can fill its gap.
        """
        if name in self._written.given_up:
            return
        try:
            for _ in self._projector.apply(target, rows[target.at(name)], commit, envelope, event):
                pass
        except (StorageUnavailable, UnknownType):
            raise
        except Exception as error:  # noqa: BLE001 # whatever it is, the live generation bore it
            self._written.give_up(name, error)

    def _note(
        self, updates: dict[str, dict[RowId, Update]], envelope: Envelope, target: Target, row: LiveRow
    ) -> None:
        if self._announce and (update := update_of(target, row, envelope.stream)):
            updates.setdefault(envelope.causation_id, {})[target.row_id] = update


def _place(commit: Commit) -> Place:
    return commit.stream, commit.number


def _row_ids(steps: Sequence[Step], names: Mapping[str, list[str]]) -> Iterator[RowId]:
    """The rows that events belong to, in every generation named."""
    for _, _, targets in steps:
        for target in targets:
            for name in names[target.view.name]:
                yield target.at(name)


def _note_stages(deliveries: Sequence[Delivery], handled_at: Timestamp, projected_at: Timestamp) -> None:
    for delivery in deliveries:
        if delivery.HasField("outcome"):
            stages = delivery.outcome.stages
            stages.handled_at.CopyFrom(handled_at)
            stages.projected_at.CopyFrom(projected_at)
            put_in_order(stages)

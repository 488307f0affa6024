"""Handles messages of an events queue: project, save, tell; then they may be deleted."""

import logging
from collections.abc import Callable, Sequence

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

logger = logging.getLogger(__name__)
Announce = Callable[[Sequence[Delivery]], object]
# An event of a commit with the rows it belongs to.
Step = tuple[Envelope, Event, list[Target]]


class EventHandler:
    """A kernel.consumer.Handler. All rows of a batch are loaded at once and saved at once.

    With `announce`, every command's outcome and the views it changed are told once they are saved.
    A repeat is told again: whoever died before telling must not leave anyone waiting.
    """

    def __init__(
        self,
        projector: Projector,
        rows: Rows,
        events: EventReader,
        commits: CommitReader,
        announce: Announce | None,
    ) -> None:
        self._projector = projector
        self._rows = rows
        self._events = events
        self._commits = commits
        self._announce = announce

    def __call__(self, messages: Sequence[Message]) -> list[Unsettled]:
        """Projects all commits of the messages; leaves those that need an event that is not known here."""
        handled_at = now()
        commits, dead = self._commits.read(messages)
        while True:
            unknown: dict[tuple[str, int], UnknownType] = {}
            deliveries, failed = self._project(commits, unknown)
            if deliveries is not None:
                break
        if self._announce and deliveries:
            _note_stages(deliveries, handled_at, projected_at=now())
            self._announce(deliveries)
        return [*dead, *failed, *leave_commits(messages, unknown)]

    def _project(
        self, commits: Sequence[Commit], unknown: dict[tuple[str, int], UnknownType]
    ) -> tuple[list[Delivery] | None, list[DeadLetter]]:
        """The deliveries to tell; None when another writer was faster and all is to be done again."""
        failed: list[DeadLetter] = []
        readable: list[tuple[Commit, list[Step]]] = []
        for commit in commits:
            try:
                readable.append((commit, self._steps(commit)))
            except UnknownType as error:
                unknown[commit.stream, commit.number] = error
            except Exception as error:  # noqa: BLE001 # a commit that cannot be read must not keep its neighbours
                failed.append(dead_commit(commit, error))
        rows = self._rows.load(
            target.row_id for _, steps in readable for _, _, targets in steps for target in targets
        )
        try:
            deliveries: list[Delivery] = []
            for commit, steps in readable:
                try:
                    deliveries.extend(self._apply(commit, steps, rows))
                except UnknownType as error:
                    # In a gap before it. What filled that so far stays. When the commit comes again, a newer
                    # replica may have gone past the gap: what is cached must not hide that.
                    unknown[commit.stream, commit.number] = error
                    self._rows.forget(target.row_id for _, _, targets in steps for target in targets)
                except StorageUnavailable:
                    raise
                except Exception as error:  # nor one that a projection fails on
                    logger.exception("commit %d of %s could not be projected", commit.number, commit.stream)
                    failed.append(dead_commit(commit, error))
            changed = [row for row in rows.values() if row.changed]
            saved = self._rows.save(changed) if changed else True
        except BaseException:
            # What is cached may be ahead of what is stored.
            self._rows.forget(rows)
            raise
        if not saved:
            self._rows.forget(row.id for row in rows.values() if row.changed)
            return None, []
        return deliveries, failed

    def _steps(self, commit: Commit) -> list[Step]:
        steps = []
        for envelope in commit.events:
            event = self._events.read(envelope)
            steps.append((envelope, event, list(self._projector.targets(commit.stream, event))))
        return steps

    def _apply(self, commit: Commit, steps: Sequence[Step], rows: dict[RowId, LiveRow]) -> list[Delivery]:
        """Applies a commit's events; answers what to tell, one delivery a command.

        Commands whose events filled a gap come first, with their updates alone: the rest is told
        when their own message comes.
        """
        updates: dict[str, dict[RowId, Update]] = {}
        for envelope, event, targets in steps:
            for target in targets:
                row = rows[target.row_id]
                seen = False
                for taken in self._projector.apply(target, row, commit, envelope, event):
                    seen = True
                    self._note(updates, taken, target, row)
                if not seen:
                    # A repeat changes nothing, and the row as it is now is told again.
                    self._note(updates, envelope, target, row)
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

    def _note(
        self, updates: dict[str, dict[RowId, Update]], envelope: Envelope, target: Target, row: LiveRow
    ) -> None:
        if self._announce and (update := update_of(target, row, envelope.stream)):
            updates.setdefault(envelope.causation_id, {})[target.row_id] = update


def _note_stages(deliveries: Sequence[Delivery], handled_at: Timestamp, projected_at: Timestamp) -> None:
    for delivery in deliveries:
        if delivery.HasField("outcome"):
            stages = delivery.outcome.stages
            stages.handled_at.CopyFrom(handled_at)
            stages.projected_at.CopyFrom(projected_at)
            put_in_order(stages)

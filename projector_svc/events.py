"""Handles messages of an events queue: project, save, tell; then they may be deleted."""

import logging
from collections.abc import Callable, Sequence

from google.protobuf.message import Message as Event

from kernel.commits import CommitReader
from kernel.consumer import DeadLetter
from kernel.errors import StorageUnavailable
from kernel.ports import Message, RowId
from kernel.upcasting import EventReader
from prism.envelope.v1.envelope_pb2 import Commit, CommitEntry, CommitMessage, Delivery, Envelope
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

    def __call__(self, messages: Sequence[Message]) -> list[DeadLetter]:
        """Projects all commits of the messages."""
        commits, dead = self._commits.read(messages)
        while True:
            deliveries, failed = self._project(commits)
            if deliveries is not None:
                break
        if self._announce and deliveries:
            self._announce(deliveries)
        return dead + failed

    def _project(self, commits: Sequence[Commit]) -> tuple[list[Delivery] | None, list[DeadLetter]]:
        """The deliveries to tell; None when another writer was faster and all is to be done again."""
        failed: list[DeadLetter] = []
        readable: list[tuple[Commit, list[Step]]] = []
        for commit in commits:
            try:
                readable.append((commit, self._steps(commit)))
            except Exception as error:  # noqa: BLE001 # a commit that cannot be read must not keep its neighbours
                failed.append(_dead(commit, error))
        rows = self._rows.load(
            target.row_id for _, steps in readable for _, _, targets in steps for target in targets
        )
        try:
            deliveries: list[Delivery] = []
            for commit, steps in readable:
                try:
                    deliveries.extend(self._apply(commit, steps, rows))
                except StorageUnavailable:
                    raise
                except Exception as error:  # nor one that a projection fails on
                    logger.exception("commit %d of %s could not be projected", commit.number, commit.stream)
                    failed.append(_dead(commit, error))
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
        """Applies a commit's events; answers what to tell, one delivery a command."""
        deliveries = []
        for outcome in commit.outcomes:
            touched: dict[RowId, Target] = {}
            delivery = Delivery(command_id=outcome.command_id, outcome=outcome)
            for envelope, event, targets in steps:
                if envelope.causation_id == outcome.command_id:
                    delivery.events.append(self._events.upcast(envelope))
                    for target in targets:
                        self._projector.apply(target, rows[target.row_id], commit, envelope, event)
                        touched[target.row_id] = target
            if self._announce:
                updates = (update_of(target, rows[row], commit.stream) for row, target in touched.items())
                delivery.updates.extend(update for update in updates if update)
            deliveries.append(delivery)
        return deliveries


def _dead(commit: Commit, error: Exception) -> DeadLetter:
    body = CommitMessage(commits=[CommitEntry(commit=commit)]).SerializeToString()
    return DeadLetter(body, f"{type(error).__name__}: {error}")

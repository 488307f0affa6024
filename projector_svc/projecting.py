"""Projecting: applies events to rows, each once and in its stream's order, whatever order they come in."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message

from kernel.contract import Contract, View, aggregate_of, fill_from
from kernel.errors import Poison
from kernel.ports import EventStore, RowId
from kernel.projection import Projection, Recorded
from kernel.upcasting import EventReader
from prism.envelope.v1.envelope_pb2 import Commit, Envelope, Update
from projector_svc.rows import LiveRow


@dataclass(frozen=True, slots=True)
class Target:
    """A row that an event belongs to, and the projection that keeps it."""

    projection: Projection[Any]
    view: View
    # Its place in generation 0.
    row_id: RowId

    def at(self, name: str) -> RowId:
        """Where it rests in a generation, by that one's stored name."""
        return RowId(name, self.row_id.partition, self.row_id.key)


class Projector:
    """The projections of one subscriber."""

    def __init__(
        self,
        contract: Contract,
        projections: Sequence[Projection[Any]],
        events: EventReader,
        store: EventStore,
    ) -> None:
        # Whose they are. Without projections, nobody's.
        self.subscriber = next((contract.views[item.view].subscriber for item in projections), "")
        self._events = events
        self._store = store
        self._by_aggregate: dict[str, list[tuple[Projection[Any], View]]] = {}
        for projection in projections:
            view = contract.views[projection.view]
            for aggregate in view.aggregates:
                self._by_aggregate.setdefault(aggregate, []).append((projection, view))

    def targets(self, stream: str, event: Message) -> Iterator[Target]:
        """The rows that an event of a stream belongs to."""
        for projection, view in self._by_aggregate.get(aggregate_of(stream), ()):
            if place := projection.row(event):
                yield Target(projection, view, RowId(view.name, *place))

    def apply(
        self, target: Target, row: LiveRow, commit: Commit, envelope: Envelope, event: Message
    ) -> Iterator[Envelope]:
        """Brings a row up to an event: drops a repeat, fills a gap from the event store. Poison where that
        does not have the event's commit.

        Yields the envelope of each event that the row has just taken in, the missed ones first.
        """
        version, number = row.progress.get(commit.stream, (0, 0))
        if envelope.version <= version:
            return
        if envelope.version > version + 1:
            yield from self._fill_gap(target, row, commit, envelope.version, number)
        yield self._step(target, row, commit.number, envelope, event)

    def _fill_gap(
        self, target: Target, row: LiveRow, commit: Commit, before: int, number: int
    ) -> Iterator[Envelope]:
        # From the last commit itself: it may hold later events that this row has not seen.
        for earlier in self._store.read(commit.stream, after=max(0, number - 1)):
            for envelope in earlier.events:
                seen, _ = row.progress.get(commit.stream, (0, 0))
                if seen < envelope.version < before:
                    event = self._events.read(envelope)
                    if target.projection.row(event) == (row.id.partition, row.id.key):
                        yield self._step(target, row, earlier.number, envelope, event)
            if earlier.number >= commit.number:
                return
        raise Poison(f"commit {commit.number} of {commit.stream!r} is ahead of its stream, which has no such")

    def _step(
        self, target: Target, row: LiveRow, number: int, envelope: Envelope, event: Message
    ) -> Envelope:
        # A copy, so that a projection that fails leaves the row as it was.
        view = type(row.view)()
        view.CopyFrom(row.view)
        take(row, view, target.projection, target.view, number, envelope, event)
        return envelope


def take(
    row: LiveRow,
    state: Any,  # noqa: ANN401 # the view's own type
    projection: Projection[Any],
    view: View,
    number: int,
    envelope: Envelope,
    event: Message,
) -> None:
    """Makes `state`, the row's view or a copy of it, the row's view after an event of commit `number`.

    `state` is changed in place, and half changed if the projection fails.
    """
    stream = envelope.stream
    state = projection.apply(state, event, Recorded(stream, envelope.version, envelope.time))
    if versioned(view) and aggregate_of(stream) == view.aggregates[0]:
        state.version = envelope.version
    row.view = state
    row.progress[stream] = (envelope.version, number)
    row.changed = True


def versioned(view: View) -> bool:
    """Whether the view shows the version of its first aggregate's stream."""
    return "version" in view.message.DESCRIPTOR.fields_by_name


def update_of(target: Target, row: LiveRow, stream: str) -> Update | None:
    """What to tell of a row that reflects a stream's event; None for a view that nobody follows."""
    view = target.view
    if not view.topics or not row.view.version:
        return None
    return Update(
        view=view.name,
        topics=[fill_from(topic, row.view) for topic in view.topics],
        owner=getattr(row.view, view.owner_field) if view.owner_field else "",
        version=row.view.version,
        data=row.view.SerializeToString(deterministic=True),
        stream=stream,
        stream_version=row.progress[stream][0],
        # Sums up what each stream has come to: it rises with every save, whichever replica makes it.
        revision=sum(version for version, _ in row.progress.values()),
    )

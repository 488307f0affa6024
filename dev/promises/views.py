"""Views say what happened and equal a rebuild, and screens show them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from dev.promises.history import CONTRACT, READER, History
from dev.promises.pictures import pictures
from dev.promises.screen import stored_views
from kernel.ports import EventStore, RowId
from prism.envelope.v1.envelope_pb2 import Commit, ViewRow
from projector_svc import shop as read_side
from projector_svc.projecting import Projector
from projector_svc.rows import LiveRow


class DirectStore:
    """The event store without the network: as much of it as a rebuild asks for."""

    def __init__(self, commits: Mapping[str, Sequence[Commit]]) -> None:
        self._commits = commits

    def read(self, stream: str, after: int = 0, limit: int | None = None) -> list[Commit]:
        """The stream's commits."""
        return list(self._commits.get(stream, ())[after:][:limit])


def views_equal_a_rebuild(history: History) -> Iterator[str]:
    """Byte for byte, every row of every view."""
    rows: dict[RowId, LiveRow] = {}
    store = cast("EventStore", DirectStore(history.commits))
    projector = Projector(CONTRACT, read_side.PROJECTIONS, READER, store)
    for stream, commits in history.commits.items():
        for commit in commits:
            for envelope in commit.events:
                event = READER.read(envelope)
                for target in projector.targets(stream, event):
                    message = target.view.message
                    row = rows.setdefault(target.row_id, LiveRow(target.row_id, message()))
                    list(projector.apply(target, row, commit, envelope, event))
    stored = history.rows
    for id_ in sorted(rows.keys() | stored.keys(), key=str):
        if id_ not in stored:
            yield f"view {id_.view}/{id_.key} is missing"
        elif id_ not in rows:
            yield f"view {id_.view}/{id_.key} should not be"
        elif stored[id_] != rows[id_].stored():
            live = CONTRACT.views[id_.view].message.FromString(ViewRow.FromString(stored[id_]).data)
            yield f"view {id_.view}/{id_.key} differs from a rebuild: {live} instead of {rows[id_].view}"


def views_say_what_happened(history: History) -> Iterator[str]:
    """Every row is what the contract makes of the events."""
    rows = pictures(history.events)
    for id_ in sorted(rows.keys() | history.rows.keys(), key=str):
        if id_ not in history.rows:
            yield f"view {id_.view}/{id_.key} is missing"
        elif id_ not in rows:
            yield f"view {id_.view}/{id_.key} should not be"
        else:
            shown = type(rows[id_]).FromString(ViewRow.FromString(history.rows[id_]).data)
            if shown != rows[id_]:
                yield f"view {id_.view}/{id_.key} shows {shown}, and what happened is {rows[id_]}"


def screens_show_what_is_stored(history: History) -> Iterator[str]:
    """Whoever followed the stream, and refetched when told to, has seen everything, once and in order."""
    for screen in history.screens:
        who = f"screen of {screen.subject}"
        yield from (f"{who}: {complaint}" for complaint in screen.complaints)
        stored = stored_views(history.rows, screen.subject, screen.topics)
        for row in sorted(stored.keys() | screen.shown.keys()):
            if stored.get(row) != screen.shown.get(row):
                yield f"{who} shows {row} as {screen.shown.get(row)}, stored is {stored.get(row)}"
        if "commands" in screen.topics:
            for accepted in history.accepted:
                if accepted.subject == screen.subject and accepted.command_id not in screen.commands:
                    yield f"{who} was never told of {accepted.said} ({accepted.command_id})"
        if "activity" in screen.topics:
            events = {recorded.envelope.id for events in history.events.values() for recorded in events}
            if missing := events - screen.events:
                yield f"{who} was never told of {sorted(missing)}"

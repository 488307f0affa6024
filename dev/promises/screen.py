"""A screen that follows the stream: what it shows, what it has heard of, and what should not have happened to it."""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from kernel import contract
from kernel.encoding import to_document
from kernel.ports import RowId
from prism.envelope.v1.envelope_pb2 import Commit, ViewRow

CONTRACT = contract.load()
# What a row of a view is known by.
ID_FIELDS = {"cart": "cartId", "order": "orderId", "product": "productId"}

Shown = dict[tuple[str, str], Any]


class Screen:
    """One subject's. `fetch` is called when it is told to: it puts what is stored by `refetch`."""

    def __init__(self, subject: str, topics: tuple[str, ...], fetch: Callable[["Screen"], None]) -> None:
        self.subject = subject
        self.topics = topics
        # By view and id: the view as it is shown.
        self.shown: Shown = {}
        # Commands and events that it has heard of, by the stream or by fetching.
        self.commands: set[str] = set()
        self.events: set[str] = set()
        self.resets = 0
        self.complaints: list[str] = []
        self._fetch = fetch
        # Of what the stream said since the last reset.
        self._versions: dict[tuple[str, str], int] = {}
        self._told: set[tuple[str, str]] = set()

    def hear(self, event: str, data: dict[str, Any]) -> None:
        """One message of the stream."""
        if event == "reset":
            self.resets += 1
            self._versions.clear()
            self._told.clear()
            self._fetch(self)
        elif event == "command":
            self._hear_once("command", data["commandId"])
            self.commands.add(data["commandId"])
        elif event == "activity":
            self._hear_once("event", data["data"]["eventId"])
            self.events.add(data["data"]["eventId"])
        else:
            row = event, data["data"][ID_FIELDS[event]]
            if data["version"] < self._versions.get(row, 0):
                self.complaints.append(f"{row} went back from {self._versions[row]} to {data['version']}")
            self._versions[row] = data["version"]
            self.shown[row] = data["data"]

    def refetch(self, rows: Mapping[RowId, bytes], commits: Iterable[Commit]) -> None:
        """Shows what is stored: these rows, and what these commits tell of commands and events."""
        self.shown = stored_views(rows, self.subject, self.topics)
        for commit in commits:
            self.commands |= {outcome.command_id for outcome in commit.outcomes}
            self.events |= {event.id for event in commit.events}

    def _hear_once(self, kind: str, id_: str) -> None:
        if (kind, id_) in self._told:
            self.complaints.append(f"{kind} {id_} was told twice")
        self._told.add((kind, id_))


def stored_views(rows: Mapping[RowId, bytes], subject: str, topics: tuple[str, ...]) -> Shown:
    """The stored views that a subject follows by its topics, as JSON has them."""
    found = {}
    for id_, stored in rows.items():
        if id_.view not in ID_FIELDS:
            continue
        view = CONTRACT.views[id_.view]
        message: Any = view.message.FromString(ViewRow.FromString(stored).data)
        owner = getattr(message, view.owner_field) if view.owner_field else ""
        followed = f"{id_.view}/{id_.key}" in topics or f"{id_.view}s" in topics
        # A row without a version was made by another stream than its own, and is told of by nobody.
        if followed and message.version and owner in ("", subject):
            found[id_.view, id_.key] = json.loads(json.dumps(to_document(message)))
    return found

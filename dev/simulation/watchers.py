"""Who follows the stream: keeps what a screen would show, reconnects with the last id, refetches when told to."""

import json
from collections.abc import Iterator
from typing import Any

from dev.simulation.processes import CONTRACT, Site, StreamProcess
from dev.simulation.world import Process, surviving
from kernel.encoding import to_document
from prism.envelope.v1.envelope_pb2 import Commit, ViewRow
from stream_svc.cursors import parse
from stream_svc.hub import Hub
from stream_svc.subscription import Ended, Interest, Subscription

# What a row of a view is known by.
ID_FIELDS = {"cart": "cartId", "order": "orderId", "product": "productId"}
CUTS = 0.03


class Watcher:
    """One screen."""

    def __init__(self, site: Site, subject: str, topics: tuple[str, ...]) -> None:
        self.subject = subject
        self.topics = topics
        # By view and id: the view as it is shown.
        self.shown: dict[tuple[str, str], Any] = {}
        # Commands and events that it has heard of, by the stream or by fetching.
        self.commands: set[str] = set()
        self.events: set[str] = set()
        self.resets = 0
        self.complaints: list[str] = []
        # Of what the stream said since the last reset.
        self._versions: dict[tuple[str, str], int] = {}
        self._told: set[tuple[str, str]] = set()
        self._site = site
        self._subscription: Subscription | None = None
        self._hub: Hub | None = None
        self._last_id: str | None = None
        self._rest = ""
        self._actor = site.world.start(f"screen-{subject}", Process(f"screen-{subject}"), self._life)

    def catch_up(self) -> None:
        """Takes all that waits. For the conductor, at rest."""
        while self._subscription is None or self._take():
            if self._subscription is None:
                self._connect()

    def _life(self) -> None:
        world = self._site.world
        while True:
            with surviving(world):
                while True:
                    self._turn()

    def _turn(self) -> None:
        world = self._site.world
        dice = world.current.dice
        if self._subscription is None:
            world.sleep(dice.uniform(0, 0.5))
            self._connect()
        elif dice.random() < CUTS:
            self._cut()
        elif not self._take():
            waiting = self._site.redis.waiting
            if self._actor not in waiting:
                waiting.append(self._actor)
            world.park()
            world.sleep(dice.uniform(0, 0.5))

    def _connect(self) -> None:
        streams = [process for process in self._site.streams if process.reader._loaded.is_set()]
        if not streams:
            self._site.world.sleep(1.0)
            return
        stream: StreamProcess = self._site.world.current.dice.choice(streams)
        hub = stream.hub
        after = parse(self._last_id) if self._last_id else None
        if after is not None and hub.is_ahead(after):
            # As Reader.catch_up does, on the simulated clock.
            self._site.world.sleep(2.0)
        if stream.hub is not hub or hub.closed:
            return
        start = hub.end.id
        self._subscription = hub.subscribe(Interest(self.subject, self.topics), after)
        self._hub = hub
        if after is None:
            self._last_id = start
            # A screen that opens: it fetches once it is subscribed.
            self._fetch()

    def _cut(self) -> None:
        assert self._hub
        assert self._subscription
        self._hub.unsubscribe(self._subscription)
        self._subscription, self._rest = None, ""

    def _take(self) -> bool:
        assert self._subscription
        try:
            taken = self._subscription.take(0)
        except Ended:
            self._cut()
            return False
        for id_, event, data in _messages(taken.decode()):
            about = data.get("topic", data.get("reason", ""))
            self._site.network.note(f"is told {event} {about} {data.get('version', '')} ({id_})")
            self._last_id = id_ or self._last_id
            self._hear(event, data)
        return bool(taken)

    def _hear(self, event: str, data: dict[str, Any]) -> None:
        if event == "reset":
            self.resets += 1
            self._versions.clear()
            self._told.clear()
            self._fetch()
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

    def _hear_once(self, kind: str, id_: str) -> None:
        if (kind, id_) in self._told:
            self.complaints.append(f"{kind} {id_} was told twice")
        self._told.add((kind, id_))

    def _fetch(self) -> None:
        """Reads everything that it shows, as it is stored now."""
        self.shown = stored_views(self._site, self.subject, self.topics)
        for commits in self._site.storage.events.commits.values():
            for data in commits:
                commit = Commit.FromString(data)
                self.commands |= {outcome.command_id for outcome in commit.outcomes}
                self.events |= {event.id for event in commit.events}


def stored_views(site: Site, subject: str, topics: tuple[str, ...]) -> dict[tuple[str, str], Any]:
    """The stored views that a subject follows by its topics."""
    found = {}
    for id_, (stored, _) in site.storage.views.rows.items():
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


def _messages(text: str) -> Iterator[tuple[str | None, str, dict[str, Any]]]:
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.split("\n") if line)
        if "event" in fields:
            yield fields.get("id"), fields["event"], json.loads(fields["data"])

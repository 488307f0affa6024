"""Who follows the stream: keeps what a screen would show, reconnects with the last id, refetches when told to."""

import json
from collections.abc import Iterator
from typing import Any

from dev.promises.screen import Screen
from dev.simulation.processes import Site, StreamProcess
from dev.simulation.world import Process, surviving
from prism.envelope.v1.envelope_pb2 import Commit
from stream_svc.cursors import parse
from stream_svc.hub import Hub
from stream_svc.subscription import Ended, Interest, Subscription

CUTS = 0.03


class Watcher:
    """One screen, and its connection."""

    def __init__(self, site: Site, subject: str, topics: tuple[str, ...]) -> None:
        self.screen = Screen(subject, topics, self._fetch)
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
        self._subscription = hub.subscribe(Interest(self.screen.subject, self.screen.topics), after)
        self._hub = hub
        if after is None:
            self._last_id = start
            # A screen that opens: it fetches once it is subscribed.
            self._fetch(self.screen)

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
            self.screen.hear(event, data)
        return bool(taken)

    def _fetch(self, screen: Screen) -> None:
        """Reads everything that it shows, as it is stored now."""
        storage = self._site.storage
        rows = {id_: data for id_, (data, _) in storage.views.rows.items()}
        stored = (Commit.FromString(data) for commits in storage.events.commits.values() for data in commits)
        screen.refetch(rows, stored)


def _messages(text: str) -> Iterator[tuple[str | None, str, dict[str, Any]]]:
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.split("\n") if line)
        if "event" in fields:
            yield fields.get("id"), fields["event"], json.loads(fields["data"])

"""Who follows the stream: keeps what a screen would show, reconnects with the last id, refetches when told to."""

import json
from collections.abc import Iterator
from typing import Any, cast

from dev.promises.screen import Screen
from dev.simulation.patching import SHORT_MEMORY
from dev.simulation.processes import EdgeMemory, Site, StreamProcess
from dev.simulation.world import NEVER, Process, surviving
from edge.queries import Views
from kernel import updates
from kernel.ports import Storage
from kernel.tokens import Caller
from prism.envelope.v1.envelope_pb2 import Commit
from stream_svc.cursors import parse
from stream_svc.hub import Hub
from stream_svc.subscription import Interest, Subscription

CUTS = 0.03


class Watcher:
    """One screen, and its connection."""

    def __init__(self, site: Site, subject: str, topics: tuple[str, ...]) -> None:
        self.screen = Screen(subject, topics, self._fetch)
        self._site = site
        self._subscription: Subscription | None = None
        self._messages: Iterator[bytes] = iter(())
        self._caller = Caller(subject, frozenset(), NEVER)
        self._hub: Hub | None = None
        self._last_id: str | None = None
        self._actor = site.world.start(f"screen-{subject}", Process(f"screen-{subject}"), self._life)

    def catch_up(self) -> None:
        """Takes all that waits. For the conductor, at rest."""
        while self._subscription is None or self._take() or self._subscription is None:
            if self._subscription is None:
                self._connect()
        if updates.CAPACITY <= SHORT_MEMORY:
            # Of what it told before a restart a stream_svc knows what Redis still keeps: repeats may pass.
            self.screen.complaints.clear()

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
        if self._last_id is None and self._site.world.current.dice.random() < 0.5:
            self._open()
        stream: StreamProcess = self._site.world.current.dice.choice(streams)
        hub = stream.hub
        after = parse(self._last_id) if self._last_id else None
        if after is not None and hub.is_ahead(after):
            # As Reader.catch_up does, on the simulated clock.
            self._site.world.sleep(2.0)
        if stream.hub is not hub or hub.closed:
            return
        start = hub.end.id if after is None else None
        self._subscription = hub.subscribe(Interest(self.screen.subject, self.screen.topics), after)
        self._messages = stream.blueprint.messages(self._subscription, self._caller, start)
        self._hub = hub
        if after is None:
            # A screen that opens: it fetches once it is subscribed.
            self._fetch(self.screen)

    def _open(self) -> None:
        """Shows what the edge answers, and goes on from the cursor that came with it, if one did."""
        views = Views(
            cast("Storage", self._site.storage),
            EdgeMemory(self._site.redis),
            self._site.settings.prism_namespace,
        )
        self._last_id = views.cursor()
        if self._last_id:
            self._fetch(self.screen)

    def _cut(self) -> None:
        assert self._hub
        assert self._subscription
        self._hub.unsubscribe(self._subscription)
        self._subscription = None

    def _take(self) -> bool:
        assert self._subscription
        taken = next(self._messages, None)
        if taken is None:
            self._cut()
            return False
        for id_, event, data in _blocks(taken.decode()):
            self._last_id = id_ or self._last_id
            if event:
                about = data.get("topic", data.get("reason", ""))
                self._site.network.note(f"is told {event} {about} {data.get('version', '')} ({id_})")
                self.screen.hear(event, data)
        # A heartbeat comes when nothing waits.
        return not taken.startswith(b": heartbeat")

    def _fetch(self, screen: Screen) -> None:
        """Reads everything that it shows, as it is stored now."""
        storage = self._site.storage
        rows = {id_: data for id_, (data, _) in storage.views.rows.items()}
        stored = (Commit.FromString(data) for commits in storage.events.commits.values() for data in commits)
        screen.refetch(rows, stored)


def _blocks(text: str) -> Iterator[tuple[str | None, str, dict[str, Any]]]:
    for block in filter(None, text.split("\n\n")):
        fields = dict(line.split(": ", 1) for line in block.split("\n") if not line.startswith(":"))
        yield fields.get("id"), fields.get("event", ""), json.loads(fields.get("data", "{}"))

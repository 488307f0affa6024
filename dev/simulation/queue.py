"""A queue in memory: kernel.ports.Queue, and no more than that promises.

Messages come in any order, a few or many at once, and one that is being handled may come again.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from dev.simulation import describing
from dev.simulation.faults import ALWAYS_POSSIBLE, Fault
from dev.simulation.network import MANY, Network, failing
from dev.simulation.world import Actor
from kernel.ports import Depth, Message, check_bodies, check_limit

# A consumer that was not rung looks for messages within so many seconds.
POLL_S = 1.0
RING_S = 0.002
# How often a queue answers fewer messages than it could.
SHORT_ANSWERS = 0.3


@dataclass(slots=True)
class Stored:
    """A message in a queue."""

    id: int
    body: bytes
    put_at: float
    visible_at: float
    deliveries: int = 0
    receipt: str = ""


class SimulatedQueue:
    """kernel.ports.Queue."""

    def __init__(self, name: str, network: Network) -> None:
        self.name = name
        self.messages: dict[int, Stored] = {}
        # Consumers that found nothing.
        self.waiting: list[Actor] = []
        # What renews the messages of which consumer.
        self.leases: dict[Actor, Actor] = {}
        self._network = network
        self._world = network.world
        self._numbers = 0
        self._dice = self._world.dice(f"queue/{name}")

    def put(self, bodies: Sequence[bytes], delay_s: float = 0) -> None:
        """As the port says."""
        check_bodies(bodies, delay_s)

        def put(body: bytes) -> None:
            self._numbers += 1
            now = self._world.now
            self.messages[self._numbers] = Stored(self._numbers, body, now, now + delay_s)
            self._wake(now + delay_s)

        self._network.call_many(
            lambda: (
                f"{self.name}: put {describing.bodies(self.name, bodies)}"
                + (f", visible in {delay_s:g} s" if delay_s else "")
            ),
            bodies,
            put,
            failing(f"{self.name}: put"),
            MANY | {Fault.TWICE},
        )

    def receive(self, limit: int = 32, visibility_s: float = 30) -> list[Message]:
        """A random choice of what is visible."""
        check_limit(limit)

        def receive() -> list[Message]:
            now, taken = self._world.now, []
            visible = [message for message in self.messages.values() if message.visible_at <= now]
            self._dice.shuffle(visible)
            few = self._dice.random() < SHORT_ANSWERS
            for message in visible[: self._dice.randint(1, 3) if few else limit]:
                message.visible_at = now + visibility_s
                message.deliveries += 1
                message.receipt = f"{message.id}/{message.deliveries}"
                taken.append(message)
            if len(taken) < len(visible):
                self._wake(now)
            elif taken:
                self._wake(now + visibility_s)
            return [_message(message) for message in taken]

        network, actor = self._network, self._world.current
        early = {Fault.EARLY} if self.messages else set()
        messages = network.call(
            lambda: f"{self.name}: receive",
            receive,
            failing(f"{self.name}: receive"),
            ALWAYS_POSSIBLE | early,
        )
        injected = network.faults.injected
        if injected and injected[-1].place == (actor.name, actor.calls) and injected[-1].fault is Fault.EARLY:
            at = self._world.now + network.faults.luck(actor).choice((0.0, 0.005, 0.05))
            for message in messages:
                self.messages[int(message.id)].visible_at = at
            self._wake(at)
        if messages:
            if lease := self.leases.get(actor):
                # It looks every third of the time, from its own beginning on.
                self._world.wake(lease, self._world.now + actor.dice.uniform(0, visibility_s / 3))
            if network.history is not None:
                got = (f"{m.receipt} {describing.bodies(self.name, [m.body])}" for m in messages)
                network.note(f"{self.name}: got {' | '.join(got)}")
        return messages

    def delete(self, messages: Sequence[Message]) -> None:
        """Each message on its own."""

        def delete(message: Message) -> None:
            if self._latest(message):
                del self.messages[int(message.id)]

        self._network.call_many(
            lambda: f"{self.name}: delete {', '.join(message.receipt for message in messages)}",
            messages,
            delete,
            failing(f"{self.name}: delete"),
        )

    def extend(self, messages: Sequence[Message], visibility_s: float) -> list[Message]:
        """Each message on its own."""

        def extend(message: Message) -> Message | None:
            stored = self._latest(message)
            if stored is None:
                return None
            stored.visible_at = self._world.now + visibility_s
            self._numbers += 1
            stored.receipt = f"{stored.id}/{stored.deliveries}+{self._numbers}"
            self._wake(stored.visible_at)
            return _message(stored)

        extended = self._network.call_many(
            lambda: f"{self.name}: extend {len(messages)} by {visibility_s:g} s",
            messages,
            extend,
            failing(f"{self.name}: extend"),
        )
        return [message for message in extended if message]

    def peek(self, limit: int = 32) -> list[Message]:
        """In one call."""
        visible = [m for m in self.messages.values() if m.visible_at <= self._world.now]
        return self._network.call(
            lambda: f"{self.name}: peek",
            lambda: list(map(_peeked, visible[:limit])),
            failing(f"{self.name}: peek"),
        )

    def depth(self) -> Depth:
        """As the port says."""
        return self._network.call(
            lambda: f"{self.name}: depth",
            lambda: Depth(len(self.messages), None),
            failing(f"{self.name}: depth"),
        )

    def wait(self) -> None:
        """Parks a consumer that found nothing until something may be visible."""
        actor = self._world.current
        if actor not in self.waiting:
            self.waiting.append(actor)
        if self.messages:
            next_at = min(message.visible_at for message in self.messages.values())
            self._world.sleep(max(next_at - self._world.now, 0) + actor.dice.uniform(0, POLL_S))
        else:
            self._world.park()

    def _wake(self, at: float) -> None:
        """One consumer is rung; the others find out by polling."""
        if self.waiting:
            rung = self._dice.choice(self.waiting)
            for actor in self.waiting:
                self._world.wake(actor, at + (RING_S if actor is rung else self._dice.uniform(0, POLL_S)))

    def _latest(self, message: Message) -> Stored | None:
        stored = self.messages.get(int(message.id))
        return stored if stored and stored.receipt == message.receipt else None


def _message(stored: Stored) -> Message:
    return Message(str(stored.id), stored.body, stored.receipt, stored.deliveries, stored.put_at)


def _peeked(stored: Stored) -> Message:
    return Message(str(stored.id), stored.body, "", stored.deliveries, stored.put_at)

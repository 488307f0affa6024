"""All consumers of the shop over one engine, in this process and without threads; time is the test's own."""

import time
from pathlib import Path

from kernel.consumer import Consumer
from kernel.dead_letters import DeadLetters
from kernel.embedded.storage import EmbeddedStorage
from kernel.ports import Message
from prism.envelope.v1.envelope_pb2 import DeadLetter, Envelope
from tests.shop import Shop

# What settles in fewer rounds does not spin. A defect has five deliveries, two seconds apart.
ROUNDS = 40
ROUND_S = 2.5


class Workers:
    """The real consumers and handlers over an embedded engine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._now = time.time()
        self.storage = EmbeddedStorage(str(folder), self._clock)
        self.shop = Shop(self.storage)
        self.consumers = {
            name: Consumer(
                self.storage.queue(name), DeadLetters(self.storage, name), handler, clock=self._clock
            )
            for name, handler in self.shop.handlers.items()
        }

    def settle(self) -> None:
        """Until nothing comes again but what is left for a newer replica. An error if that takes for ever."""
        for _ in range(ROUNDS):
            while any(consumer.step() for consumer in self.consumers.values()):
                pass
            self._now += ROUND_S
            if not any(message.deliveries > 1 for name in self.consumers for message in self._visible(name)):
                return
        raise AssertionError("there is something that is tried again for ever")

    def pass_time(self, seconds: float) -> None:
        """Lets what is hidden for so long come back."""
        self._now += seconds

    def put(self, queue: str, *bodies: bytes) -> None:
        """Puts bodies into a queue, as whoever else reaches it may."""
        self.storage.queue(queue).put(bodies)

    def letters(self, queue: str) -> list[DeadLetter]:
        """The queue's dead letters."""
        return list(DeadLetters(self.storage, queue).page(limit=1000).values())

    def left(self, queue: str) -> list[bytes]:
        """What waits in a queue for a newer replica."""
        return [message.body for message in self._visible(queue)]

    def events(self, stream: str) -> list[Envelope]:
        """A stream's events."""
        return [event for commit in self.storage.events.read(stream) for event in commit.events]

    def _visible(self, queue: str) -> list[Message]:
        return self.storage.queue(queue).peek()

    def _clock(self) -> float:
        return self._now

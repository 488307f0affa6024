"""The domain pipeline alone, beside the yardstick: commands a second in one process, without HTTP.

Prism: the consumer and the command handler of domain_svc, over the embedded engine in a temporary folder,
receive up to 32 messages, decide, append, publish to the subscribers' queues and acknowledge, until a
queue that was filled before is empty. The yardstick adds the same items to as many carts: load, decide
and append, no queues. Every side has its carts, and its caches, before the clock starts.
"""

import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from threading import Event
from typing import Any

from dev.bench import shop
from dev.bench.figures import Rate, rate
from dev.bench.yardstick import Shop
from domain_svc.__main__ import DomainService
from kernel import settings
from kernel.collector import calm_collector
from kernel.dead_letters import DeadLetters
from kernel.embedded.storage import EmbeddedStorage
from kernel.ports import Message, Queue
from kernel.queues import COMMANDS
from prism.envelope.v1.envelope_pb2 import CommandMessage, Envelope

CARTS = 200
ROUNDS = 5
BATCH = 32
# A round of one side takes this share of `seconds`, at the rates that were seen when this was written.
COMMANDS_PER_SECOND = {"prism": 2000, "prism_packed": 4000, "library": 400}
DONE_WITHIN_S = 120


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Commands a second of each side, and ratios: medians of the rounds' own, for a round's sides run
    within seconds of each other on a machine that may be busy with other things."""

    carts: int
    # One command a message, and 32 in one, as the batch route and policies send them.
    prism: Rate
    prism_packed: Rate
    # One command a transaction, as the library is documented; then with Prism's durability.
    library: Rate
    library_relaxed: Rate
    # 32 commands a transaction; then with Prism's durability.
    library_batched: Rate
    library_batched_relaxed: Rate
    # `prism` to the library as it comes, to the same with equal durability, and batch to batch.
    ratio: float
    ratio_equal_durability: float
    ratio_batched_equal_durability: float


class ClosedQueue(Exception):
    """The commands were not handled in time, or became dead letters."""


class Acknowledged:
    """A queue that says when everything put into it so far is deleted again."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self._open = 0
        self.empty = Event()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 # the queue's own
        return getattr(self._queue, name)

    def put(self, bodies: Sequence[bytes], delay_s: float = 0) -> None:
        """Queues them."""
        self._open += len(bodies)
        self.empty.clear()
        self._queue.put(bodies, delay_s)

    def delete(self, messages: Sequence[Message]) -> None:
        """Removes them."""
        self._queue.delete(messages)
        self._open -= len(messages)
        if self._open == 0:
            self.empty.set()


class WatchedStorage(EmbeddedStorage):
    """The embedded engine with a commands queue that says when it is empty."""

    def __init__(self, folder: Path) -> None:
        super().__init__(str(folder))
        self.commands = Acknowledged(super().queue(COMMANDS))

    def queue(self, name: str) -> Queue:
        """The queue of that name."""
        return self.commands if name == COMMANDS else super().queue(name)


def measure(seconds: float) -> Pipeline:
    """Runs all sides in turn, ROUNDS times, each round from nothing. Takes about 3 times `seconds`."""

    def commands(side: str) -> int:
        return max(CARTS, int(COMMANDS_PER_SECOND[side] * seconds))

    sides: dict[str, Callable[[Path], float]] = {
        "prism": lambda folder: run_prism(folder, commands("prism"), 1),
        "library": lambda folder: run_library(folder, commands("library"), 1, relaxed=False),
        "prism_packed": lambda folder: run_prism(folder, commands("prism_packed"), BATCH),
        "library_relaxed": lambda folder: run_library(folder, commands("library"), 1, relaxed=True),
        "library_batched": lambda folder: run_library(folder, commands("library"), BATCH, relaxed=False),
        "library_batched_relaxed": lambda folder: run_library(
            folder, commands("library"), BATCH, relaxed=True
        ),
    }
    rates: dict[str, list[float]] = {side: [] for side in sides}
    for _ in range(ROUNDS):
        for side, run in sides.items():
            with tempfile.TemporaryDirectory(prefix="prism-bench-") as folder:
                rates[side].append(run(Path(folder)))
    found = {side: rate(rounds) for side, rounds in rates.items()}

    def ratio(one: str, other: str) -> float:
        pairs = zip(rates[one], rates[other], strict=True)
        return round(statistics.median(ours / theirs for ours, theirs in pairs), 2)

    return Pipeline(
        carts=CARTS,
        **found,
        ratio=ratio("prism", "library"),
        ratio_equal_durability=ratio("prism", "library_relaxed"),
        ratio_batched_equal_durability=ratio("prism", "library_batched_relaxed"),
    )


def run_prism(folder: Path, commands: int, a_message: int) -> float:
    """Commands a second through Prism's pipeline, so many in a message."""
    environment = {
        "PRISM_DATA_DIR": str(folder),
        "PRISM_DOMAIN_EXCLUSIVE": "true",
        # Nobody is there to be rung.
        "PRISM_DOORBELL": "false",
    }
    storage = WatchedStorage(folder)
    service = DomainService(settings.load(environment), storage)
    carts = shop.cart_ids(CARTS)
    fill(storage, [shop.register(product_id) for product_id in shop.PRODUCTS], 1)
    fill(storage, [shop.add(*item) for item in islice(shop.items(carts), CARTS)], 1)
    # As the service does when it has started.
    calm_collector()
    service.commands.start()
    try:
        drained(storage)
        service.commands.pause()
        fill(storage, [shop.add(*item) for item in islice(shop.items(carts), commands)], a_message)
        started = time.perf_counter()
        service.commands.resume()
        drained(storage)
        took = time.perf_counter() - started
    finally:
        service.commands.stop()
        dead = DeadLetters(storage, COMMANDS).count()
        storage.close()
    if dead:
        raise ClosedQueue(f"{dead} messages became dead letters")
    return commands / took


def fill(storage: WatchedStorage, commands: Sequence[Envelope], a_message: int) -> None:
    """Queues commands."""
    bodies = [
        CommandMessage(commands=commands[first : first + a_message]).SerializeToString()
        for first in range(0, len(commands), a_message)
    ]
    storage.commands.put(bodies)


def drained(storage: WatchedStorage) -> None:
    """Returns when the queue is empty."""
    if not storage.commands.empty.wait(DONE_WITHIN_S):
        raise ClosedQueue(f"the commands were not handled within {DONE_WITHIN_S} s")


def run_library(folder: Path, commands: int, a_save: int, *, relaxed: bool) -> float:
    """Commands a second through the yardstick, so many in a transaction."""
    carts = shop.cart_ids(CARTS)
    with Shop(folder / "library.db", CARTS) as library:
        if relaxed:
            library.relax()
        library.open_carts(carts, shop.SUBJECT)
        library.add_items(shop.SUBJECT, list(islice(shop.items(carts), CARTS)))
        work = list(islice(shop.items(carts), commands))
        started = time.perf_counter()
        for first in range(0, commands, a_save):
            library.add_items(shop.SUBJECT, work[first : first + a_save])
        return commands / (time.perf_counter() - started)

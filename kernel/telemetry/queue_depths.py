"""How much waits in a worker's queues, asked of storage when Prometheus scrapes."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from threading import Lock
from typing import Any

from prometheus_client.metrics_core import GaugeMetricFamily

from kernel.dead_letters import DeadLetters
from kernel.errors import StorageUnavailable
from kernel.ports import Depth, Storage
from kernel.telemetry.metrics import DEAD_LETTERS, DECLARED, QUEUE_AGE, QUEUE_MESSAGES

logger = logging.getLogger(__name__)

# Several scrapers, or an impatient one, cost storage no more than one.
KEEP_S = 5.0


class QueueDepths:
    """A prometheus_client collector. A queue that cannot be asked has no sample; nothing is raised.

    Two questions a queue (it, and its dead letters), once in KEEP_S at most.
    """

    def __init__(
        self, storage: Storage, names: list[str], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._queues = {name: storage.queue(name) for name in names}
        self._dead_letters = {name: DeadLetters(storage, name) for name in names}
        self._clock = clock
        self._lock = Lock()
        self._asked_at = -KEEP_S
        self._known: Mapping[str, tuple[Depth, int]] = {}

    def describe(self) -> list[Any]:
        """Nothing, so that registering asks storage nothing."""
        return []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The gauges. Blocks for as long as storage does."""
        with self._lock:
            if self._clock() - self._asked_at >= KEEP_S:
                self._known = self._ask()
                self._asked_at = self._clock()
            known = self._known
        waiting, age, dead = (_family(name) for name in (QUEUE_MESSAGES, QUEUE_AGE, DEAD_LETTERS))
        for name, (depth, letters) in known.items():
            waiting.add_metric([name], depth.messages)
            age.add_metric([name], depth.oldest_age_s or 0.0)
            dead.add_metric([name], letters)
        yield from (waiting, age, dead)

    def _ask(self) -> dict[str, tuple[Depth, int]]:
        known: dict[str, tuple[Depth, int]] = {}
        try:
            for name, queue in self._queues.items():
                known[name] = queue.depth(), self._dead_letters[name].count()
        except StorageUnavailable as error:
            # The others would take as long to fail.
            logger.warning("queues cannot be measured: %s", error)
        return known


def _family(name: str) -> GaugeMetricFamily:
    [declared] = [metric for metric in DECLARED if metric.name == name]
    return GaugeMetricFamily(name, declared.meaning, labels=declared.labels)

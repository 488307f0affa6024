"""A build: one process's scan for a rebuild, in a thread of its own."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from threading import Event, Thread

from kernel.errors import StorageUnavailable
from kernel.generations import Stamps
from kernel.redis import RedisUnavailable
from prism.envelope.v1.envelope_pb2 import Generations
from projector_svc.rebuild.filling import Filling, Unprojectable
from projector_svc.rebuild.lifecycle import Work, work_of
from projector_svc.rebuild.sharing import computing

logger = logging.getLogger(__name__)
RETRY_S = 0.5


@dataclass(slots=True)
class Rate:
    """Events a second, over all the time since it was made."""

    began_at: float
    done: int

    def of(self, done: int) -> float:
        """The rate, now that so many are done."""
        return max(0, done - self.done) / max(1e-3, time.monotonic() - self.began_at)


class Build:
    """Fills a generation until it has every event; whoever started it asks `finished` and `failure`.

    Its scan counts only under one stamp: writers that saw it write to this generation, too. If Redis says
    another one at the end (it was replaced by an older copy of itself, perhaps), nobody knows what they
    saw, and it scans again. Waits for Redis, and for storage, as long as it takes.
    """

    def __init__(
        self,
        view: str,
        building: Generations.Building,
        filling: Filling,
        stamps: Stamps,
        wake: Callable[[], None],
    ) -> None:
        self.view = view
        self.number = building.number
        self.work: Work = work_of(building)
        self.finished = False
        self.failure = ""
        self._filling = filling
        self._stamps = stamps
        self._wake = wake
        self._stopping = Event()
        self._thread = Thread(target=self._run, name=f"build-{view}", daemon=True)

    def start(self) -> None:
        """Begins, or goes on where the last builder was."""
        self._thread.start()

    def abandon(self, timeout_s: float | None = 0) -> None:
        """Lets it end after the batch at hand, and waits for that up to `timeout_s`."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)

    def _run(self) -> None:
        try:
            with computing():
                while not self._stopping.is_set() and not self.finished:
                    try:
                        self.finished = self._scan()
                    except (StorageUnavailable, *RedisUnavailable) as error:
                        logger.warning("the rebuild of %s waits: %s", self.view, error)
                        self._stopping.wait(RETRY_S)
        except Unprojectable as error:
            self.failure = str(error)
        except Exception as error:  # a defect ends the rebuild, not the service
            logger.exception("the rebuild of %s failed", self.view)
            self.failure = f"{type(error).__name__}: {error}"
        self._wake()

    def _scan(self) -> bool:
        """Scans from where it is to the end; answers whether that counts."""
        filling, stamp = self._filling, self.work.stamp
        if not stamp or self._stamp() != stamp:
            stamp = self._stamps.renew(self.view)
            self.work = replace(self.work, stamp=stamp, after="", done=0)
        if not self.work.total:
            self.work = replace(self.work, total=filling.count())
        filling.after, filling.done = self.work.after, self.work.done
        rate = Rate(time.monotonic(), filling.done)
        for _ in filling.run():
            self.work = replace(self.work, after=filling.after, done=filling.done, rate=rate.of(filling.done))
            if self._stopping.is_set():
                return False
        return self._stamp() == stamp

    def _stamp(self) -> str:
        return self._stamps.read([self.view])[self.view]

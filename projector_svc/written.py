"""The generations that a consumer writes, and how it learns of new ones without asking storage."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence

from kernel.generations import Pointers, Stamps, names_written, number_of, view_of
from kernel.redis import RedisUnavailable
from projector_svc.rebuild import lifecycle

logger = logging.getLogger(__name__)

# What was learned longer ago is looked at again before a batch: a generation may be gone.
IDLE_S = 0.5
# After a failure Redis is left alone for so long: a server that hangs would cost every batch its timeout.
PAUSE_S = 1.0


class Written:
    """By view, the stored names of the generations to write. Not safe for threads: each consumer has one.

    Without Redis the pointers are read from storage at every look. `changes` counts those that the process
    has heard of otherwise: a Redis that comes back older than it was says nothing of them any more.
    """

    def __init__(
        self,
        views: Sequence[str],
        pointers: Pointers,
        stamps: Stamps | None,
        changes: Callable[[], int] = lambda: 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._views = list(views)
        self._pointers = pointers
        self._stamps = stamps
        self._changes = changes
        self._clock = clock
        self._names: dict[str, tuple[str, ...]] = {}
        # The changes and stamps under which the pointers were read; None: unknown.
        self._seen: tuple[int, dict[str, str]] | None = None
        self._looked_at = 0.0
        self._away_until = 0.0
        # Those that could not take an event, and need no other.
        self.given_up: set[str] = set()

    def names(self) -> Mapping[str, tuple[str, ...]]:
        """What to write a batch to, each view's live generation first."""
        if not self._names or self._clock() - self._looked_at > IDLE_S:
            return self.look()
        return self._names

    def look(self) -> Mapping[str, tuple[str, ...]]:
        """The same, as it is now: one round trip to Redis while nothing has changed."""
        self._looked_at = self._clock()
        # Before the pointers: one that changes in between shows at the next look.
        stamps = self._read_stamps()
        seen = None if stamps is None else (self._changes(), stamps)
        if seen is None or seen != self._seen:
            self._names = names_written(self._pointers.read(self._views))
            self._seen = seen
        return self._names

    def give_up(self, name: str, error: Exception) -> None:
        """Ends the rebuild whose generation cannot take an event that the live one has taken."""
        self.given_up.add(name)
        view, number = view_of(name), number_of(name)
        reason = f"an event could not be taken: {type(error).__name__}: {error}"
        logger.warning("the rebuild of %s ends: %s", name, reason, exc_info=error)
        self._pointers.change(view, lambda generations: lifecycle.end(generations, number, reason))

    def _read_stamps(self) -> dict[str, str] | None:
        if self._stamps is None or self._clock() < self._away_until:
            return None
        try:
            stamps = self._stamps.read(self._views)
        except RedisUnavailable as error:
            logger.warning("generations are read from storage: %s", error)
            self._away_until = self._clock() + PAUSE_S
            return None
        return stamps if all(stamps.values()) else None

"""Retiring: what becomes of generations that are not read any more, until their rows are gone.

retired     still written, for readers that have not noticed
dropping    written by nobody who has heard of it; the stamp is renewed, so that all hear
(none)      its rows are dropped, and its number is gone for good

A consumer that stood still for longer than WRITE_GRACE_S in the middle of a batch may leave rows behind in a
generation that is gone. Nobody reads them, and the next drop of the view takes them with it.
"""

import logging
from collections.abc import Callable, Sequence
from threading import Thread

from kernel.generations import READERS_TTL_S, Pointers, stored_name
from kernel.ports import ViewStore
from prism.envelope.v1.envelope_pb2 import Generations
from projector_svc.rebuild import lifecycle
from projector_svc.rebuild.observing import Since

logger = logging.getLogger(__name__)

# How long a retired generation is still written: a reader may hold its name for a TTL, and list its rows for
# some seconds more. And how long a dropping one is left alone, for a batch that is being written.
READ_GRACE_S = 5 * READERS_TTL_S
WRITE_GRACE_S = 2.0


class Retiring:
    """Tends retired generations, look by look. `tell` says that a pointer changed, and whether all can hear."""

    def __init__(
        self,
        store: ViewStore,
        pointers: Pointers,
        since: Since,
        tell: Callable[[str], bool],
        wake: Callable[[], None],
    ) -> None:
        self._store = store
        self._pointers = pointers
        self._since = since
        self._tell = tell
        self._wake = wake
        self._drops: dict[str, Drop] = {}

    def tend(self, view: str, generations: Generations) -> None:
        """Takes each of a view's retired generations a step further, if its time has come."""
        for item in generations.retired:
            if item.dropping:
                self._tend_dropping(view, item.number, generations)
            elif self._since.seconds((view, item.number, "retired")) >= READ_GRACE_S:
                self._drop(view, item.number)

    def _drop(self, view: str, number: int) -> None:
        self._pointers.change(view, lambda found: lifecycle.drop(found, number))
        self._wake()

    def _tend_dropping(self, view: str, number: int, generations: Generations) -> None:
        name = stored_name(view, number)
        told = (view, number, "told")
        if drop := self._drops.get(name):
            if not drop.is_alive():
                del self._drops[name]
                if drop.done:
                    self._pointers.change(view, lambda found: lifecycle.forget(found, number))
                    logger.info("the rows of %s are dropped", name)
        # Each process says it once itself: who began this may have died before it did.
        elif not self._since.knows(told) and not self._tell(view):
            return
        elif self._since.seconds(told) >= WRITE_GRACE_S:
            gone = [stored_name(view, other) for other in lifecycle.gone(generations) if other < number]
            self._drops[name] = Drop(self._store, [*gone, name], self._wake)
            self._drops[name].start()


class Drop(Thread):
    """Drops the rows of generations in a thread of its own: it may take minutes, and heartbeats must not wait
    for it."""

    def __init__(self, store: ViewStore, names: Sequence[str], wake: Callable[[], None]) -> None:
        super().__init__(name=f"drop-{names[-1]}", daemon=True)
        self.done = False
        self._store = store
        self._names = names
        self._wake = wake

    def run(self) -> None:
        """Drops; one that fails is done again."""
        try:
            for name in self._names:
                self._store.drop(name)
            self.done = True
        except Exception as error:  # noqa: BLE001 # most likely storage is away
            logger.warning("the rows of %s are still there: %s", self._names[-1], error)
        self._wake()

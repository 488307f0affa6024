"""The caretaker: one thread a process that drives every view's generations through their life.

It takes rebuilds that nobody builds, or whose builder has fallen silent; keeps its own builder's heartbeat;
puts what is built in the place of what was live; and drops what nobody reads any more. Every step is one
change of a pointer row, made by whoever is first: any number of caretakers may work on the same views, and
each may die at any point.
"""

import logging
import os
import secrets
import socket
import time
from collections.abc import Callable, Sequence
from threading import Event, Thread

from kernel.errors import StorageUnavailable
from kernel.generations import Pointers, Stamps, names_written, stored_name
from kernel.ports import ViewStore
from kernel.redis import RedisUnavailable
from prism.envelope.v1.envelope_pb2 import Generations
from projector_svc.rebuild import lifecycle
from projector_svc.rebuild.build import Build
from projector_svc.rebuild.filling import Filling
from projector_svc.rebuild.observing import Since
from projector_svc.rebuild.retiring import Retiring

logger = logging.getLogger(__name__)

# Between looks while something is under way; at the stamps else; and at the pointers, whatever the stamps say.
BUSY_S, IDLE_S, SURE_S = 0.5, 1.0, 30.0
# A builder that has not moved its heartbeat for so long is dead.
SILENT_S = 5.0
STOP_WAIT_S = 5.0

# Makes what fills a generation, given its view and its stored name.
MakeFilling = Callable[[str, str], Filling]


class Caretaker:
    """Takes care from `start` to `stop`."""

    def __init__(
        self,
        store: ViewStore,
        stamps: Stamps,
        views: Sequence[str],
        filling: MakeFilling,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        # Names this process, for good: no later one has its name.
        self.name = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        self._pointers = Pointers(store)
        self._stamps = stamps
        self._views = views
        self._filling = filling
        self._clock = clock
        self._build: Build | None = None
        self._known: dict[str, Generations] | None = None
        self._names: dict[str, tuple[str, ...]] = {}
        self._changes = 0
        self._seen: dict[str, str] = {}
        self._read_at = 0.0
        self._since = Since(clock)
        self._retiring = Retiring(store, self._pointers, self._since, self.tell, self.wake)
        self._bell = Event()
        self._stopping = Event()
        self._thread = Thread(target=self._run, name="caretaker", daemon=True)

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def wake(self) -> None:
        """Says that a pointer was changed here. Returns at once."""
        self._bell.set()

    def changes(self) -> int:
        """How often it has seen that something else is to be written than before."""
        return self._changes

    def stop(self) -> None:
        """Ends, and leaves its rebuild to the next one. Waits up to STOP_WAIT_S."""
        self._stopping.set()
        self._bell.set()
        if self._thread.ident is not None:
            self._thread.join(STOP_WAIT_S + 1)

    def _run(self) -> None:
        while not self._stopping.is_set():
            rung = self._bell.is_set()
            self._bell.clear()
            wait_s = BUSY_S
            try:
                wait_s = self.tick(rung=rung)
            except StorageUnavailable as error:
                logger.warning("the caretaker waits: %s", error)
            except Exception:  # it must outlive whatever it meets
                logger.exception("the caretaker failed, and goes on")
            self._bell.wait(wait_s)
        self.leave()

    def leave(self) -> None:
        """Ends the build at hand and says that somebody else may go on with it."""
        build, self._build = self._build, None
        if build is None:
            return
        build.abandon(STOP_WAIT_S)
        try:
            self._pointers.change(
                build.view, lambda found: lifecycle.release(found, build.number, self.name, build.work)
            )
        except StorageUnavailable as error:
            logger.warning("the rebuild of %s is not given back, it will be taken: %s", build.view, error)

    def tick(self, *, rung: bool = False) -> float:
        """Does what there is to do; answers how long there is nothing else, in seconds."""
        if not rung and self._at_rest():
            return IDLE_S
        self._known = self._pointers.read(self._views)
        self._read_at = self._clock()
        if self._names != (names := names_written(self._known)):
            self._names = names
            self._changes += 1
        for view, generations in self._known.items():
            self._tend_build(view, generations)
            # While a view is built its stamp is left alone: a build counts under one stamp.
            if not generations.HasField("building"):
                self._retiring.tend(view, generations)
        self._since.tidy()
        return BUSY_S if self._busy() else IDLE_S

    def _at_rest(self) -> bool:
        """Whether nothing is under way, as far as can be known without storage."""
        if self._known is None or self._busy():
            return False
        seen = self._known_stamps()
        if seen is None:
            return self._clock() - self._read_at < SILENT_S
        changed, self._seen = seen != self._seen, seen
        return not changed and self._clock() - self._read_at < SURE_S

    def _known_stamps(self) -> dict[str, str] | None:
        try:
            return self._stamps.read(self._views)
        except RedisUnavailable:
            return None

    def _busy(self) -> bool:
        known = (self._known or {}).values()
        return self._build is not None or any(g.HasField("building") or g.retired for g in known)

    def _tend_build(self, view: str, generations: Generations) -> None:
        build = self._build
        if build is not None and build.view == view:
            self._tend_own(build)
        elif generations.HasField("building") and build is None:
            building = generations.building
            mark = (view, building.number, f"{building.builder} {building.heartbeat.ToNanoseconds()}")
            if not building.builder or self._since.seconds(mark) >= SILENT_S:
                self._claim(view, building)

    def _claim(self, view: str, seen: Generations.Building) -> None:
        found = self._pointers.change(view, lambda item: lifecycle.claim(item, seen, self.name))
        if not lifecycle.owned(found, seen.number, self.name):
            return
        logger.info("building generation %d of %s, from %r", seen.number, view, found.building.after)
        filling = self._filling(view, stored_name(view, seen.number))
        self._build = Build(view, found.building, filling, self._stamps, self.wake)
        self._build.start()

    def _tend_own(self, build: Build) -> None:
        number, me = build.number, self.name

        def step(found: Generations) -> None:
            if build.failure:
                if lifecycle.owned(found, number, me):
                    lifecycle.end(found, number, build.failure)
            elif build.finished:
                lifecycle.promote(found, number, me, build.work)
            else:
                lifecycle.beat(found, number, me, build.work)

        ended = build.failure or build.finished
        found = self._pointers.change(build.view, step)
        if lifecycle.owned(found, number, me):
            return
        # It is live, or ended, or somebody else's.
        self._build = None
        build.abandon()
        if ended:
            logger.info("generation %d of %s ended: %s", number, build.view, build.failure or "it is live")
            self.tell(build.view)
        self._bell.set()

    def tell(self, view: str) -> bool:
        """Says that a view's pointer changed; whether anyone can hear it."""
        try:
            self._stamps.renew(view)
        except RedisUnavailable as error:
            logger.warning("writers learn of a change of %s later: %s", view, error)
            return False
        return True

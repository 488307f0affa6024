"""The reader: the one connection on which a process follows the updates in Redis."""

import logging
import time
from threading import Event, Thread

from kernel.contract import Contract
from kernel.redis import RedisUnavailable
from kernel.telemetry.metrics import REDIS_UNAVAILABLE
from kernel.updates import CAPACITY, START_ID, Entry, UpdateLog
from prism.admin.v1.admin_pb2 import ConsumerStatus
from stream_svc.cursors import Position, place_of
from stream_svc.hub import Hub
from stream_svc.items import Expanded, expand
from stream_svc.repeats import Repeats
from stream_svc.telemetry import Delivered, tell_delivered

logger = logging.getLogger(__name__)

# How long Redis may keep a read waiting: as often, the reader looks whether Redis forgot everything.
BLOCK_S = 1.0
BATCH = 1000
# Between tries while Redis is out of reach, doubling from the first to the second.
RETRY_S = (0.1, 2.0)
# How long a client's cursor may be ahead of this process, which is as a rule a few milliseconds behind.
CATCH_UP_S = 2.0


class Reader:
    """Feeds a hub with the updates, from `start` to `stop`, in one thread. A consumer for the admin plane.

    Redis is never the truth: without it the hub stands still, and clients hear heartbeats.
    """

    name = "updates"

    def __init__(self, updates: UpdateLog, hub: Hub, contract: Contract) -> None:
        self._updates = updates
        self._hub = hub
        self._contract = contract
        self._repeats = Repeats()
        self._thread = Thread(target=self._run, name="reader", daemon=True)
        self._loaded = Event()
        self._going = Event()
        self._going.set()
        self._stopping = Event()
        self._reached = False
        # The entry up to which all are read.
        self._last_id = START_ID
        self._handled = 0
        self._lag_s = 0.0

    def start(self, wait_s: float) -> None:
        """Begins to read; returns when what Redis keeps is loaded, or the time is up."""
        self._thread.start()
        self._loaded.wait(wait_s)

    def end(self) -> None:
        """Begins to stop. Does not block."""
        self._stopping.set()
        self._going.set()

    def stop(self, timeout_s: float = BLOCK_S + 0.5) -> None:
        """Ends the thread, waiting for it that long."""
        self.end()
        self._thread.join(timeout_s)

    @property
    def healthy(self) -> bool:
        """True while Redis answers and the updates are followed."""
        return self._reached and self._thread.is_alive()

    @property
    def paused(self) -> bool:
        """Whether it hands nothing to clients."""
        return not self._going.is_set()

    def pause(self) -> None:
        """Hands nothing to clients until `resume`."""
        self._going.clear()

    def resume(self) -> None:
        """Goes on where it paused."""
        self._going.set()

    def status(self) -> ConsumerStatus:
        """How it is doing. Without Redis, as if nothing waited."""
        status = ConsumerStatus(name=self.name, paused=self.paused, handled=self._handled)
        status.lag.FromMilliseconds(int(self._lag_s * 1000))
        try:
            status.depth, oldest = self._updates.waiting(self._last_id)
        except RedisUnavailable:
            return status
        if oldest:
            status.oldest_age.FromMilliseconds(int(_age_s(oldest) * 1000))
        return status

    def catch_up(self, cursor: Position) -> None:
        """Lets a cursor that the edge handed out a moment ago be known here. Blocks CATCH_UP_S at most.

        Returns at once for any other cursor. For clients' threads.
        """
        if not self._hub.is_ahead(cursor):
            return
        try:
            latest = self._updates.position()
        except RedisUnavailable:
            return
        if cursor.epoch == latest.epoch and cursor.place <= place_of(latest.entry_id):
            self._hub.wait_for(cursor, CATCH_UP_S)

    def _run(self) -> None:
        retry_s = RETRY_S[0]
        while not self._stopping.is_set():
            try:
                self.step()
                self._reached = True
                retry_s = RETRY_S[0]
            except RedisUnavailable as error:
                if self._reached:
                    logger.warning("Redis is out of reach: %s", error)
                self._reached = False
                REDIS_UNAVAILABLE.inc()
                self._stopping.wait(retry_s)
                retry_s = min(2 * retry_s, RETRY_S[1])
            except Exception:
                # An entry that cannot be handled is passed over, for clients wait for the next.
                logger.exception("a defect; reading goes on")
                self._reached = False
                self._stopping.wait(RETRY_S[1])

    def step(self) -> None:
        """Reads once and hands on what came: what the loop does. Raises one of RedisUnavailable."""
        if not self._loaded.is_set():
            self._load()
            self._reached = True
            self._loaded.set()
        after = self._last_id
        entries = self._updates.read(after, BATCH, BLOCK_S)
        self._wait_while_paused()
        if not entries:
            self._check_position()
        # Fewer than asked for are all there are; else the oldest of them may have been dropped unread. After
        # the start of an empty Redis, too: nothing is held there to tell by.
        elif len(entries) == BATCH and not self._updates.holds(after):
            self._load()
        else:
            tell_delivered([self._hand_on(entry) for entry in entries])

    def _wait_while_paused(self) -> None:
        while not self._going.wait(BLOCK_S):
            # Health stays honest meanwhile.
            self._updates.position()
            self._reached = True

    def _check_position(self) -> None:
        """Finds out, when nothing comes, whether that is because Redis lost its memory."""
        latest = self._updates.position()
        epoch = self._hub.end.epoch
        if latest.epoch == epoch and place_of(latest.entry_id) < place_of(self._last_id):
            # Redis came back with an older state of its own, which has the epoch but not all entries.
            self._updates.renew(epoch)
            self._load()
        elif latest.epoch != epoch:
            self._load()

    def _hand_on(self, entry: Entry) -> Delivered:
        if entry.cursor.epoch != self._hub.end.epoch:
            self._begin(entry.cursor.epoch, self._last_id, [])
        self._last_id = entry.cursor.entry_id
        began_ns = time.time_ns()
        expanded = self._expand(entry)
        self._hub.publish(expanded)
        self._handled += 1
        self._lag_s = _age_s(entry.cursor.entry_id)
        return Delivered(entry, expanded.clients, began_ns, time.time_ns(), self._lag_s)

    def _load(self) -> None:
        """Loads what Redis keeps of the epoch; clients that are here fetch anew."""
        entries = self._updates.tail()
        epoch = self._updates.position().epoch
        kept = [entry for entry in entries if entry.cursor.epoch == epoch]
        before = entries[: len(entries) - len(kept)]
        if before:
            floor = before[-1].cursor.entry_id
        elif len(entries) < CAPACITY:
            # Redis drops none of its latest CAPACITY entries, so these are all there ever were.
            floor = START_ID
        else:
            floor = kept[0].cursor.entry_id
        self._last_id = entries[-1].cursor.entry_id if entries else START_ID
        self._begin(epoch, floor, kept)

    def _begin(self, epoch: str, floor: str, entries: list[Entry]) -> None:
        logger.info("epoch %s begins with %d entries", epoch, len(entries))
        # A new epoch may be that of another history: nothing in it is a repeat yet.
        self._repeats.forget()
        self._hub.load(epoch, place_of(floor), [self._expand(entry) for entry in entries])

    def _expand(self, entry: Entry) -> Expanded:
        expanded = expand(entry, self._contract)
        expanded.items = tuple(filter(self._repeats.is_new, expanded.items))
        return expanded


def _age_s(entry_id: str) -> float:
    """How long ago an entry was added. Redis and this process may be on machines whose clocks differ."""
    return max(0.0, time.time() - place_of(entry_id).milliseconds / 1000)

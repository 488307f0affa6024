"""Updates of views in Redis: one capped stream that the projector writes and every stream_svc reads.

An entry is what one command changed (a Delivery). A cursor names an entry: `<epoch>.<entry id>`.
The epoch changes whenever updates may be missing: Redis lost its memory, or was out of reach while
views advanced. A cursor of another epoch cannot be resumed from: clients fetch anew what they show.
"""

import logging
import secrets
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from google.protobuf.message import DecodeError
from redis import Redis

from kernel.outcomes import POST_OUTCOME_LUA, keep_s
from kernel.redis import RedisUnavailable
from kernel.telemetry.metrics import REDIS_UNAVAILABLE
from prism.envelope.v1.envelope_pb2 import Delivery

logger = logging.getLogger(__name__)

# How many entries can be replayed. An entry holds the views that a command changed: at 1 KiB about
# 10 MiB of Redis and 60 MiB of each stream_svc, at the 7 KiB of carts with 100 lines as many times more;
# stream_svc keeps fewer of those (stream_svc.ring.MAX_BYTES).
CAPACITY = 10_000
# A call that takes Redis longer than its client waits would be taken for a missed one.
CALL_BYTES = 1024 * 1024
START_ID = "0-0"

# Adds entries and posts their outcomes, in the epoch that the caller knows alone. Answers the epoch, which
# it makes where there is none.
_ADD = (
    POST_OUTCOME_LUA
    + """
local epoch = redis.call('GET', KEYS[2])
if not epoch then epoch = ARGV[1]; redis.call('SET', KEYS[2], epoch) end
if epoch ~= ARGV[2] then return epoch end
for i = 5, #ARGV, 4 do
  redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[3], '*', 'e', epoch, 'd', ARGV[i])
  if ARGV[i + 2] ~= '' then post_outcome(ARGV[4], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]) end
end
return epoch
"""
)

# Answers the epoch and the latest entry's id.
_POSITION = """
local epoch = redis.call('GET', KEYS[2])
if not epoch then epoch = ARGV[1]; redis.call('SET', KEYS[2], epoch) end
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)
return {epoch, last[1] and last[1][1] or '0-0'}
"""

# Begins a new epoch, unless someone did already.
_RENEW = """
if redis.call('GET', KEYS[2]) == ARGV[1] then redis.call('SET', KEYS[2], ARGV[2]) end
"""

# Counts the entries after an id, and answers the first one's.
_WAITING = """
local entries = redis.call('XRANGE', KEYS[1], '(' .. ARGV[1], '+')
return {#entries, entries[1] and entries[1][1] or ''}
"""


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in the updates: everything up to this entry has been seen."""

    epoch: str
    entry_id: str

    def __str__(self) -> str:
        return f"{self.epoch}.{self.entry_id}"


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry as it was read."""

    cursor: Cursor
    delivery: Delivery


class Published(Enum):
    """What became of a publication."""

    # All of it was added.
    DONE = auto()
    # Some of it was not: an epoch has begun of which the log did not know when the caller read what it tells.
    # Who fetched anew since then may have seen newer states, of which nobody will be told again.
    OUTDATED = auto()
    # Redis is out of reach, and some of it may be missing.
    MISSED = auto()


class UpdateLog:
    """The updates stream. Raises one of kernel.redis.RedisUnavailable, unless it publishes.

    Only one thread may publish.
    """

    def __init__(self, redis: Redis, namespace: str) -> None:
        # redis-py types every answer as a union of all shapes of both protocols.
        self._redis: Any = redis
        self._namespace = namespace
        self._keys = (f"{namespace}:updates", f"{namespace}:epoch")
        self._add = redis.register_script(_ADD)
        self._position = redis.register_script(_POSITION)
        self._renew = redis.register_script(_RENEW)
        self._waiting = redis.register_script(_WAITING)
        # The epoch of the latest publication.
        self._epoch = ""
        # Whether updates were missed in it.
        self._missed = False

    def learn(self) -> None:
        """Learns which epoch it is, so that what is read from now on can be published at once. Not if Redis is away."""
        with suppress(*RedisUnavailable):
            self._epoch = self.position().epoch

    def miss(self) -> None:
        """Says that updates were missed: the next publication begins a new epoch, so that clients refetch."""
        self._missed = True

    def publish(self, deliveries: Sequence[Delivery]) -> Published:
        """Adds deliveries in order and posts their outcomes, in as few round trips as are bounded.

        Where the answer is OUTDATED, states of rows are to be read again, and all of it published again: a
        log's first publication, unless it learned the epoch before; one after a flush, one after updates were missed. Never raises for want of
        Redis: after MISSED the next publication begins a new epoch.
        """
        try:
            if self._missed:
                self._begin()
                return Published.OUTDATED
            for arguments in _calls(deliveries):
                fixed: list[bytes | str | int] = [
                    secrets.token_hex(4), self._epoch, CAPACITY, self._namespace,
                ]  # fmt: skip # as the script has them
                epoch = self._add(keys=self._keys, args=fixed + arguments).decode()
                if epoch != self._epoch:
                    self._epoch = epoch
                    return Published.OUTDATED
        except RedisUnavailable as error:
            logger.warning("updates cannot be published, clients will be told to refetch: %s", error)
            REDIS_UNAVAILABLE.inc()
            self._missed = True
            return Published.MISSED
        return Published.DONE

    def publish_facts(self, deliveries: Sequence[Delivery]) -> Published:
        """Publishes what is true in whichever epoch: the same, but never OUTDATED."""
        while (published := self.publish(deliveries)) is Published.OUTDATED:
            pass
        return published

    def position(self) -> Cursor:
        """The latest entry's place: what is read after asking shows at least everything up to it."""
        epoch, last = self._position(keys=self._keys, args=[secrets.token_hex(4)])
        return Cursor(epoch.decode(), last.decode())

    def renew(self, epoch: str) -> None:
        """Begins a new epoch in place of this one, of which entries were lost."""
        self._renew(keys=self._keys, args=[epoch, secrets.token_hex(4)])

    def holds(self, entry_id: str) -> bool:
        """True while an entry is kept: then so is everything after it."""
        return bool(self._redis.xrange(self._keys[0], entry_id, entry_id))

    def waiting(self, after: str) -> tuple[int, str]:
        """How many entries come after the entry id, and the first one's id, empty if there is none."""
        count, first = self._waiting(keys=self._keys, args=[after])
        return count, first.decode()

    def tail(self, limit: int = CAPACITY) -> list[Entry]:
        """The latest entries, oldest first."""
        return [self._entry(*raw) for raw in reversed(self._redis.xrevrange(self._keys[0], count=limit))]

    def read(self, after: str = START_ID, limit: int = 1000, block_s: float = 1) -> list[Entry]:
        """Entries after the entry id, oldest first, waiting up to `block_s` for the first."""
        answer = self._redis.xread({self._keys[0]: after}, count=limit, block=int(block_s * 1000))
        return [self._entry(*raw) for raw in answer[0][1]] if answer else []

    def _begin(self) -> None:
        epoch = secrets.token_hex(4)
        self._redis.set(self._keys[1], epoch)
        self._epoch, self._missed = epoch, False

    @staticmethod
    def _entry(entry_id: bytes, fields: dict[bytes, bytes]) -> Entry:
        cursor = Cursor(fields.get(b"e", b"").decode(), entry_id.decode())
        try:
            return Entry(cursor, Delivery.FromString(fields.get(b"d", b"")))
        except DecodeError:
            # An empty one in its place: readers go on behind it.
            logger.error("update %s cannot be read", cursor)  # noqa: TRY400 # the place says it all
            return Entry(cursor, Delivery())


def _calls(deliveries: Sequence[Delivery]) -> Iterator[list[bytes | str | int]]:
    """The script's arguments for all deliveries, up to about CALL_BYTES a call."""
    arguments: list[bytes | str | int] = []
    size = 0
    for delivery in deliveries:
        body, outcome = delivery.SerializeToString(), delivery.outcome
        told = outcome.SerializeToString() if delivery.HasField("outcome") else b""
        arguments += [body, delivery.command_id, told, keep_s(outcome)]
        size += len(body)
        if size >= CALL_BYTES:
            yield arguments
            arguments, size = [], 0
    if arguments:
        yield arguments

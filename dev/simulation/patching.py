"""What a run puts in the place of the machine's: time, chance, and sizes that are too large to be reached."""

import functools
import logging
import os
import random
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import Any, cast
from unittest.mock import patch

from google.protobuf.internal import well_known_types

import domain_svc.__main__ as domain
import projector_svc.__main__ as projector
from dev.simulation.redis import SimulatedRedis
from dev.simulation.world import World
from domain_svc import streams
from kernel import packing, updates
from projector_svc import rows
from stream_svc import reader, subscription

# How many seconds a run's machine has been up when it begins.
UPTIME_S = 1000.0
# How many updates Redis and stream_svc keep in some runs.
SHORT_MEMORY = 6
_fingerprint = functools.cache(streams._fingerprint)


@contextmanager
def patched(world: World, server: SimulatedRedis, dice: random.Random) -> Iterator[None]:
    """The code under test lives in a run's world. One run a process at a time."""
    chance = world.dice("machine")

    def now(zone: Any = None) -> datetime:  # noqa: ANN401 # as datetime's own
        return datetime.fromtimestamp(world.now, zone or UTC)

    def connect(settings: object) -> Any:  # noqa: ANN401 # stands for a Redis
        return server

    with ExitStack() as stack:

        def put(target: object, name: str, value: object) -> None:
            stack.enter_context(patch.object(target, name, value))

        put(time, "time", lambda: world.now)
        put(time, "time_ns", lambda: int(world.now * 1e6) * 1000)
        put(time, "monotonic", lambda: world.now - UPTIME_S)
        put(os, "urandom", chance.randbytes)
        put(random, "_urandom", chance.randbytes)
        put(
            well_known_types.Timestamp,
            "GetCurrentTime",
            lambda self: cast("Any", self).FromDatetime(now().replace(tzinfo=None)),
        )
        put(domain, "connect", connect)
        put(projector, "connect", connect)
        # Its source does not change while it runs, and reading it takes longer than a run's commands.
        put(streams, "_fingerprint", _fingerprint)
        # Small, so that they matter in a short run.
        put(streams, "SNAPSHOT_EVERY", dice.choice((2, 3, 5, 100)))
        put(streams, "CACHED_COMMANDS", dice.choice((150, 400, 400_000)))
        put(rows, "CACHED_ROWS", dice.choice((1, 3, 10_000)))
        put(updates, "CALL_BYTES", dice.choice((400, updates.CALL_BYTES)))
        kept = dice.choice((SHORT_MEMORY, updates.CAPACITY, updates.CAPACITY))
        put(updates, "CAPACITY", kept)
        put(reader, "CAPACITY", kept)
        # Who reads fewer than that has read all that is kept.
        put(reader, "BATCH", dice.choice((3, 1000)) if kept > 1000 else 3)
        put(subscription, "BATCH", dice.choice((2, subscription.BATCH)))
        put(packing, "MAX_PACKED_BYTES", dice.choice((1200, packing.MAX_PACKED_BYTES)))
        logging.disable(logging.CRITICAL)
        stack.callback(logging.disable, logging.NOTSET)
        yield

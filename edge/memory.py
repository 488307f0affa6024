"""Redis as the edge uses it: a help while it is there, and never a reason to fail."""

import time
from collections.abc import Callable
from typing import TypeVar

from redis import Redis

from kernel.redis import RedisUnavailable, connect
from kernel.settings import Settings
from kernel.telemetry.metrics import REDIS_UNAVAILABLE

T = TypeVar("T")

# After a failure Redis is left alone for so long: a server that hangs would cost every request its timeout.
PAUSE_S = 1.0


class Memory:
    """The edge's Redis client. Connects at first use, so after gunicorn's fork."""

    def __init__(self, settings: Settings) -> None:
        self.quick: Redis = connect(settings)
        self._away_until = 0.0

    def ask(self, question: Callable[[], T]) -> T | None:
        """What the question answers; None while Redis is out of reach.

        After a failure no question is asked for PAUSE_S.
        """
        if time.monotonic() < self._away_until:
            return None
        try:
            return question()
        except RedisUnavailable:
            self._away_until = time.monotonic() + PAUSE_S
            REDIS_UNAVAILABLE.inc()
            return None

    def tell(self, statement: Callable[[], object]) -> bool:
        """Like `ask`, where there is nothing to answer: whether Redis was told."""
        return self.ask(lambda: (statement(), True)[1]) or False

    def ping(self) -> bool:
        """Whether Redis answers now."""
        try:
            return bool(self.quick.ping())
        except RedisUnavailable:
            return False

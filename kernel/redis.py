"""Connections to Redis, which is never the truth: every caller goes on without it."""

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from kernel.errors import ConfigurationError
from kernel.settings import Settings

# What a caller catches to go on without Redis. A timeout of redis-py is a RedisError too.
RedisUnavailable = (redis.RedisError, OSError)

# Far above what Redis needs, far below what a request can wait.
TIMEOUT_S = 2.0


def connect(settings: Settings, timeout_s: float = TIMEOUT_S) -> "redis.Redis":
    """A client over a pool of connections, safe for threads, made at first use (open after fork).

    Every call answers or raises one of RedisUnavailable within about `timeout_s`; a call that
    blocks in Redis must end before that. ConfigurationError for an address that is none.
    """
    # RESP 2, so that answers have one shape on every server; one immediate retry, because a pooled
    # connection may have died with the server that was restarted.
    try:
        return redis.Redis.from_url(
            settings.redis_url,
            socket_timeout=timeout_s,
            socket_connect_timeout=1.0,
            retry=Retry(NoBackoff(), 1),
            protocol=2,
        )
    except (ValueError, TypeError):
        # Without the address, which may hold a password.
        raise ConfigurationError(
            "`REDIS_URL` must be the address of a Redis, as `redis://:password@host:6379/0` or `rediss://...`"
        ) from None

"""Rate limits: how many commands a subject may send, over time and at once.

    <namespace>:rate:<subject>    a number: when all that the subject has sent is paid for, in Redis's seconds

A command costs 1 / PRISM_RATE_LIMIT seconds, and nobody may be further ahead than PRISM_RATE_BURST commands
(the generic cell rate algorithm of ATM Forum TM 4.0, which is a token bucket that keeps one number). A batch
that is larger than the burst goes through when nothing is owed, and is paid for with the time after it.

The toll is taken in the script that claims idempotency keys, so that a command with a key costs no round
trip more. With Redis out of reach nobody is held back: Redis is never a reason to refuse.
"""

import math
from dataclasses import dataclass

from edge.problems import RATE_LIMITED, Problem
from kernel.settings import Settings

# For the body of a script. `take_toll` answers 0, or the milliseconds until there is room.
TOLL_LUA = """
local function take_toll(name, commands, interval_s, burst)
  local time = redis.call('TIME')
  local now = time[1] + time[2] / 1000000
  local paid_at = math.max(tonumber(redis.call('GET', name)) or 0, now)
  local wait_s = paid_at - now - (burst - math.min(commands, burst)) * interval_s
  -- What floating point makes of a clock is finer than this.
  if wait_s > 0.00001 then return math.ceil(wait_s * 1000) end
  paid_at = paid_at + commands * interval_s
  redis.call('SET', name, string.format('%.6f', paid_at), 'EX', math.ceil(paid_at - now))
  return 0
end
"""


@dataclass(frozen=True, slots=True)
class Limit:
    """What every subject may send."""

    interval_s: float
    burst: int


@dataclass(frozen=True, slots=True)
class Toll:
    """What a request costs its sender."""

    # Of the number in Redis.
    name: str
    commands: int
    limit: Limit

    @property
    def arguments(self) -> tuple[float, float, float]:
        """What `take_toll` takes after the name."""
        return self.commands, self.limit.interval_s, self.limit.burst


def limit_of(settings: Settings) -> Limit | None:
    """The limit that the settings ask for; None for none."""
    rate = settings.prism_rate_limit
    if not rate:
        return None
    return Limit(1 / rate, settings.prism_rate_burst or max(1, math.ceil(2 * rate)))


def toll_of(limit: Limit | None, namespace: str, subject: str, commands: int) -> Toll | None:
    """What a subject's commands cost; None where there is no limit, or no command."""
    return Toll(f"{namespace}:rate:{subject}", commands, limit) if limit and commands else None


def refused(wait_ms: int) -> Problem:
    """A request that comes too early."""
    wait_s = math.ceil(wait_ms / 1000)
    return Problem(RATE_LIMITED, RATE_LIMITED.meaning, headers={"Retry-After": str(wait_s)})

"""Outcomes of commands in Redis, for who waits and who asks.

    <namespace>:accepted:<command id>    a text: durably queued, not decided yet
    <namespace>:outcome:<command id>     a list of one: applied, rejected or failed

A list can be waited for: BLMOVE from a list to itself answers its element and leaves it there, at once
if it came first, and to every waiter. Forgotten outcomes are answered by domain_svc from the event
store.
"""

from typing import Any

from redis import Redis
from redis.client import Pipeline

from prism.envelope.v1.envelope_pb2 import Outcome

# Nobody else remembers a command that is undecided, or that failed; a decision can be asked of the
# event store.
ACCEPTED_KEEP_S = FAILED_KEEP_S = 24 * 3600
DECIDED_KEEP_S = 15 * 60

# The decision may have been faster than the edge: then there is nothing to note.
_ACCEPT = """
if redis.call('EXISTS', KEYS[2]) == 0 then redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2]) end
"""
# For the body of a script: posts an outcome in the place of an earlier one, that of a failure perhaps.
POST_OUTCOME_LUA = """
local function post_outcome(namespace, command_id, outcome, keep_s)
  local key = namespace .. ':outcome:' .. command_id
  redis.call('RPUSH', key, outcome)
  redis.call('LTRIM', key, -1, -1)
  redis.call('EXPIRE', key, keep_s)
  redis.call('DEL', namespace .. ':accepted:' .. command_id)
end
"""


def keep_s(outcome: Outcome) -> int:
    """How long Redis keeps an outcome."""
    return FAILED_KEEP_S if outcome.status == Outcome.FAILED else DECIDED_KEEP_S


class OutcomeBoard:
    """Where outcomes are read and waited for; kernel.updates posts them. Raises one of
    kernel.redis.RedisUnavailable."""

    def __init__(self, redis: Redis, namespace: str) -> None:
        # redis-py types every answer as a union of all shapes of both protocols.
        self._redis: Any = redis
        self._namespace = namespace

    def note_accepted(self, pipeline: Pipeline, outcome: Outcome) -> None:
        """Notes with a pipeline that a command is queued; one that is decided already stays as it is."""
        keys = self._accepted(outcome.command_id), self._outcome(outcome.command_id)
        pipeline.eval(_ACCEPT, 2, *keys, outcome.SerializeToString(), ACCEPTED_KEEP_S)

    def get(self, command_id: str) -> Outcome | None:
        """The latest that is known of a command."""
        pipeline = self._redis.pipeline(transaction=False)
        pipeline.lindex(self._outcome(command_id), -1)
        pipeline.get(self._accepted(command_id))
        decided, accepted = pipeline.execute()
        known = decided or accepted
        return Outcome.FromString(known) if known else None

    def wait(self, command_id: str, timeout_s: float) -> Outcome | None:
        """The outcome of a command once it is decided or failed; None when that takes longer.

        Blocks a connection of the pool; the client's timeout must be longer than `timeout_s`.
        """
        key = self._outcome(command_id)
        known = self._redis.blmove(key, key, max(0.001, timeout_s), "LEFT", "LEFT")
        return Outcome.FromString(known) if known else None

    def _accepted(self, command_id: str) -> str:
        return f"{self._namespace}:accepted:{command_id}"

    def _outcome(self, command_id: str) -> str:
        return f"{self._namespace}:outcome:{command_id}"

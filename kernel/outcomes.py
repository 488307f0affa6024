"""Outcomes of commands in Redis: one small stream a command, which is its own notification.

    prism:outcome:<command id>    1-0 accepted, 2-0 failed (a dead letter), 3-0 applied or rejected

The entries' ids are fixed, so that a repeat changes nothing, and who waits reads on from 1-0: an
outcome that came first is answered at once, a later one wakes every waiter. Forgotten outcomes are
answered by domain_svc from the event store.
"""

from collections.abc import Sequence
from typing import Any

from redis import Redis
from redis.client import Pipeline

from prism.envelope.v1.envelope_pb2 import Outcome

# A command waits for its decision as long as it takes; a decision can be asked of the event store.
UNDECIDED_KEEP_S = 24 * 3600
KEEP_S = 15 * 60
ACCEPTED_ID = "1-0"
FAILED_ID = "2-0"
DECIDED_ID = "3-0"
_IDS = {
    Outcome.ACCEPTED: ACCEPTED_ID,
    Outcome.FAILED: FAILED_ID,
    Outcome.APPLIED: DECIDED_ID,
    Outcome.REJECTED: DECIDED_ID,
}


class OutcomeBoard:
    """Where outcomes are posted, read and waited for. Raises one of kernel.redis.RedisUnavailable."""

    def __init__(self, redis: Redis, namespace: str) -> None:
        # redis-py types every answer as a union of all shapes of both protocols.
        self._redis: Any = redis
        self._prefix = f"{namespace}:outcome:"

    def post(self, outcomes: Sequence[Outcome]) -> None:
        """Posts outcomes in one round trip. One that is posted already stays as it was."""
        pipeline = self._redis.pipeline(transaction=False)
        for outcome in outcomes:
            self.add_to(pipeline, outcome)
        # An entry that exists is refused by its id, which is what a repeat shall be.
        pipeline.execute(raise_on_error=False)

    def add_to(self, pipeline: Pipeline, outcome: Outcome) -> None:
        """Posts an outcome with a pipeline, which must be executed with raise_on_error=False."""
        key = self._prefix + outcome.command_id
        pipeline.xadd(key, {"o": outcome.SerializeToString()}, id=_IDS[outcome.status])
        pipeline.expire(key, UNDECIDED_KEEP_S if outcome.status == Outcome.ACCEPTED else KEEP_S)

    def get(self, command_id: str) -> Outcome | None:
        """The latest that is known of a command."""
        entries = self._redis.xrevrange(self._prefix + command_id, count=1)
        return Outcome.FromString(entries[0][1][b"o"]) if entries else None

    def wait(self, command_id: str, timeout_s: float) -> Outcome | None:
        """The outcome of a command once it is decided or failed; None when that takes longer.

        Blocks a connection of the pool; the client's timeout must be longer than `timeout_s`.
        """
        answer = self._redis.xread(
            {self._prefix + command_id: ACCEPTED_ID}, block=max(1, int(timeout_s * 1000))
        )
        if not answer:
            return None
        _, entries = answer[0]
        return Outcome.FromString(entries[-1][1][b"o"])

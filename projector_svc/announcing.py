"""Announcing what a batch changed, and owing it where Redis does not take it.

A debt is a message in the announcer's own queue. Whoever receives it begins a new epoch of the updates, so that
clients fetch anew what they show; as long as Redis is away, it stays in the queue. So a debt outlives the process
that has it, and is paid although nothing else happens.
"""

import secrets
import time
from collections.abc import Collection, Sequence

from kernel.ports import Queue
from kernel.updates import Published, UpdateLog
from prism.envelope.v1.envelope_pb2 import CommitMessage, Delivery

# Until a debt is seen: as often, Redis is tried when nothing else is announced.
DEBT_DELAY_S = 2.0
# How long one covers whatever else is missed: well before anybody can see it and pay it.
COVERED_S = DEBT_DELAY_S / 2


class Announcer:
    """Tells Redis, from one consumer's thread."""

    def __init__(self, updates: UpdateLog, queue: Queue) -> None:
        self._updates = updates
        self._queue = queue
        self._name = secrets.token_hex(8)
        self._covered_until = 0.0

    def __call__(self, deliveries: Sequence[Delivery], debtors: Collection[str]) -> bool:
        """Announces what was read or saved since the last call; takes over the debts of `debtors`.

        True promises that clients have been told, or will be told to fetch anew: the batch may be deleted.
        False: nothing of that, for an epoch has begun meanwhile. Read what rows show now, and announce that.
        StorageUnavailable: Redis is away, and neither can it be owed.
        """
        # Its own debts it has not forgotten: they are owed still, or were paid with a later announcement.
        if any(debtor != self._name for debtor in debtors):
            self._updates.miss()
        published = self._updates.publish(deliveries)
        if published is Published.MISSED:
            self._owe()
        return published is not Published.OUTDATED

    def _owe(self) -> None:
        now = time.monotonic()
        if now >= self._covered_until:
            self._queue.put([CommitMessage(owed_by=self._name).SerializeToString()], DEBT_DELAY_S)
            self._covered_until = now + COVERED_S

"""Publishing: messages into queues, and a ring at each one's consumer."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from kernel.contract import aggregate_of
from kernel.packing import pack_commits
from kernel.ports import Queue
from prism.envelope.v1.envelope_pb2 import Commit


@dataclass(frozen=True, slots=True)
class Subscriber:
    """Who is sent commits: one queue, of the aggregates it follows."""

    queue: Queue
    aggregates: Collection[str]
    # A subscriber that announces outcomes needs rejections too, which are commits without events.
    wants_rejections: bool
    ring: Callable[[], None]


def publish(commits: Sequence[Commit], subscribers: Sequence[Subscriber]) -> None:
    """Sends every subscriber its commits. StorageUnavailable: some may have been sent."""
    for subscriber in subscribers:
        wanted = [
            commit
            for commit in commits
            if aggregate_of(commit.stream) in subscriber.aggregates
            and (commit.events or subscriber.wants_rejections)
        ]
        if wanted:
            subscriber.queue.put(pack_commits(wanted))
            subscriber.ring()

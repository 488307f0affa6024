"""Publishing: messages into queues, and a ring at each one's consumer."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kernel.packing import pack_commits
from kernel.ports import Queue
from prism.envelope.v1.envelope_pb2 import Commit


@dataclass(frozen=True, slots=True)
class Subscriber:
    """Who is sent commits, by one queue."""

    queue: Queue
    # The types, as stored, of the events that it wants.
    events: frozenset[str]
    # Whether it announces outcomes, and so needs rejections too: commits without events.
    announces: bool
    ring: Callable[[], None]

    def wants(self, commit: Commit) -> bool:
        """Whether it has any use for a commit."""
        if self.announces and commit.outcomes and not commit.events:
            return True
        return not self.events.isdisjoint([event.type for event in commit.events])


def publish(commits: Sequence[Commit], subscribers: Sequence[Subscriber]) -> None:
    """Sends every subscriber the commits that it wants. StorageUnavailable: some may have been sent."""
    for subscriber in subscribers:
        if wanted := [commit for commit in commits if subscriber.wants(commit)]:
            subscriber.queue.put(pack_commits(wanted))
            subscriber.ring()

"""Publishing: messages into queues, and a ring at each one's consumer."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from kernel.clock import now
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

    def wants(self, types: Collection[str]) -> bool:
        """Whether it has any use for a commit with events of these types."""
        return not self.events.isdisjoint(types) if types else self.announces


def publish(commits: Sequence[Commit], subscribers: Sequence[Subscriber], *, anew: bool = False) -> None:
    """Sends every subscriber the commits that it wants. StorageUnavailable: some may have been sent.

    To be called right after they were appended, for the messages say that it was now; unless they are
    published `anew`, long after that.
    """
    appended_at = None if anew else now()
    carried = [(commit, [event.type for event in commit.events]) for commit in commits]
    for subscriber in subscribers:
        if wanted := [commit for commit, types in carried if subscriber.wants(types)]:
            subscriber.queue.put(pack_commits(wanted, appended_at, now()))
            subscriber.ring()

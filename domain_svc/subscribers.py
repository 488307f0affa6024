"""Who is sent which events: the contract's views by their subscribers, and the policies."""

from collections.abc import Callable, Sequence

from kernel.contract import ANNOUNCER, Contract
from kernel.policy import Policy
from kernel.ports import Queue
from kernel.publishing import Subscriber
from kernel.queues import POLICIES, events_for


def subscribers(
    contract: Contract,
    policies: Sequence[Policy],
    queue: Callable[[str], Queue],
    ring: Callable[[str], Callable[[], None]],
) -> list[Subscriber]:
    """Every subscriber; `queue` and `ring` find a queue and its consumer's bell by the queue's name."""
    wanted = {
        events_for(name): contract.events_of(
            aggregate
            for view in contract.views.values()
            if view.subscriber == name
            for aggregate in view.aggregates
        )
        for name in sorted({view.subscriber for view in contract.views.values()})
    }
    # An event of an earlier release, published again, is stored under its own name.
    wanted[POLICIES] = contract.with_predecessors(event for policy in policies for event in policy.reactions)
    return [
        Subscriber(queue(name), events, name == events_for(ANNOUNCER), ring(name))
        for name, events in wanted.items()
    ]

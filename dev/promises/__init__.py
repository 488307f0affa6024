"""What Prism promises, checked over a history: what clients were told, what is stored, what screens show.

    history    what is known of a shop at rest
    screen     what one follower of the stream shows, and what it complains of
    commands   one outcome a command, one effect, streams without a gap
    shop       prices, carts, orders, stock, policies
    views      rows equal a rebuild, screens show what is stored

The history is a simulated shop's (dev.simulation) or a real one's (dev.faults). A check yields what is
wrong, in sentences. What is shared with the code under test is the contract (which event belongs to which
row, which command follows from which event); what must come of it is worked out here anew.
"""

from collections.abc import Callable, Iterator, Sequence

from dev.promises import commands, shop, views
from dev.promises.history import Broken, History

Check = Callable[[History], Iterator[str]]

# Causes before what follows from them.
CHECKS: Sequence[Check] = (
    commands.streams_are_whole,
    commands.commands_have_one_outcome,
    commands.what_was_refused_never_happens,
    commands.effects_happen_once,
    shop.prices_are_those_of_the_moment,
    shop.stock_adds_up,
    shop.orders_live_legally,
    shop.policies_are_followed,
    commands.queues_are_empty,
    views.views_equal_a_rebuild,
    views.screens_show_what_is_stored,
)


def broken(history: History, checks: Sequence[Check] = CHECKS) -> Iterator[Broken]:
    """All that is wrong, causes before what follows from them."""
    for check in checks:
        promise = check.__name__.replace("_", " ")
        try:
            for detail in check(history):
                yield Broken(promise, detail)
        except Exception as error:  # noqa: BLE001 # what is stored may be too broken to be checked further
            yield Broken(promise, f"{type(error).__name__}: {error}")

"""A projection built anew from a long history: on a quiet stack, and while commands and updates go on."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

from dev.bench import shop
from dev.bench.figures import Latency
from dev.bench.pace import measure_pace
from dev.bench.subject import Subject
from prism.cart.v2.events_pb2 import ItemAddedToCart
from prism.common.v1.money_pb2 import Money
from prism.envelope.v1.envelope_pb2 import Commit, Outcome

EVENTS_A_CART = 20
CARTS = {"embedded": 5000, "azurite": 100}
APPENDED_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """One rebuild, from the operator's call to the moment when readers are sent to what was built."""

    events: int
    seconds: float
    per_s: float


@dataclass(frozen=True, slots=True)
class Rebuild:
    """The cart's view, from carts of EVENTS_A_CART events in their event store, a commit each."""

    quiet: Rebuilt
    # One after the other while commands are posted at the fixed rate, and what that did to these.
    busy: list[Rebuilt]
    post_to_sse_ms: Latency


def measure_rebuild(subject: Subject, engine: str, seconds: float) -> Rebuild:
    """Writes the history, which no queue ever brought, and rebuilds."""
    carts = shop.cart_ids(CARTS[engine], "history")
    commits = (commit for cart_id in carts for commit in history(cart_id))
    while chunk := list(islice(commits, APPENDED_AT_ONCE)):
        subject.append(chunk)
    quiet = rebuild(subject)
    busy = []
    with ThreadPoolExecutor(1) as pool:
        paced = pool.submit(measure_pace, subject, seconds)
        while not paced.done():
            busy.append(rebuild(subject))
    return Rebuild(quiet, busy, paced.result().post_to_sse_ms)


def rebuild(subject: Subject) -> Rebuilt:
    """Rebuilds the carts."""
    began = time.monotonic()
    last = subject.rebuild("cart")
    took = time.monotonic() - began
    return Rebuilt(last.total, round(took, 2), round(last.total / took, 1))


def history(cart_id: str) -> Iterator[Commit]:
    """A cart's events, each of its own command."""
    stream = f"cart-{cart_id}"
    for number in range(1, EVENTS_A_CART + 1):
        product_id = shop.PRODUCTS[number % len(shop.PRODUCTS)]
        event = ItemAddedToCart(
            cart_id=cart_id, owner_id=shop.SUBJECT, product_id=product_id, name="Mug", quantity=1
        )
        event.unit_price.CopyFrom(Money(currency="EUR", minor_units=1250))
        commit = Commit(stream=stream, number=number, version=number)
        command_id = f"{cart_id}-{number}"
        stored = commit.events.add(
            id=f"{stream}:{number}",
            type=event.DESCRIPTOR.full_name,
            stream=stream,
            version=number,
            subject=shop.SUBJECT,
            correlation_id=command_id,
            causation_id=command_id,
            data=event.SerializeToString(),
        )
        stored.time.GetCurrentTime()
        commit.outcomes.add(
            command_id=command_id, status=Outcome.APPLIED, stream=stream, version=number, subject=shop.SUBJECT
        )
        yield commit

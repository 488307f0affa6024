"""What a run's shop has behind it: a product, and a cart that the first release stored, nearly full perhaps;
and messages in its queues that are none.

It rests in the event store, and is published when the run begins, as an operator does after an upgrade.
"""

import random
import uuid
from collections.abc import Sequence

from google.protobuf.message import Message

from dev.simulation.processes import Site
from dev.simulation.workload import MERCHANT, PRODUCTS, SHOPPERS
from dev.simulation.world import EPOCH_S
from kernel.clock import from_ns
from kernel.packing import pack_commits
from kernel.queues import COMMANDS, POLICIES, events_for
from prism.cart.v1 import events_pb2 as v1
from prism.common.v1.money_pb2 import Money
from prism.envelope.v1.envelope_pb2 import Commit, Outcome
from prism.product.v1.events_pb2 import ProductRegistered
from prism.stock.v1.events_pb2 import StockReceived

LONG_AGO_S = EPOCH_S - 1000
MAX_LINES = 100
MAX_ON_HAND = 2_000_000_000


# The bodies of messages that nobody can read.
FOREIGN = b"\xff\xff is no message"


def remember(site: Site, dice: random.Random) -> None:
    """Writes a past, in some runs."""
    for name in (COMMANDS, POLICIES, events_for("views"), events_for("sales")):
        if dice.random() < 0.1:
            site.foreign.append(name)
            site.storage.queue(name).put_one(FOREIGN)
    if dice.random() < 0.5:
        return
    product, owner = PRODUCTS[0], SHOPPERS[0]
    price = Money(currency="EUR", minor_units=dice.randint(1, 9) * 100)
    _write(
        site,
        dice,
        f"product-{product}",
        MERCHANT,
        [ProductRegistered(product_id=product, name="Old", price=price)],
    )
    if dice.random() < 0.2:
        received = StockReceived(product_id=product, quantity=MAX_ON_HAND - dice.randint(0, 6))
        _write(site, dice, f"stock-{product}", MERCHANT, [received])
    cart = f"{owner}-0"
    lines = [product] * dice.randint(1, 2)
    if dice.random() < 0.15:
        lines = [f"gone-{place}" for place in range(dice.randint(MAX_LINES - 2, MAX_LINES))]
    added = [
        v1.ItemAddedToCart(
            cart_id=cart,
            owner_id=owner,
            product_id=line,
            name="Old",
            quantity=dice.randint(1, 3),
            unit_price_cents=price.minor_units,
        )
        for line in lines
    ]
    _write(site, dice, f"cart-{cart}", owner, added)


def _write(site: Site, dice: random.Random, stream: str, subject: str, events: Sequence[Message]) -> None:
    """One commit of one command, as an import makes it."""
    time, command_id = from_ns(int(LONG_AGO_S * 1e9)), str(uuid.UUID(int=dice.getrandbits(128), version=4))
    outcome = Outcome(
        command_id=command_id, status=Outcome.APPLIED, stream=stream, version=len(events), subject=subject
    )
    outcome.stages.decided_at.CopyFrom(time)
    commit = Commit(stream=stream, number=1, version=len(events))
    for version, event in enumerate(events, 1):
        outcome.events.add(event_id=f"{stream}:{version}", type=event.DESCRIPTOR.name)
        commit.events.add(
            id=f"{stream}:{version}",
            type=event.DESCRIPTOR.full_name,
            stream=stream,
            version=version,
            time=time,
            subject=subject,
            correlation_id=command_id,
            causation_id=command_id,
            data=event.SerializeToString(),
        )
    commit.outcomes.append(outcome)
    store = site.storage.events
    store.commits[stream], store.appended_at[stream] = [commit.SerializeToString()], [LONG_AGO_S]
    for body in pack_commits([commit]):
        site.storage.queue(events_for("views")).put_one(body)

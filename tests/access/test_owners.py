"""What is someone's is changed by nobody else: every command that a shopper may send, at someone else's.

A new command for shoppers is tried as the others are: the owner's is applied, so that the other's refusal
shows something.
"""

from pathlib import Path

import pytest
from google.protobuf import json_format
from google.protobuf.message import Message

from kernel.contract import Command, Route
from kernel.tokens import ROLES
from prism.envelope.v1.envelope_pb2 import Outcome
from tests.commands import add, check_out, receive, register
from tests.edge.samples import BODIES, ROUTED
from tests.shop import Shop, command_envelope, open_shop

MUG, HERS = "mug", "x1"
TOTAL = 1250
FOR_SHOPPERS = [(command, route) for command, route in ROUTED if "shopper" in command.roles]
each_command = pytest.mark.parametrize(
    ("command", "route"), FOR_SHOPPERS, ids=[command.name for command, _ in FOR_SHOPPERS]
)


def shop_of(command: Command, folder: Path) -> Shop:
    """A shop with Alice's cart, or with her order where the command is about one."""
    shop = open_shop(folder)
    before: list[tuple[Message, str, str]] = [
        (register(MUG, TOTAL), "max", "merchant"),
        (receive(MUG, 5), "max", "merchant"),
        (add(HERS, MUG, 1), "alice", "shopper"),
    ]
    if command.aggregate == "order":
        before.append((check_out(HERS, TOTAL), "alice", "shopper"))
    for message, by, role in before:
        assert sent(shop, message, by, role).status == Outcome.APPLIED
    return shop


def sent(shop: Shop, message: Message, by: str, *roles: str) -> Outcome:
    """The outcome of a command by someone with these roles."""
    envelope = command_envelope(message, by)
    del envelope.roles[:]
    envelope.roles.extend(roles)
    shop.queue([envelope])
    shop.settle()
    return shop.outcome(envelope.id)


def message_of(command: Command, route: Route) -> Message:
    """The sample of a command, about what is Alice's."""
    fields = command.message.DESCRIPTOR.fields_by_name
    path = {fields[name].json_name: MUG if name == "product_id" else HERS for name in route.fields}
    return json_format.ParseDict(path | BODIES[command.name], command.message())


def test_shoppers_have_commands() -> None:
    assert {command.aggregate for command, _ in FOR_SHOPPERS} == {"cart", "order"}


@each_command
def test_its_owner_may(tmp_path: Path, command: Command, route: Route) -> None:
    shop = shop_of(command, tmp_path)
    assert sent(shop, message_of(command, route), "alice", "shopper").status == Outcome.APPLIED


@each_command
def test_nobody_else_may_and_nothing_changes(tmp_path: Path, command: Command, route: Route) -> None:
    shop = shop_of(command, tmp_path)
    before = shop.rows()
    # With a merchant's role too, where that gives no right of its own: an order of anyone's is a merchant's
    # to cancel.
    for roles in (["shopper"], sorted(ROLES - (command.roles - {"shopper"}))):
        outcome = sent(shop, message_of(command, route), "bob", *roles)
        assert outcome.status == Outcome.REJECTED
        assert outcome.code in ("NOT_CART_OWNER", "NOT_ORDER_OWNER")
        assert "alice" not in outcome.detail
    assert shop.rows() == before
    assert not shop.dead

"""Messages that nobody can handle, or not yet: operators find, understand, requeue and discard them."""

import json
import time
import uuid
from collections.abc import Iterator

import pytest

from kernel import settings
from kernel.leaving import UNKNOWN_KEEP_S
from kernel.ports import Storage
from kernel.storage import open_storage
from prism.admin.v1.admin_pb2 import DeadLetterSummary
from prism.envelope.v1.envelope_pb2 import CommandMessage, CommitMessage, Envelope
from tests.e2e.client import WAIT_S, Merchant, Operator, Shop, Shopper, applied, new_id
from tests.support import eventually


@pytest.fixture
def storage(shop: Shop) -> Iterator[Storage]:
    """The stack's own storage, opened by someone else."""
    opened = open_storage(settings.load(shop.stack.env))
    yield opened
    opened.close()


def command(by: Shopper, type_: str, data: bytes) -> Envelope:
    """A command to a new cart, as no edge would send it."""
    return Envelope(
        id=str(uuid.uuid4()), type=type_, stream=f"cart-{new_id('c')}", subject=by.subject, data=data
    )


def letter_of(operator: Operator, id_: str) -> DeadLetterSummary | None:
    """The dead letter that carries a command."""
    letters = operator.dead_letters("commands")
    return next((letter for letter in letters if id_ in [item.id for item in letter.items]), None)


def test_a_poisoned_command_is_found_understood_requeued_and_discarded(
    shop: Shop, merchant: Merchant, shopper: Shopper, storage: Storage
) -> None:
    operator = shop.operator(shop.stack.domain_grpc)
    poison = command(shopper, "prism.cart.v1.AddItemToCart", b"\xff\xff")
    storage.queue("commands").put([CommandMessage(commands=[poison]).SerializeToString()])

    letter = eventually(lambda: letter_of(operator, poison.id), WAIT_S)
    assert letter
    assert operator.consumers()["commands"].dead_letters >= 1
    opened = operator.opens(letter)
    assert [item.envelope for item in opened.items] == [poison]
    assert "does not decode as prism.cart.v1.AddItemToCart" in opened.items[0].problem
    assert "does not decode as prism.cart.v1.AddItemToCart" in opened.letter.reason
    eventually(lambda: shopper.outcome(poison.stream, poison.id)["status"] == "FAILED", WAIT_S)

    # Nothing has changed, so it dies again: another letter in the place of the first.
    assert operator.requeues(letter).requeued == 1
    again = eventually(lambda: letter_of(operator, poison.id), WAIT_S)
    assert again
    assert again.id != letter.id
    assert list(operator.requeues(letter).missing) == [letter.id]

    assert operator.discards(again, "a test's own").discarded == 1
    assert letter_of(operator, poison.id) is None
    log = (shop.stack.log_dir / "domain_svc.log").read_text()
    assert any("discards" in line and again.id in line and poison.id in line for line in log.splitlines())
    # Meanwhile the shop goes on.
    applied(shopper.adds(new_id("c"), merchant.sells()))


def test_a_letter_whose_cause_is_gone_is_handled_when_it_is_requeued(
    shop: Shop, merchant: Merchant, shopper: Shopper, storage: Storage
) -> None:
    operator = shop.operator(shop.stack.projector_grpc)
    mug, cart = merchant.sells(), new_id("c")
    early = CommitMessage()
    entry = early.commits.add()
    entry.pointer.stream, entry.pointer.number = f"cart-{cart}", 1
    storage.queue("events-views").put([early.SerializeToString()])

    def letters() -> list[DeadLetterSummary]:
        return [
            letter
            for letter in operator.dead_letters("events-views")
            if [item.stream for item in letter.items] == [f"cart-{cart}"]
        ]

    [letter] = eventually(letters, WAIT_S)
    assert f"no commit 1 of stream 'cart-{cart}'" in letter.reason
    assert not operator.opens(letter).items[0].json
    # Now there is one.
    applied(shopper.adds(cart, mug, 2))
    assert json.loads(operator.opens(letter).items[0].json)["productId"] == mug
    handled = operator.consumers()["events-views"].handled
    assert operator.requeues(letter).requeued == 1
    eventually(lambda: operator.consumers()["events-views"].handled > handled, WAIT_S)
    assert letters() == []
    assert shopper.cart(cart)["lines"][0]["quantity"] == 2


def test_a_command_of_a_newer_release_is_left_visibly_and_not_for_ever(
    shop: Shop, merchant: Merchant, shopper: Shopper, storage: Storage
) -> None:
    operator = shop.operator(shop.stack.domain_grpc)
    newer = command(shopper, f"prism.cart.v9.{new_id('X').replace('-', '_')}", b"")
    message = CommandMessage(commands=[newer])
    # Replicas leave it for a day by now, less a moment.
    message.left_since.FromSeconds(int(time.time()) - UNKNOWN_KEEP_S + 8)
    before = operator.consumers()["commands"].left
    storage.queue("commands").put([message.SerializeToString()])
    # Nobody else waits for it.
    applied(shopper.adds(new_id("c"), merchant.sells()))

    def left() -> bool:
        status = operator.consumers()["commands"]
        return status.left >= before + 2 and newer.type in status.unknown_types

    eventually(left, WAIT_S)
    letter = eventually(lambda: letter_of(operator, newer.id), WAIT_S)
    assert letter
    assert newer.type in letter.reason
    eventually(lambda: shopper.outcome(newer.stream, newer.id)["status"] == "FAILED", WAIT_S)
    assert operator.discards(letter, "a test's own").discarded == 1

"""prismctl on a real stack: its own workers, its own edge's tokens."""

from collections.abc import Iterator

import pytest

from kernel import settings
from kernel.ports import Storage
from kernel.storage import open_storage
from prism.envelope.v1.envelope_pb2 import CommandMessage, CommitMessage
from prismctl.trace import STAGES
from tests.e2e.client import WAIT_S, Merchant, Shop, Shopper, applied, new_id
from tests.e2e.test_dead_letters import command
from tests.prismctl.program import Prismctl
from tests.support import eventually


@pytest.fixture
def ctl(shop: Shop) -> Prismctl:
    """As an operator has it after `export PRISM_TOKEN=$(prismctl token)`."""
    stack = shop.stack
    addresses = {
        "PRISM_DOMAIN_GRPC": stack.domain_grpc,
        "PRISM_PROJECTOR_GRPC": stack.projector_grpc,
        "PRISM_STREAM_GRPC": stack.stream_grpc,
    }
    issued = Prismctl({"PRISM_EDGE_URL": stack.edge_url})("token", "--subject", "olga")
    assert issued.exit_code == 0, issued.err
    return Prismctl({**addresses, "PRISM_TOKEN": issued.out.strip()})


@pytest.fixture
def storage(shop: Shop) -> Iterator[Storage]:
    """The stack's own storage, opened by someone else."""
    opened = open_storage(settings.load(shop.stack.env))
    yield opened
    opened.close()


def test_every_worker_of_the_stack_is_shown(ctl: Prismctl) -> None:
    shown = ctl("status", COLUMNS="80")
    assert (shown.exit_code, shown.err) == (0, "")
    for name in (
        "domain_svc",
        "commands",
        "events-policies",
        "projector_svc",
        "events-views",
        "events-sales",
    ):
        assert name in shown.out
    assert max(map(len, shown.out.splitlines())) <= 80
    workers = ctl("status", "--json").json["workers"]
    assert [worker["service"] for worker in workers] == ["domain_svc", "projector_svc", "stream_svc"]
    assert all(int(worker["memoryBytes"]) > 1_000_000 for worker in workers)


def test_what_is_paused_is_shown_and_goes_on(shop: Shop, ctl: Prismctl) -> None:
    assert ctl("pause", "events-sales").exit_code == 0
    try:
        shown = ctl("status")
        assert [line.split()[0] for line in shown.out.splitlines() if "PAUSED" in line] == ["events-sales"]
    finally:
        assert ctl("resume", "events-sales").exit_code == 0
    assert not shop.operator(shop.stack.projector_grpc).consumers()["events-sales"].paused
    assert "PAUSED" not in ctl("status").out


def test_what_does_not_exist_is_told_by_the_workers(ctl: Prismctl) -> None:
    failed = ctl("pause", "nothing")
    assert failed.exit_code == 5
    assert (
        "domain_svc has no consumer 'nothing'; it has commands, commands-later, events-policies" in failed.err
    )


def test_a_poisoned_command_is_found_understood_requeued_and_discarded(
    shop: Shop, merchant: Merchant, shopper: Shopper, storage: Storage, ctl: Prismctl
) -> None:
    poison = command(shopper, "prism.cart.v1.AddItemToCart", b"\xff\xff")
    storage.queue("commands").put([CommandMessage(commands=[poison]).SerializeToString()])

    def letter_id() -> str:
        letters = ctl("dead-letters", "list", "--queue", "commands", "--json").json["letters"]
        return next((each["id"] for each in letters if poison.id in [i["id"] for i in each["items"]]), "")

    # Found: status counts it, list names it.
    first = eventually(letter_id, WAIT_S)
    commands = next(line for line in ctl("status").out.splitlines() if line.startswith("commands"))
    assert int(commands.split()[-1]) >= 1
    # Understood: who sent what to which stream, and why nobody could handle it.
    shown = ctl("dead-letters", "show", "commands", first.rpartition("-")[2], "--raw")
    assert shown.exit_code == 0
    for part in (poison.id, poison.stream, shopper.subject, "does not decode as prism.cart.v1.AddItemToCart"):
        assert part in shown.out
    # Requeued. Nothing has changed, so it dies again, as another letter.
    assert ctl("dead-letters", "requeue", "commands", first).exit_code == 0
    eventually(lambda: letter_id() not in ("", first), WAIT_S)
    again = letter_id()
    gone = ctl("dead-letters", "requeue", "commands", first)
    assert gone.exit_code == 1
    assert first in gone.err
    assert (
        ctl("dead-letters", "discard", "commands", again, "--reason", "a test's own", "--yes").exit_code == 0
    )
    assert letter_id() == ""
    # Meanwhile the shop goes on.
    applied(shopper.adds(new_id("c"), merchant.sells()))


def test_a_letter_whose_cause_is_gone_is_handled_when_it_is_requeued(
    shop: Shop, merchant: Merchant, shopper: Shopper, storage: Storage, ctl: Prismctl
) -> None:
    mug, cart = merchant.sells(), new_id("c")
    early = CommitMessage()
    entry = early.commits.add()
    entry.pointer.stream, entry.pointer.number = f"cart-{cart}", 1
    storage.queue("events-views").put([early.SerializeToString()])

    def letters() -> list[str]:
        found = ctl("dead-letters", "list", "--queue", "events-views", "--limit", "1000", "--json").json[
            "letters"
        ]
        return [each["id"] for each in found if [i["stream"] for i in each["items"]] == [f"cart-{cart}"]]

    [letter] = eventually(letters, WAIT_S)
    applied(shopper.adds(cart, mug, 2))
    opened = ctl("dead-letters", "show", "events-views", letter, "--json").json
    assert opened["items"][0]["data"]["productId"] == mug
    assert ctl("dead-letters", "requeue", "events-views", letter).exit_code == 0
    eventually(lambda: ctl("status", "--json").exit_code == 0 and letters() == [], WAIT_S)
    assert shopper.cart(cart)["lines"][0]["quantity"] == 2


def test_a_checkout_is_traced_and_its_streams_are_read(
    shop: Shop, merchant: Merchant, shopper: Shopper, ctl: Prismctl
) -> None:
    mug = merchant.sells(price=100, stock=1)
    cart = shopper.fills((mug, 1))
    checkout = applied(shopper.checks_out(cart, 100))["commandId"]
    shopper.order(cart, "CONFIRMED")

    def delivered() -> bool:
        [first] = [each for each in ctl("trace", checkout, "--json").json["commands"] if not each["cause"]]
        return bool(first["delivery"])

    eventually(delivered, WAIT_S)
    traced = ctl("trace", checkout, COLUMNS="80")
    assert (traced.exit_code, traced.err) == (0, "")
    stages = [line.split() for line in traced.out.splitlines()[3:12]]
    assert [line[0] for line in stages] == [*STAGES, "delivered"]
    assert all(line[1] != "-" for line in stages)
    assert f"-> CartCheckedOut  cart-{cart}:2" in traced.out
    for followed in ("PlaceOrder", "ReserveStock", "OrderConfirmed"):
        assert followed in traced.out
    shown = ctl("stream", "show", f"cart-{cart}", "--json").json["commits"]
    assert [event["data"]["cartId"] for commit in shown for event in commit["events"]] == [cart, cart]
    assert ctl("stream", "show", f"cart-{cart}", "--at", "1", "--json").json["version"] == 1
    assert ctl("stream", "show", f"cart-{cart}", "--at", "99").exit_code == 5
    assert ctl("stream", "republish", f"cart-{cart}").out == f"2 commits of cart-{cart} published again\n"

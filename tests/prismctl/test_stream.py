"""stream: commits with their events and commands, states at versions, and what is published again."""

import json

import pytest

from prism.admin.v1.streams_pb2 import StoredCommit
from prism.cart.v1 import events_pb2 as v1
from prism.cart.v2 import events_pb2 as v2
from prism.envelope.v1.envelope_pb2 import Outcome
from tests.prismctl.program import Prismctl
from tests.prismctl.workers import Plane, opened

COMMAND = "0b5cbb52-4f4f-4b71-9d2a-6a1f4a0f6f11"


def commit(number: int, *, stored: bool = False) -> StoredCommit:
    old = v1.ItemAddedToCart(cart_id="c1", product_id="tea", unit_price_cents=199)
    new = v2.ItemAddedToCart(cart_id="c1", product_id="tea")
    new.unit_price.currency = "EUR"
    event = opened(old if stored else new, id=f"cart-c1:{number}", stream="cart-c1", version=number)
    event.envelope.time.FromJsonString("2026-11-23T15:04:05.678Z")
    answer = StoredCommit(number=number, version=number, events=[event])
    answer.outcomes.add(
        command_id=COMMAND,
        status=Outcome.APPLIED,
        subject="alice",
        command_type="prism.cart.v1.AddItemToCart",
    )
    return answer


@pytest.fixture
def cart(plane: Plane) -> Plane:
    """cart-c1 with 230 commits, the last one a rejection."""
    plane.shelf.commits["cart-c1"] = [commit(number) for number in range(1, 230)]
    plane.shelf.stored["cart-c1"] = [commit(number, stored=True) for number in range(1, 230)]
    rejected = StoredCommit(number=230, version=229)
    rejected.outcomes.add(
        command_id=COMMAND, status=Outcome.REJECTED, code="CART_CLOSED", detail="it is checked out"
    )
    rejected.outcomes[0].stages.decided_at.FromJsonString("2026-11-23T16:00:00Z")
    plane.shelf.commits["cart-c1"].append(rejected)
    for version in range(1, 230):
        plane.shelf.states["cart-c1", version] = json.dumps({"owner": "zoë", "quantities": {"tea": version}})
    return plane


def test_commits_are_shown_with_their_events_and_commands(cart: Plane, ctl: Prismctl) -> None:
    shown = ctl("stream", "show", "cart-c1", COLUMNS="80")
    assert shown.exit_code == 0
    for part in ("commit 1", "version 1", "2026-11-23 15:04:05.678Z", "ItemAddedToCart", '"currency": "EUR"'):
        assert part in shown.out
    assert f"AddItemToCart  APPLIED  {COMMAND}  by alice" in " ".join(shown.out.split(" ")).replace("\n", "")
    assert max(map(len, shown.out.splitlines())) <= 80
    assert shown.out.count("commit ") == 20
    assert "--after 20" in shown.err


def test_events_are_shown_as_they_rest_in_the_store(cart: Plane, ctl: Prismctl) -> None:
    shown = ctl("stream", "show", "cart-c1", "--stored", "--limit", "1", "--json")
    [event] = shown.json["commits"][0]["events"]
    assert event["type"] == "prism.cart.v1.ItemAddedToCart"
    assert event["data"]["unitPriceCents"] == "199"


def test_a_rejection_is_a_commit_without_events(cart: Plane, ctl: Prismctl) -> None:
    shown = ctl("stream", "show", "cart-c1", "--after", "229")
    assert shown.exit_code == 0
    assert "commit 230  version 229  2026-11-23 16:00:00.000Z" in shown.out
    assert "REJECTED" in shown.out
    assert "CART_CLOSED: it is checked out" in shown.out


def test_pages_are_followed(cart: Plane, ctl: Prismctl) -> None:
    shown = ctl("stream", "show", "cart-c1", "--limit", "1000", "--json")
    assert [each["number"] for each in shown.json["commits"]] == list(range(1, 231))
    assert shown.json["nextAfter"] == 0
    shown = ctl("stream", "show", "cart-c1", "--after", "10", "--limit", "150", "--json")
    assert [each["number"] for each in shown.json["commits"]] == list(range(11, 161))
    assert shown.json["nextAfter"] == 160


def test_the_state_at_a_version_is_shown(cart: Plane, ctl: Prismctl) -> None:
    shown = ctl("stream", "show", "cart-c1", "--at", "7")
    assert shown.exit_code == 0
    assert "version 7" in shown.out
    assert '"owner": "zoë"' in shown.out
    assert ctl("stream", "show", "cart-c1", "--at", "7", "--json").json["state"]["quantities"] == {"tea": 7}
    assert ctl("stream", "show", "cart-c1", "--at", "0", "--json").json["version"] == 229


def test_what_does_not_exist_is_not_found(cart: Plane, ctl: Prismctl) -> None:
    assert ctl("stream", "show", "cart-c2").exit_code == 5
    assert "is at version 229" in ctl("stream", "show", "cart-c1", "--at", "230").err
    assert ctl("stream", "show", "cart-c1", "--at", "230").exit_code == 5
    misspelt = ctl("stream", "show", "karts-c1")
    assert misspelt.exit_code == 2
    assert "no aggregate has streams like 'karts-c1'" in misspelt.err
    assert ctl("stream", "show", "cart-c1", "--at", "7", "--stored").exit_code == 2


def test_commits_are_published_again(cart: Plane, ctl: Prismctl) -> None:
    done = ctl("stream", "republish", "cart-c1", "--from", "3", "--to", "7")
    assert (done.exit_code, done.out) == (0, "5 commits of cart-c1 published again\n")
    assert cart.shelf.published == [("cart-c1", number) for number in range(3, 8)]


def test_all_commits_are_published_again(cart: Plane, ctl: Prismctl) -> None:
    cart.shelf.chunk = 100
    assert ctl("stream", "republish", "cart-c1", "--json").json == {"stream": "cart-c1", "commits": 230}
    assert ctl("stream", "republish", "cart-c2").exit_code == 5
    assert ctl("stream", "republish", "cart-c1", "--from", "5", "--to", "2").exit_code == 2


def test_another_replica_answers_for_one_that_is_down(cart: Plane, ctl: Prismctl) -> None:
    targets = f"127.0.0.1:1,{cart.domain_server.address}"
    assert ctl("stream", "show", "cart-c1", "--domain", targets).exit_code == 0
    cart.domain_server.stop()
    down = ctl("stream", "show", "cart-c1", "--domain", targets)
    assert down.exit_code == 3
    assert len(down.err.splitlines()) == 1

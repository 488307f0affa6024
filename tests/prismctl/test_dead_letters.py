"""dead-letters: what nobody could handle is found, understood, put back or thrown away."""

import base64
import time

import pytest

from prism.cart.v1.commands_pb2 import AddItemToCart
from tests.prismctl.program import Prismctl
from tests.prismctl.workers import Plane, opened

POISONED = "1795446245678901-0badcafe"
OTHER = "1795446245678902-0badf00d"


@pytest.fixture
def letters(plane: Plane) -> Plane:
    """Two of commands, one of events."""
    command = opened(
        AddItemToCart(cart_id="c1", product_id="tea", quantity=2),
        id="0b5cbb52-4f4f-4b71-9d2a-6a1f4a0f6f11",
        stream="cart-c1",
        subject="alice",
    )
    plane.domain.add_letter("commands", POISONED, command, "KeyError: 'tea'")
    plane.domain.add_letter("commands", OTHER, None, "it is no CommandMessage", b"\x00garbage\xff")
    plane.projector.add_letter("events-sales", "1795446245678903-12345678", command, "late")
    return plane


def test_all_are_listed_by_queue(letters: Plane, ctl: Prismctl) -> None:
    shown = ctl("dead-letters", "list", COLUMNS="80")
    assert shown.exit_code == 0
    for part in ("commands", "events-sales", POISONED, OTHER, "AddItemToCart cart-c1", "KeyError: 'tea'"):
        assert part in shown.out
    assert max(map(len, shown.out.splitlines())) <= 80


def test_a_queue_alone_is_listed(letters: Plane, ctl: Prismctl) -> None:
    shown = ctl("dead-letters", "list", "--queue", "events-sales", "--json")
    assert [letter["queue"] for letter in shown.json["letters"]] == ["events-sales"]
    assert ctl("dead-letters", "list", "--queue", "events-views").out == "No dead letters.\n"


def test_pages_are_followed_up_to_the_limit(plane: Plane, ctl: Prismctl) -> None:
    for number in range(250):
        plane.domain.add_letter("commands", f"{number:016}-00000000", None, "poison")
    shown = ctl("dead-letters", "list", "--limit", "240", "--json")
    assert len(shown.json["letters"]) == 240
    assert "--limit" in shown.err
    assert len(ctl("dead-letters", "list", "--limit", "1000", "--json").json["letters"]) == 250


def test_what_can_be_reached_is_listed(letters: Plane, ctl: Prismctl) -> None:
    letters.projector_server.stop()
    shown = ctl("dead-letters", "list")
    assert shown.exit_code == 3
    assert POISONED in shown.out
    assert "projector_svc" in shown.err


def test_one_is_shown_decoded(letters: Plane, ctl: Prismctl) -> None:
    shown = ctl("dead-letters", "show", "commands", POISONED)
    assert shown.exit_code == 0
    for part in (POISONED, "KeyError: 'tea'", "deliveries", '"productId": "tea"', "by       alice"):
        assert part in shown.out
    assert "as received" not in shown.out
    shown = ctl("dead-letters", "show", "commands", "0badcafe", "--json", "--raw")
    assert shown.json["items"][0]["data"] == {"cartId": "c1", "productId": "tea", "quantity": 2}
    assert base64.b64decode(shown.json["body"]) == b"as received"


def test_one_that_is_no_message_is_shown_as_it_was_received(letters: Plane, ctl: Prismctl) -> None:
    shown = ctl("dead-letters", "show", "commands", OTHER, "--raw")
    assert shown.exit_code == 0
    assert "no message that could be opened" in shown.out
    assert "00 67 61 72 62 61 67 65 ff" in shown.out
    assert ".garbage." in shown.out


def test_the_poisoned_one_is_put_back(letters: Plane, ctl: Prismctl) -> None:
    done = ctl("dead-letters", "requeue", "commands", "0badcafe")
    assert (done.exit_code, done.out) == (0, "1 dead letter put back into commands\n")
    assert letters.domain.requeued == [("commands", POISONED)]


def test_all_are_put_back_however_many_calls_it_takes(plane: Plane, ctl: Prismctl) -> None:
    for number in range(5):
        plane.domain.add_letter("commands", f"{number:016}-00000000", None, "poison")
    done = ctl("dead-letters", "requeue", "commands", "--all", "--json")
    assert done.json == {"queue": "commands", "requeued": 5, "missing": []}
    assert plane.domain.letters["commands"] == {}


def test_none_and_all_at_once_are_no_request(letters: Plane, ctl: Prismctl) -> None:
    assert ctl("dead-letters", "requeue", "commands").exit_code == 2
    assert ctl("dead-letters", "requeue", "commands", POISONED, "--all").exit_code == 2
    assert letters.domain.requeued == []


def test_the_missing_are_named(letters: Plane, ctl: Prismctl) -> None:
    done = ctl("dead-letters", "requeue", "commands", POISONED, "nothing")
    assert done.exit_code == 1
    assert "1 dead letter put back" in done.out
    assert "nothing" in done.err
    assert letters.domain.requeued == [("commands", POISONED)]


def test_an_abbreviation_fits_one_or_none(letters: Plane, ctl: Prismctl) -> None:
    done = ctl("dead-letters", "requeue", "commands", "17954462456789")
    assert done.exit_code == 2
    assert "fits 2 ids" in done.err
    # Too short to be one.
    assert ctl("dead-letters", "requeue", "commands", "afe").exit_code == 1
    assert letters.domain.requeued == []


def test_whole_numbers_are_not_abbreviated(plane: Plane, ctl: Prismctl) -> None:
    plane.domain.add_letter("commands", "12345", None, "poison")
    assert ctl("dead-letters", "requeue", "commands", "1234").exit_code == 1
    assert plane.domain.requeued == []


def test_one_is_discarded_for_a_reason(letters: Plane, ctl: Prismctl) -> None:
    asked = ("dead-letters", "discard", "commands", OTHER, "--reason", "garbage of a scanner")
    assert ctl(*asked).exit_code == 2
    assert letters.domain.discarded == []
    done = ctl(*asked, "--yes")
    assert (done.exit_code, done.out) == (0, "1 dead letter of commands discarded\n")
    assert letters.domain.discarded == [("commands", OTHER, "garbage of a scanner", "olga")]
    assert ctl(*asked, "--yes").exit_code == 1


def test_a_terminal_is_asked_before_anything_is_discarded(letters: Plane, ctl: Prismctl) -> None:
    with ctl.on_terminal("dead-letters", "discard", "commands", "0badcafe", "--reason", "x") as terminal:
        terminal.await_text(f"Discard 1 dead letter of commands for good ({POISONED})?")
        terminal.type("n\n")
        assert terminal.end() == 1
    assert letters.domain.discarded == []


def test_a_reason_is_needed(letters: Plane, ctl: Prismctl) -> None:
    assert ctl("dead-letters", "discard", "commands", OTHER, "--yes").exit_code == 2
    assert ctl("dead-letters", "discard", "commands", OTHER, "--yes", "--reason", " ").exit_code == 2
    assert ctl("dead-letters", "discard", "commands", OTHER, "--yes", "--reason", "x" * 201).exit_code == 2
    assert letters.domain.discarded == []


def test_the_old_ones_are_discarded_together(plane: Plane, ctl: Prismctl) -> None:
    days_old = {"a": 40, "b": 31, "c": 29, "d": 0}
    for id_, days in days_old.items():
        plane.domain.add_letter("commands", id_, None, "poison")
        at = int(time.time()) - days * 24 * 3600
        plane.domain.letters["commands"][id_].letter.time.FromSeconds(at)
    discard = ("dead-letters", "discard", "commands", "--reason", "decided on a month ago", "--yes")
    for wrong in ((), ("a", "--older-than", "30"), ("--older-than", "0")):
        assert ctl(*discard, *wrong).exit_code == 2
    assert plane.domain.discarded == []
    done = ctl(*discard, "--older-than", "30")
    assert (done.exit_code, done.out) == (0, "2 dead letters of commands discarded\n")
    assert [id_ for _, id_, *_ in plane.domain.discarded] == ["a", "b"]
    none = ctl(*discard, "--older-than", "30")
    assert (none.exit_code, none.err.count("no dead letter of commands is older than 30 days")) == (1, 1)


def test_the_owner_of_a_queue_is_found_by_asking(letters: Plane, ctl: Prismctl) -> None:
    assert ctl("dead-letters", "requeue", "events-sales", "--all").exit_code == 0
    assert letters.projector.requeued == [("events-sales", "1795446245678903-12345678")]
    done = ctl("dead-letters", "show", "no-queue", "1")
    assert done.exit_code == 5
    assert "no worker consumes a queue 'no-queue'" in done.err
    letters.projector_server.stop()
    assert ctl("dead-letters", "show", "events-views", "1").exit_code == 3


def test_one_that_is_gone_is_not_found(letters: Plane, ctl: Prismctl) -> None:
    assert ctl("dead-letters", "show", "commands", "1795446245678901-ffffffff").exit_code == 5


def test_what_a_poisoned_message_says_cannot_command_the_terminal(plane: Plane, ctl: Prismctl) -> None:
    plane.domain.add_letter(
        "commands", "\x1b[2J1", opened(AddItemToCart(cart_id="\x1b[31m\u202e")), "\x1b]0;x"
    )
    for shown in (ctl("dead-letters", "list"), ctl("dead-letters", "show", "commands", "\x1b[2J1", "--raw")):
        assert shown.exit_code == 0
        assert "\x1b" not in shown.out
        assert "\u202e" not in shown.out

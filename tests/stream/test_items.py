import json

from kernel import contract
from kernel.updates import Cursor, Entry
from prism.envelope.v1.envelope_pb2 import Delivery, Envelope, Outcome, Update
from stream_svc.items import Expanded, Item, expand
from stream_svc.repeats import Repeats
from tests.stream import given

SHOP = contract.load()


def expanded(delivery: Delivery) -> Expanded:
    return expand(Entry(Cursor("e1", "7-3"), delivery), SHOP)


def only(delivery: Delivery) -> Item:
    (item,) = expanded(delivery).items
    return item


def sent(item: Item, topic: str) -> str:
    rendered = item.render(SHOP)
    assert rendered is not None
    return item.message(topic, rendered).decode()


def test_an_entry_tells_of_views_then_of_the_outcome_then_of_the_events() -> None:
    delivery = given.delivery(
        given.cart("c1", 2),
        given.order("c1", 1),
        outcome=given.applied("x"),
        events=[given.event("cart-c1", 2)],
    )

    items = expanded(delivery).items

    assert [item.event for item in items] == ["cart", "order", "command", "activity"]
    assert [str(item.position) for item in items] == [f"e1.7-3.{index}" for index in range(4)]


def test_a_message_has_its_lines_in_the_contracts_order_and_form() -> None:
    lines = sent(only(given.delivery(given.cart("c1", 2))), "cart/c1").split("\n")

    assert [line.partition(" ")[0] for line in lines] == ["id:", "event:", "data:", "", ""]
    assert lines[:2] == ["id: e1.7-3.0", "event: cart"]
    assert json.loads(lines[2][6:]) == {
        "topic": "cart/c1",
        "version": 2,
        "commandId": "command",
        "data": {"cartId": "c1", "ownerId": "alice", "status": "OPEN", "lines": [], "version": 2},
    }


def test_text_of_any_kind_stays_on_one_line() -> None:
    outcome = given.applied("x")
    outcome.detail = "a\nb\r\nc\x00 \u2028 é"

    message = sent(only(given.delivery(outcome=outcome)), "commands")

    assert len(message.splitlines()) == 4
    assert json.loads(message.split("data: ")[1])["data"]["detail"] == outcome.detail


def test_an_outcome_reads_as_the_edge_answers_it() -> None:
    outcome = given.applied("x")
    outcome.command_type, outcome.causation_id, outcome.traceparent = "a.Type", "cart-c1:1", "00-1"
    outcome.stages.accepted_at.GetCurrentTime()

    item = only(given.delivery(outcome=outcome))

    assert item.owner == "alice"
    assert json.loads(sent(item, "commands").split("data: ")[1]) == {
        "topic": "commands",
        "version": 1,
        "commandId": "x",
        "data": {
            "commandId": "x",
            "status": "APPLIED",
            "stream": "cart-c1",
            "version": 1,
            "code": "",
            "detail": "",
            "events": [{"eventId": "cart-c1:1", "type": "CartCheckedOut"}],
        },
    }


def test_activity_shows_an_event_with_all_that_is_known_of_it() -> None:
    item = only(given.delivery(events=[given.event("cart-c1", 4)]))

    data = json.loads(sent(item, "activity").split("data: ")[1])["data"]

    assert data["data"]["cartId"] == "c1"
    assert data | {"data": None} == {
        "eventId": "cart-c1:4",
        "type": "CartCheckedOut",
        "stream": "cart-c1",
        "version": 4,
        "time": "2023-11-14T22:13:20Z",
        "subject": "alice",
        "commandId": "command",
        "correlationId": "chain",
        "data": None,
    }


def test_an_event_of_a_newer_release_is_told_without_its_data() -> None:
    unknown = Envelope(id="cart-c1:1", type="prism.cart.v9.CartFlew", data=b"\xff")

    data = json.loads(sent(only(given.delivery(events=[unknown])), "activity").split("data: ")[1])["data"]

    assert data["type"] == "CartFlew"
    assert data["data"] is None


def test_nobody_is_told_of_what_nobody_may_subscribe_to() -> None:
    unowned, untopical = given.cart("c1", 1), given.order("o1", 1)
    unowned.owner = ""
    del untopical.topics[:]
    unknown = Update(view="weather", topics=["weather/today"])

    assert expanded(given.delivery(unowned, untopical, unknown, outcome=Outcome(command_id="x"))).items == ()


def test_a_defective_view_is_not_shown() -> None:
    broken = given.cart("c1", 1)
    broken.data = b"\xff"

    assert only(given.delivery(broken)).render(SHOP) is None


def new(repeats: Repeats, delivery: Delivery) -> list[str]:
    return [item.event for item in expanded(delivery).items if repeats.is_new(item)]


def test_what_was_told_is_not_told_again() -> None:
    repeats = Repeats()
    whole = given.delivery(
        given.cart("c1", 2), outcome=given.applied("x"), events=[given.event("cart-c1", 2)]
    )

    assert new(repeats, whole) == ["cart", "command", "activity"]
    assert new(repeats, whole) == []
    assert new(repeats, given.delivery(given.cart("c1", 1), outcome=given.applied("y"))) == ["command"]
    assert new(repeats, given.delivery(given.cart("c1", 3), given.cart("c2", 1))) == ["cart", "cart"]


def test_each_stream_of_a_row_counts_for_itself() -> None:
    repeats = Repeats()

    assert new(repeats, given.delivery(given.product("p1", 5))) == ["product"]
    assert new(repeats, given.delivery(given.product("p1", 5, "stock", 1))) == ["product"]
    assert new(repeats, given.delivery(given.product("p1", 5, "stock", 1))) == []


def test_an_older_state_of_a_row_told_late_is_left_out_whichever_stream_moved_it() -> None:
    repeats = Repeats()
    assert new(repeats, given.delivery(given.product("p1", 1, "stock", 1, revision=2))) == ["product"]
    # Another replica saved this one before, and told it after.
    assert new(repeats, given.delivery(given.product("p1", 1, revision=1))) == []
    assert new(repeats, given.delivery(given.product("p1", 2, revision=3))) == ["product"]


def test_a_command_that_failed_and_was_requeued_is_told_of_again() -> None:
    repeats, failed = Repeats(), given.applied("x")
    failed.status = Outcome.FAILED

    assert new(repeats, given.delivery(outcome=failed)) == ["command"]
    assert new(repeats, given.delivery(outcome=given.applied("x"))) == ["command"]
    assert new(repeats, given.delivery(outcome=failed)) == []


def test_memory_of_repeats_is_bounded() -> None:
    repeats = Repeats(capacity=2)

    for id_ in ("c1", "c2", "c3"):
        assert new(repeats, given.delivery(given.cart(id_, 1))) == ["cart"]

    assert new(repeats, given.delivery(given.cart("c3", 1))) == []
    assert new(repeats, given.delivery(given.cart("c1", 1))) == ["cart"]

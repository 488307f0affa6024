from collections.abc import Iterable

import pytest
from hypothesis import given as forall
from hypothesis import strategies as st

from kernel import contract
from stream_svc.cursors import START, Position, parse, place_of
from stream_svc.hub import Hub, TooManyStreams
from stream_svc.items import Expanded, expand
from stream_svc.ring import Reset, Ring
from stream_svc.subscription import Ended, Interest, Subscription
from tests.stream import given

SHOP = contract.load()


def hub_with(entries: Iterable[Expanded] = (), capacity: int = 100, limit: int = 10) -> Hub:
    hub = Hub(SHOP, limit, capacity)
    hub.load("e1", START, [])
    for entry in entries:
        hub.publish(entry)
    return hub


def carts(*numbers: int, owner: str = "alice") -> list[Expanded]:
    """The entries with these numbers: each is the cart c1 at that version, and a product."""
    return [expand(given.entry(n, given.cart("c1", n, owner), given.product("p1", n)), SHOP) for n in numbers]


def ids(client: Subscription) -> list[str]:
    """What waits for a client: the ids, a reset as its reason."""
    blocks = []
    while taken := client.take(0):
        blocks += taken.decode().strip().split("\n\n")
    return [
        block.split('reason":"')[1].strip('"}') if "event: reset" in block else block.split("\n")[0][4:]
        for block in blocks
    ]


def alice(*topics: str) -> Interest:
    return Interest("alice", topics or ("cart/c1",))


def test_a_client_is_told_what_it_asked_for_and_may_see() -> None:
    hub = hub_with()
    mine, hers, everyones = (
        hub.subscribe(interest, None)
        for interest in (alice(), Interest("bob", ("cart/c1",)), Interest("bob", ("products", "product/p1")))
    )

    hub.publish(carts(1)[0])

    assert ids(mine) == ["e1.1-0.0"]
    assert ids(hers) == []
    # Once, though both of its topics match.
    assert ids(everyones) == ["e1.1-0.1"]


def test_a_message_names_the_most_specific_topic_that_the_client_asked_for() -> None:
    hub = hub_with()
    both, collection = (
        hub.subscribe(interest, None) for interest in (alice("products", "product/p1"), alice("products"))
    )

    hub.publish(carts(1)[0])

    assert b'"topic":"product/p1"' in both.take(0)
    assert b'"topic":"products"' in collection.take(0)
    replayed = hub.subscribe(alice("products", "product/p1"), Position("e1", START))
    assert b'"topic":"product/p1"' in replayed.take(0)


@pytest.mark.parametrize(
    ("cursor", "replayed"),
    [
        ("e1.0-0", ["e1.1-0.0", "e1.1-0.1", "e1.2-0.0", "e1.2-0.1"]),
        ("e1.1-0.0", ["e1.1-0.1", "e1.2-0.0", "e1.2-0.1"]),
        ("e1.1-0.1", ["e1.2-0.0", "e1.2-0.1"]),
        ("e1.1-0", ["e1.2-0.0", "e1.2-0.1"]),
        ("e1.2-0", []),
        ("e1.1-5", ["e1.2-0.0", "e1.2-0.1"]),
    ],
)
def test_a_client_that_comes_back_is_told_what_came_after_its_cursor(
    cursor: str, replayed: list[str]
) -> None:
    hub = hub_with(carts(1, 2))

    assert ids(hub.subscribe(alice("cart/c1", "products"), parse(cursor))) == replayed


@pytest.mark.parametrize(
    ("cursor", "reason"),
    [
        ("e2.2-0", "UNKNOWN_CURSOR"),
        ("nonsense", "UNKNOWN_CURSOR"),
        ("e1.9-0", "UNKNOWN_CURSOR"),
        ("e1.0-0", "TOO_OLD"),
        ("e1.1-0.1", "TOO_OLD"),
    ],
)
def test_a_client_whose_cursor_leads_nowhere_starts_over_from_now(cursor: str, reason: str) -> None:
    hub = hub_with(carts(1, 2, 3), capacity=2)

    client = hub.subscribe(alice(), parse(cursor))
    hub.publish(carts(4)[0])

    assert b"id: e1.3-0\nevent: reset\n" in client.take(0)
    assert ids(client) == ["e1.4-0.0"]
    assert ids(hub.subscribe(alice(), parse(cursor)))[0] == reason


def test_the_oldest_cursor_that_is_known_is_that_of_the_last_entry_dropped() -> None:
    hub = hub_with(carts(1, 2, 3), capacity=2)

    assert ids(hub.subscribe(alice(), parse("e1.1-0"))) == ["e1.2-0.0", "e1.3-0.0"]


@forall(st.lists(st.sampled_from(["publish", "take", "reconnect"]), max_size=40))
def test_with_any_reconnections_every_update_comes_once_and_in_order(steps: list[str]) -> None:
    hub, published = hub_with(), 0
    received: list[str] = []
    client = hub.subscribe(alice(), None)
    for step in steps:
        match step:
            case "publish":
                published += 1
                hub.publish(carts(published)[0])
            case "take":
                received += ids(client)
            case "reconnect":
                # What waits and was not taken goes with the connection.
                hub.unsubscribe(client)
                client = hub.subscribe(alice(), parse(received[-1] if received else "e1.0-0"))
    received += ids(client)

    assert received == [f"e1.{number}-0.0" for number in range(1, published + 1)]


def test_a_client_that_takes_too_slowly_starts_over() -> None:
    hub = hub_with(capacity=3)
    client = hub.subscribe(alice(), None)

    for entry in carts(1, 2, 3, 4, 5):
        hub.publish(entry)

    assert ids(client) == ["TOO_SLOW", "e1.4-0.0", "e1.5-0.0"]


def test_a_client_that_falls_behind_in_a_replay_starts_over_where_it_subscribed() -> None:
    hub = hub_with(carts(*range(1, 251)), capacity=300)
    client = hub.subscribe(alice(), parse("e1.0-0"))
    first = client.take(0).decode()
    assert first.count("\nevent: cart\n") == 100

    for entry in carts(*range(251, 551)):
        hub.publish(entry)

    told = client.take(0).decode()
    assert told == 'id: e1.250-0\nevent: reset\ndata: {"reason":"TOO_SLOW"}\n\n'
    assert ids(client) == [f"e1.{number}-0.0" for number in range(251, 551)]


def test_a_client_that_stopped_taking_starts_over_though_nothing_more_comes_for_it() -> None:
    hub = hub_with(capacity=10)
    client = hub.subscribe(alice(), None)
    hub.publish(carts(1)[0])

    for number in range(2, 13):
        hub.publish(expand(given.entry(number, given.cart("c2", number)), SHOP))

    assert ids(client) == ["TOO_SLOW"]


def test_large_entries_leave_the_ring_before_it_has_its_capacity_of_them() -> None:
    entries = carts(*range(1, 11))
    ring = Ring(100, "e1", START, max_bytes=3 * entries[-1].size)
    for entry in entries:
        ring.append(entry)

    assert ring.floor == place_of("7-0")
    assert ring.refusal(parse("e1.6-0")) is Reset.TOO_OLD
    found = ring.find_all(alice().addresses, place_of("7-0"), ring.end.place)
    assert [item.version for item, _ in found] == [8, 9, 10]


def test_when_updates_were_lost_every_client_starts_over() -> None:
    hub = hub_with(carts(1))
    clients = [hub.subscribe(alice(), parse("e1.1-0")), hub.subscribe(alice("activity"), None)]

    hub.load("e2", place_of("1-0"), [])

    for client in clients:
        assert client.take(0) == b'id: e2.1-0\nevent: reset\ndata: {"reason":"UPDATES_LOST"}\n\n'


def test_at_most_as_many_clients_as_the_limit_says_subscribe_at_once() -> None:
    hub = hub_with(limit=2)
    first, _ = hub.subscribe(alice(), None), hub.subscribe(alice(), None)

    with pytest.raises(TooManyStreams):
        hub.subscribe(alice(), None)
    hub.unsubscribe(first)
    hub.unsubscribe(first)
    hub.subscribe(alice(), None)
    with pytest.raises(TooManyStreams):
        hub.subscribe(alice(), None)


def test_a_client_that_left_costs_nothing_more() -> None:
    hub = hub_with()
    client = hub.subscribe(alice(), None)
    hub.unsubscribe(client)

    hub.publish(carts(1)[0])

    assert ids(client) == []


def test_a_closed_hub_ends_its_clients_and_whoever_comes() -> None:
    hub = hub_with(carts(1))
    client = hub.subscribe(alice(), parse("e1.0-0"))

    hub.close()

    with pytest.raises(Ended):
        client.take(0)
    for after in (None, parse("e1.0-0")):
        with pytest.raises(Ended):
            hub.subscribe(alice(), after).take(0)

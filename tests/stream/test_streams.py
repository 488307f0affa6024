"""Streams of a real process, over HTTP."""

import uuid

import httpx
import pytest

from tests.stream import given
from tests.stream.client import Stream, address, opened
from tests.stream.given import Projector
from tests.stream.process import StreamProcess


@pytest.fixture
def id_() -> str:
    return uuid.uuid4().hex


@pytest.fixture
def alice(stream_svc: StreamProcess) -> str:
    return stream_svc.token("alice")


@pytest.fixture
def bob(stream_svc: StreamProcess) -> str:
    return stream_svc.token("bob")


def test_an_update_comes_as_the_contract_shows_it(
    stream_svc: StreamProcess, projector: Projector, alice: str, id_: str
) -> None:
    with opened(stream_svc.url, alice, f"cart/{id_}") as stream:
        projector.publish(given.cart(id_, 1))

        message = stream.next()

    headers = stream.response.headers
    assert headers["Content-Type"].startswith("text/event-stream")
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Accel-Buffering"] == "no"
    assert message.event == "cart"
    assert message.id == f"{projector.log.position()}.0"
    assert message.data["topic"] == f"cart/{id_}"
    assert message.data["commandId"] == "command"
    assert message.data["data"]["cartId"] == id_


def test_updates_come_in_order_to_every_client(
    stream_svc: StreamProcess, projector: Projector, alice: str, id_: str
) -> None:
    with (
        opened(stream_svc.url, alice, f"cart/{id_}") as one,
        opened(stream_svc.url, alice, f"cart/{id_}", "orders") as other,
    ):
        projector.deliver(*(given.delivery(given.cart(id_, version)) for version in range(1, 301)))

        assert one.versions(300) == list(range(1, 301))
        assert other.versions(300) == list(range(1, 301))


def test_each_sees_what_is_its_own(
    stream_svc: StreamProcess, projector: Projector, alice: str, bob: str, id_: str
) -> None:
    topics = (f"cart/{id_}", f"order/{id_}", "orders", "commands", "products")
    with opened(stream_svc.url, alice, *topics) as hers, opened(stream_svc.url, bob, *topics) as his:
        projector.deliver(
            given.delivery(
                given.cart(id_, 1, owner="alice"),
                given.order(id_, 1, owner="bob"),
                given.product(id_, 1),
                outcome=given.applied(id_, subject="alice"),
                events=[given.event(f"cart-{id_}", 1)],
            )
        )
        projector.publish(given.product(id_, 2))

        expected = {
            hers: [("cart", f"cart/{id_}"), ("product", "products"), ("command", "commands")],
            his: [("order", f"order/{id_}"), ("product", "products")],
        }
        for stream, messages in expected.items():
            # The second product shows that nothing else came before it.
            for event, topic in [*messages, ("product", "products")]:
                message = stream.next()
                assert (message.event, message.data["topic"]) == (event, topic)


def test_an_operator_sees_every_event(stream_svc: StreamProcess, projector: Projector, id_: str) -> None:
    with opened(stream_svc.url, stream_svc.token("olga", "operator"), "activity") as stream:
        projector.deliver(given.delivery(events=[given.event(f"cart-{id_}", n) for n in (1, 2)]))

        messages = [stream.next(), stream.next()]

    assert [message.event for message in messages] == ["activity", "activity"]
    assert [message.data["data"]["eventId"] for message in messages] == [f"cart-{id_}:1", f"cart-{id_}:2"]


def test_what_is_published_again_comes_once(
    stream_svc: StreamProcess, projector: Projector, alice: str, id_: str
) -> None:
    with opened(stream_svc.url, alice, f"cart/{id_}") as stream:
        for version in (1, 2, 1, 2, 3):
            projector.publish(given.cart(id_, version))

        assert stream.versions(3) == [1, 2, 3]


@pytest.fixture
def three_seen(stream_svc: StreamProcess, projector: Projector, alice: str, id_: str) -> list[str]:
    """The ids that a client was given before and at three updates of a cart and an order."""
    with opened(stream_svc.url, alice, f"cart/{id_}", f"order/{id_}") as stream:
        ids = [stream.last_id]
        for version in (1, 2, 3):
            projector.publish(given.cart(id_, version), given.order(id_, version))
        ids += [stream.next().id for _ in range(6)]
    return ids


@pytest.mark.parametrize("seen", range(7))
def test_a_client_goes_on_after_the_last_message_that_it_saw(
    stream_svc: StreamProcess, projector: Projector, alice: str, id_: str, three_seen: list[str], seen: int
) -> None:
    with opened(stream_svc.url, alice, f"cart/{id_}", f"order/{id_}", after=three_seen[seen]) as stream:
        projector.publish(given.cart(id_, 4), given.order(id_, 4))

        came = [stream.next() for _ in range(8 - seen)]

    both = [(event, version) for version in (1, 2, 3, 4) for event in ("cart", "order")]
    assert [(message.event, message.version) for message in came] == both[seen:]


def test_a_page_goes_on_from_the_cursor_that_came_with_its_view(
    stream_svc: StreamProcess, projector: Projector, alice: str, id_: str
) -> None:
    projector.publish(given.cart(id_, 1), given.order(id_, 1))
    # What the edge answers as Prism-Stream-Cursor.
    cursor = str(projector.log.position())
    projector.publish(given.cart(id_, 2))

    with opened(stream_svc.url, alice, f"cart/{id_}", f"order/{id_}", after=cursor) as stream:
        assert stream.versions(1) == [2]


def test_the_cursor_may_be_in_the_address_and_the_header_wins(
    stream_svc: StreamProcess, projector: Projector, alice: str, id_: str, three_seen: list[str]
) -> None:
    url = address(stream_svc.url, [f"cart/{id_}"], lastEventId=three_seen[0])
    for header, first in (({}, 1), ({"Last-Event-ID": three_seen[2]}, 2)):
        headers = {"Authorization": f"Bearer {alice}", **header}
        with httpx.stream("GET", url, headers=headers, timeout=10) as response:
            assert Stream(response).versions(1) == [first]


@pytest.mark.parametrize("cursor", ["nonsense", "ffffffff.1-0", "ffffffff.0-0.3"])
def test_a_cursor_that_is_not_known_resets_the_client_which_then_goes_on(
    stream_svc: StreamProcess, projector: Projector, alice: str, id_: str, cursor: str
) -> None:
    projector.publish(given.cart(id_, 1))

    with opened(stream_svc.url, alice, f"cart/{id_}", after=cursor) as stream:
        reset = stream.next()
    projector.publish(given.cart(id_, 2))
    with opened(stream_svc.url, alice, f"cart/{id_}", after=reset.id) as stream:
        came = stream.next()

    assert (reset.event, reset.data) == ("reset", {"reason": "UNKNOWN_CURSOR"})
    assert (came.event, came.version) == ("cart", 2)


def test_a_cursor_of_the_future_resets_the_client(
    stream_svc: StreamProcess, projector: Projector, alice: str, id_: str
) -> None:
    epoch = projector.log.position().epoch
    with opened(stream_svc.url, alice, f"cart/{id_}", after=f"{epoch}.9999999999999-0") as stream:
        assert stream.next().event == "reset"


def test_a_client_that_heard_nothing_yet_misses_nothing_by_coming_back(
    stream_svc: StreamProcess, projector: Projector, alice: str, id_: str
) -> None:
    with opened(stream_svc.url, alice, f"cart/{id_}") as stream:
        heard = stream.last_id
    projector.publish(given.cart(id_, 1))

    with opened(stream_svc.url, alice, f"cart/{id_}", after=heard) as stream:
        assert stream.versions(1) == [1]

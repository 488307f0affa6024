"""What the azure engine promises beyond the ports: answers may be lost, and others share the account."""

import base64
from collections.abc import Callable
from typing import Any

import pytest
from azure.core.exceptions import ServiceResponseError
from azure.core.rest import HttpRequest, HttpResponse
from azure.storage.queue import QueueServiceClient
from hypothesis import given
from hypothesis import strategies as st

from kernel.azure.entities import data_of, decode, encode, entity
from kernel.azure.storage import AzureStorage
from kernel.azure.transport import Transport
from kernel.ports import Row, RowId
from prism.envelope.v1.envelope_pb2 import Commit, Outcome
from tests.engines.test_views import KEYS, ODD_KEYS

FIRST = Commit(stream="cart-1", number=1, outcomes=[Outcome(command_id="c1")])


@pytest.fixture
def lose_answers(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Makes the next answers get lost after the service has done what it was asked."""
    send = Transport.send

    def lose(count: int) -> None:
        left = [count]

        def lossy(self: Transport, request: HttpRequest, **options: Any) -> HttpResponse:  # noqa: ANN401 - as the SDK
            response = send(self, request, **options)
            left[0] -= 1
            if left[0] >= 0:
                raise ServiceResponseError("lost")
            return response

        monkeypatch.setattr(Transport, "send", lossy)

    return lose


def test_an_append_whose_answer_was_lost_is_known_as_our_own(
    azure: AzureStorage, lose_answers: Callable[[int], None]
) -> None:
    azure.events.append([Commit(stream="the table is there", number=1)])
    lose_answers(1)
    assert azure.events.append([FIRST]) == [True]
    assert azure.events.read("cart-1") == [FIRST]


def test_a_row_whose_answer_was_lost_is_saved_but_not_ours(
    azure: AzureStorage, lose_answers: Callable[[int], None]
) -> None:
    row = Row(RowId("v", "p", "k"), b"data")
    azure.views.save([Row(RowId("v", "p", "the table is there"), b"")])
    lose_answers(1)
    assert azure.views.save([row]) == [None]
    (found,) = azure.views.get([row.id])
    assert found is not None
    assert found.data == b"data"


def test_a_message_whose_answer_was_lost_may_come_twice(
    azure: AzureStorage, lose_answers: Callable[[int], None]
) -> None:
    queue = azure.queue("commands")
    queue.put([b"first"])
    lose_answers(1)
    queue.put([b"second"])
    assert sorted(message.body for message in queue.receive()) == [b"first", b"second", b"second"]


def test_proxies_of_the_environment_are_not_used(
    azure: AzureStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    azure.ping()


def test_a_message_that_others_put_is_received_as_it_is(azure: AzureStorage, azurite_address: str) -> None:
    queue = azure.queue("commands")
    queue.put([])
    with QueueServiceClient.from_connection_string(azurite_address) as others:
        theirs = others.create_queue(f"{azure._namespace}-commands")  # what the portal would open
        theirs.send_message("no base64!")
        theirs.send_message(base64.b64encode(b"ours").decode())
    assert sorted(message.body for message in queue.receive()) == [b"no base64!", b"ours"]


@given(texts=st.tuples(KEYS | ODD_KEYS, KEYS | ODD_KEYS))
def test_keys_keep_the_order_of_their_texts_and_give_them_back(texts: tuple[str, str]) -> None:
    keys = [encode(text) for text in texts]
    assert [decode(key) for key in keys] == list(texts)
    # Table Storage compares UTF-16 units.
    units = [key.encode("utf-16-be") for key in keys]
    assert (units[0] < units[1]) == (texts[0] < texts[1])
    assert all(len(unit) // 2 <= 2 * len(text) for unit, text in zip(units, texts, strict=True))
    assert not set("/\\#?%|") & set(keys[0])


@given(data=st.binary(max_size=200), copies=st.integers(0, 2000))
def test_data_is_spread_over_properties_and_put_together_again(data: bytes, copies: int) -> None:
    stored = entity("p", "r", data * copies)
    assert data_of(stored) == data * copies
    assert all(len(value) <= 65536 for name, value in stored.items() if name.startswith("d"))

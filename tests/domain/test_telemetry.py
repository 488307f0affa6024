"""What the handlers of commands and events tell: a line and a number for each thing that happened, once."""

import logging
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY

from tests.commands import add, register
from tests.shop import Shop, open_shop

TRACE_ID = "ab" * 16
TRACE = f"00-{TRACE_ID}-{'cd' * 8}-01"


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    shop = open_shop(tmp_path)
    shop.do(register("tea"), by="merchant")
    return shop


@pytest.fixture(autouse=True)
def _info(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


def told(caplog: pytest.LogCaptureFixture, message: str) -> list[dict[str, Any]]:
    """The lines of a message."""
    return [
        line
        for record in caplog.records
        if record.getMessage() == message
        for line in record.prism_fields  # type: ignore[attr-defined] # what kernel.telemetry.log.each adds
    ]


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def test_a_command_is_told_from_its_decision_to_its_views(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.clear()
    command = shop.send(add("c1", "tea"), traceparent=TRACE)
    shop.settle()

    assert told(caplog, "decided") == [
        {
            "command_id": command.id,
            "stream": "cart-c1",
            "status": "APPLIED",
            "type": "AddItemToCart",
            "version": 1,
            "trace_id": TRACE_ID,
        }
    ]
    event = {
        "event_id": "cart-c1:1",
        "command_id": command.id,
        "stream": "cart-c1",
        "type": "ItemAddedToCart",
        "trace_id": TRACE_ID,
    }
    assert told(caplog, "appended") == [event]
    assert told(caplog, "projected") == [event | {"subscriber": "views"}]


def test_a_rejection_is_told_with_its_code(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    before = value("prism_commands_decided_total", type="AddItemToCart", status="REJECTED")
    caplog.clear()
    shop.do(add("c1", "no-such-tea"), traceparent=TRACE)

    [line] = told(caplog, "decided")
    assert (line["status"], line["code"], line["trace_id"]) == ("REJECTED", "PRODUCT_NOT_AVAILABLE", TRACE_ID)
    assert told(caplog, "appended") == told(caplog, "projected") == []
    [announced] = told(caplog, "announced")
    assert announced["command_id"] == line["command_id"]
    assert (announced["code"], announced["trace_id"]) == (line["code"], TRACE_ID)
    assert value("prism_commands_decided_total", type="AddItemToCart", status="REJECTED") == before + 1


def test_a_repeat_is_not_decided_again(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    command = shop.send(add("c1", "tea"))
    shop.settle()
    decided = value("prism_commands_decided_total", type="AddItemToCart", status="APPLIED")
    appended = value("prism_events_appended_total", type="ItemAddedToCart")
    caplog.clear()
    shop.queue([command, command])
    shop.settle()

    assert told(caplog, "decided") == []
    assert value("prism_commands_decided_total", type="AddItemToCart", status="APPLIED") == decided
    assert value("prism_events_appended_total", type="ItemAddedToCart") == appended


def test_a_batch_is_counted_command_by_command(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    decided = value("prism_commands_decided_total", type="AddItemToCart", status="APPLIED")
    timed = value("prism_command_decision_seconds_count")
    caplog.clear()
    sent = [shop.send(add(f"c{number % 3}", "tea")) for number in range(20)]
    shop.settle()

    assert {line["command_id"] for line in told(caplog, "decided")} == {command.id for command in sent}
    assert value("prism_commands_decided_total", type="AddItemToCart", status="APPLIED") == decided + 20
    assert value("prism_command_decision_seconds_count") == timed + 20


def test_a_conflict_is_counted_and_what_came_of_it_told_once(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    shop.do(add("c1", "tea"))
    other = shop.replica()
    before = value("prism_append_conflicts_total")
    caplog.clear()
    # The other replica goes on, and ours does not know.
    for handle in (other, shop.handlers["commands"]):
        shop.send(add("c1", "tea"))
        messages = shop.storage.queue("commands").receive()
        assert not handle(messages)
        shop.storage.queue("commands").delete(messages)

    assert value("prism_append_conflicts_total") == before + 1
    assert [line["version"] for line in told(caplog, "decided")] == [2, 3]


def test_a_command_that_nobody_can_decide_is_told_as_failed(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    before = value("prism_commands_decided_total", type="AddItemToCart", status="FAILED")
    caplog.clear()
    command = shop.send(add("c1", "tea"), data=b"\xff\xff")
    shop.settle()

    [line] = told(caplog, "failed")
    assert (line["command_id"], line["status"]) == (command.id, "FAILED")
    assert told(caplog, "decided") == []
    assert value("prism_commands_decided_total", type="AddItemToCart", status="FAILED") == before + 1


def test_nothing_is_told_of_single_commands_above_info(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    caplog.clear()
    shop.do(add("c1", "tea"))

    assert not caplog.records

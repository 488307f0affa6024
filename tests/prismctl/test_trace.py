"""trace: one command's whole life, and what followed from it."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from prism.admin.v1.deliveries_pb2 import GetDeliveryResponse
from prism.admin.v1.streams_pb2 import TracedCommand, TraceResponse
from prism.envelope.v1.envelope_pb2 import Outcome
from prismctl.trace import STAGES
from tests.prismctl.program import Ended, Prismctl
from tests.prismctl.workers import Plane, Server, running

BEGAN = datetime(2026, 11, 23, 15, 4, 5, 100_000, tzinfo=UTC)
COMMAND, PLACING, RESERVING = "11111111-cart", "22222222-order", "33333333-stock"


def at(ms: float) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(BEGAN + timedelta(milliseconds=ms))
    return stamp


def traced(
    id_: str, type_: str, stream: str, event: str, cause: str, times: Mapping[str, float]
) -> TracedCommand:
    outcome = Outcome(
        command_id=id_,
        command_type=f"prism.any.v1.{type_}",
        stream=stream,
        status=Outcome.APPLIED,
        version=3,
        subject="alice" if not cause else "policy:checkout",
    )
    outcome.events.add(event_id=f"{stream}:3", type=event)
    for name, ms in times.items():
        getattr(outcome.stages, f"{name}_at").CopyFrom(at(ms))
    return TracedCommand(outcome=outcome, cause=cause)


def delivered(ms: float, clients: int) -> GetDeliveryResponse:
    answer = GetDeliveryResponse(cursor="1-0", clients=clients, topics=["cart/c1"])
    answer.delivered_at.CopyFrom(at(ms))
    return answer


@pytest.fixture
def checkout(plane: Plane) -> Plane:
    """A checkout that placed an order, which reserved stock."""
    known = dict(zip(STAGES, (0, 2, 5, 6, 9, 11, 15, 18), strict=True))
    answer = TraceResponse(
        commands=[
            traced(COMMAND, "CheckOutCart", "cart-c1", "CartCheckedOut", "", known),
            traced(
                PLACING, "PlaceOrder", "order-c1", "OrderPlaced", "cart-c1:3", {"accepted": 20, "decided": 24}
            ),
            traced(RESERVING, "ReserveStock", "stock-tea", "StockReserved", "order-c1:3", {}),
        ]
    )
    plane.shelf.traces[COMMAND, ""] = plane.shelf.traces[COMMAND, "cart-c1"] = answer
    plane.mail.delivered[COMMAND] = delivered(21.5, 2)
    return plane


def line(shown: Ended, stage: str) -> list[str]:
    return next(line for line in shown.out.splitlines() if line.startswith(stage)).split()


def test_every_stage_has_its_time_and_the_time_between(checkout: Plane, ctl: Prismctl) -> None:
    shown = ctl("trace", COMMAND)
    assert shown.exit_code == 0
    assert line(shown, "accepted")[:3] == ["accepted", "15:04:05.100", "-"]
    assert line(shown, "queued")[:3] == ["queued", "15:04:05.102", "+2.0"]
    assert line(shown, "appended")[:3] == ["appended", "15:04:05.109", "+3.0"]
    assert line(shown, "delivered")[:5] == ["delivered", "15:04:05.121", "+3.5", "to", "2"]
    assert line(shown, "in all")[2] == "21.5"
    assert "-> CartCheckedOut  cart-c1:3" in shown.out


def test_what_followed_is_a_tree(checkout: Plane, ctl: Prismctl) -> None:
    shown = ctl("trace", COMMAND)
    placed = next(line for line in shown.out.splitlines() if "PlaceOrder" in line)
    reserved = next(line for line in shown.out.splitlines() if "ReserveStock" in line)
    assert placed.index("PlaceOrder") < reserved.index("ReserveStock")
    assert "for cart-c1:3" in shown.out
    assert "for order-c1:3" in shown.out
    assert "stages=-" in shown.out
    assert "accepted=15:04:05.120  queued=-  received=-  decided=+4.0  appended=-" in shown.out


def test_stages_that_nobody_kept_are_not_known(checkout: Plane, ctl: Prismctl) -> None:
    [first] = [each for each in checkout.shelf.traces[COMMAND, ""].commands if not each.cause]
    first.outcome.stages.ClearField("handled_at")
    shown = ctl("trace", COMMAND)
    assert line(shown, "handled")[:3] == ["handled", "-", "-"]
    # Since the last one that is known.
    assert line(shown, "projected")[2] == "+7.0"


def test_a_stage_in_whole_seconds_is_compared_with_none(checkout: Plane, ctl: Prismctl) -> None:
    [first] = [each for each in checkout.shelf.traces[COMMAND, ""].commands if not each.cause]
    first.outcome.stages.queued_at.nanos = 0
    shown = ctl("trace", COMMAND)
    assert line(shown, "queued")[:3] == ["queued", "15:04:05.000", "-"]
    assert line(shown, "received")[2] == "+5.0"


def test_json_has_all_of_it(checkout: Plane, ctl: Prismctl) -> None:
    first, second, _ = ctl("trace", COMMAND, "--json").json["commands"]
    assert first["outcome"]["stages"]["appendedAt"] == "2026-11-23T15:04:05.109Z"
    assert first["delivery"]["clients"] == 2
    assert (second["cause"], second["delivery"]) == ("cart-c1:3", None)


def test_the_stream_may_be_named(checkout: Plane, ctl: Prismctl) -> None:
    del checkout.shelf.traces[COMMAND, ""]
    unknown = ctl("trace", COMMAND)
    assert unknown.exit_code == 5
    assert "--stream" in unknown.err
    assert ctl("trace", COMMAND, "--stream", "cart-c1").exit_code == 0


def test_clients_of_every_replica_are_counted(checkout: Plane, ctl: Prismctl) -> None:
    with running() as other:
        other.mail.delivered[COMMAND] = delivered(20.5, 3)
        targets = f"{checkout.stream_server.address},{other.stream_server.address}"
        shown = ctl("trace", COMMAND, PRISM_STREAM_GRPC=targets)
        assert line(shown, "delivered")[1:5] == ["15:04:05.120", "+2.5", "to", "5"]


def test_the_rest_is_told_without_stream_svc(checkout: Plane, ctl: Prismctl) -> None:
    stranger = Server()
    for target in ("127.0.0.1:1", stranger.address):
        shown = ctl("trace", COMMAND, PRISM_STREAM_GRPC=target)
        assert shown.exit_code == 0
        assert line(shown, "projected")[2] == "+3.0"
        assert line(shown, "delivered")[:3] == ["delivered", "-", "-"]
        assert "When it was delivered is not known" in shown.err
        assert len(shown.err.splitlines()) == 1
    stranger.stop()


def test_a_rejection_says_why(plane: Plane, ctl: Prismctl) -> None:
    answer = TraceResponse(truncated=True)
    answer.commands.add().outcome.MergeFrom(
        Outcome(command_id=COMMAND, status=Outcome.REJECTED, code="CART_CLOSED", detail="it is checked out")
    )
    plane.shelf.traces[COMMAND, ""] = answer
    shown = ctl("trace", COMMAND)
    assert "CART_CLOSED: it is checked out" in shown.out
    assert "More followed" in shown.err


def test_it_fits_into_80_columns(checkout: Plane, ctl: Prismctl) -> None:
    shown = ctl("trace", COMMAND, COLUMNS="80")
    assert max(map(len, shown.out.splitlines())) <= 80

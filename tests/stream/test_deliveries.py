"""Operators are told when a command's updates went to how many clients."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import grpc
import pytest

from prism.admin.v1.deliveries_pb2 import GetDeliveryRequest, GetDeliveryResponse
from prism.admin.v1.deliveries_pb2_grpc import DeliveriesStub
from tests.stream import given
from tests.stream.client import opened
from tests.stream.conftest import Start
from tests.stream.given import Projector
from tests.stream.process import StreamProcess
from tests.support import eventually


def asked(process: StreamProcess, command_id: str, *roles: str) -> GetDeliveryResponse:
    metadata = (("authorization", f"Bearer {process.token('olga', *(roles or ('operator',)))}"),)
    with grpc.insecure_channel(f"127.0.0.1:{process.settings.prism_stream_grpc_port}") as channel:
        request = GetDeliveryRequest(command_id=command_id)
        answer: GetDeliveryResponse = DeliveriesStub(channel).GetDelivery(
            request, timeout=5, metadata=metadata
        )
        return answer


def told(process: StreamProcess, command_id: str) -> GetDeliveryResponse:
    """The delivery of a command that was published just now."""

    def found() -> GetDeliveryResponse | None:
        try:
            return asked(process, command_id)
        except grpc.RpcError as error:
            if error.code() != grpc.StatusCode.NOT_FOUND:
                raise
            return None

    answer = eventually(found)
    assert answer
    return answer


@contextmanager
def following(process: StreamProcess, count: int, *topics: str) -> Iterator[None]:
    """So many of alice's clients follow the topics."""
    with ExitStack() as streams:
        for _ in range(count):
            # Its client is subscribed when the headers are there.
            streams.enter_context(opened(process.url, process.token(), *topics))
        yield


def test_a_delivery_is_told_with_its_clients_and_topics(
    stream_svc: StreamProcess, projector: Projector
) -> None:
    before = time.time_ns()
    with following(stream_svc, 2, "cart/d1"), following(stream_svc, 1, "cart/d1", "order/d1", "commands"):
        projector.deliver(
            given.delivery(
                given.cart("d1", 1), given.order("d1", 1), outcome=given.applied("d1"), command="d1"
            )
        )
        answer = told(stream_svc, "d1")
    assert answer.clients == 3
    assert list(answer.topics) == ["cart/d1", "order/d1", "orders", "commands"]
    assert answer.cursor == str(projector.log.position())
    # Redis counts in milliseconds.
    assert before - 10**6 <= answer.added_at.ToNanoseconds() <= answer.delivered_at.ToNanoseconds()
    assert answer.delivered_at.ToNanoseconds() <= time.time_ns()


def test_what_nobody_followed_went_to_nobody(stream_svc: StreamProcess, projector: Projector) -> None:
    projector.deliver(given.delivery(given.cart("d2", 1), command="d2"))
    answer = told(stream_svc, "d2")
    assert answer.clients == 0
    assert answer.HasField("delivered_at")


def test_what_is_told_again_went_out_the_first_time(stream_svc: StreamProcess, projector: Projector) -> None:
    with following(stream_svc, 1, "cart/d3"):
        for _ in range(2):
            projector.deliver(given.delivery(given.cart("d3", 1), command="d3"))
        projector.deliver(given.delivery(given.cart("d4", 1), command="d4"))
        told(stream_svc, "d4")
    assert told(stream_svc, "d3").clients == 1


def test_what_was_there_at_the_start_was_delivered_by_nobody_here(start: Start) -> None:
    process = start()
    projector = Projector(process.settings)
    projector.deliver(given.delivery(given.cart("c1", 1), command="early"))
    assert told(process, "early").HasField("delivered_at")
    process.stop()
    process.start()
    answer = told(process, "early")
    assert not answer.HasField("delivered_at")
    assert (answer.clients, list(answer.topics)) == (0, ["cart/c1"])


def test_what_is_not_kept_is_not_found(stream_svc: StreamProcess) -> None:
    with pytest.raises(grpc.RpcError) as unknown:
        asked(stream_svc, "nobody")
    assert unknown.value.code() == grpc.StatusCode.NOT_FOUND
    with pytest.raises(grpc.RpcError) as nothing:
        asked(stream_svc, "")
    assert nothing.value.code() == grpc.StatusCode.INVALID_ARGUMENT


def test_none_but_operators_are_told(stream_svc: StreamProcess) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        asked(stream_svc, "nobody", "merchant", "shopper")
    assert refused.value.code() == grpc.StatusCode.PERMISSION_DENIED

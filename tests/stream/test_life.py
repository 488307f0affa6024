"""A process from its start to its end, and through outages of Redis."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

import grpc
import psutil
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from prism.admin.v1 import admin_pb2, admin_pb2_grpc
from tests.redis_server import RedisServer
from tests.stream import given
from tests.stream.client import opened
from tests.stream.conftest import Start
from tests.stream.given import Projector
from tests.stream.process import StreamProcess
from tests.stream.test_access import refusal
from tests.support import eventually


@contextmanager
def channel(process: StreamProcess) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(process.settings.stream_target) as channel:
        yield channel


def serving(process: StreamProcess) -> bool:
    with channel(process) as connection:
        response = health_pb2_grpc.HealthStub(connection).Check(health_pb2.HealthCheckRequest(), timeout=5)
    return bool(response.status == health_pb2.HealthCheckResponse.SERVING)


def test_a_silent_stream_shows_that_it_lives_and_moves_its_client_on(start: Start) -> None:
    process = start("0.1", "100")
    projector = Projector(process.settings)
    with opened(process.url, process.token(), "cart/c1") as stream:
        first = stream.last_id
        projector.publish(given.product("p1", 1))

        def moved_on() -> bool:
            assert stream.block()[0] == ": heartbeat"
            return stream.last_id != first

        eventually(moved_on)
        assert stream.last_id == str(projector.log.position())


def test_a_client_whose_cursor_is_too_old_is_reset(start: Start) -> None:
    process = start("15", "5")
    projector = Projector(process.settings)
    projector.publish(given.cart("c1", 1))
    cursor = str(projector.log.position())
    for version in range(2, 9):
        projector.publish(given.cart("c1", version))

    with opened(process.url, process.token(), "cart/c1", after=cursor) as stream:
        reset = stream.next()

    assert (reset.event, reset.data, reset.id) == (
        "reset",
        {"reason": "TOO_OLD"},
        str(projector.log.position()),
    )


@pytest.mark.parametrize("publishes", [True, False])
def test_when_redis_forgets_everything_clients_are_reset_and_go_on(start: Start, publishes: bool) -> None:
    process = start()
    projector = Projector(process.settings)
    with (
        opened(process.url, process.token(), "cart/c1") as one,
        opened(process.url, process.token(), "orders") as two,
    ):
        projector.publish(given.cart("c1", 1), given.order("o1", 1))
        seen = one.next().id
        assert two.versions(1) == [1]

        projector.redis.flushall()
        if publishes:
            projector.publish(given.cart("c1", 2), given.order("o1", 2))

        resets = [stream.next() for stream in (one, two)]
        assert [(reset.event, reset.data["reason"]) for reset in resets] == [("reset", "UPDATES_LOST")] * 2
        projector.publish(given.cart("c1", 3), given.order("o1", 3))
        assert one.versions(2 if publishes else 1)[-1] == 3
        assert two.versions(2 if publishes else 1)[-1] == 3
    with opened(process.url, process.token(), "cart/c1", after=seen) as stream:
        assert stream.next().event == "reset"


def test_through_an_outage_of_redis_streams_stay_open_and_are_reset_after_it(
    start: Start, own_redis: RedisServer
) -> None:
    process = start("0.1", "100")
    projector = Projector(process.settings)
    eventually(lambda: serving(process))
    with opened(process.url, process.token(), "cart/c1") as stream:
        own_redis.stop()
        eventually(lambda: not serving(process))
        assert not projector.tries_to_publish(given.delivery(given.cart("c1", 1)))
        assert stream.block()[0] == ": heartbeat"
        # A client that comes while Redis is away is let in, too.
        with opened(process.url, process.token(), "products"):
            pass
        own_redis.start()

        assert stream.next().event == "reset"
        eventually(lambda: serving(process))
        # Only the projector knows that it missed something meanwhile.
        projector.publish(given.cart("c1", 2))
        assert stream.next().event == "reset"
        assert stream.versions(1) == [2]


def test_a_process_that_starts_without_redis_serves_once_it_is_there(
    start: Start, own_redis: RedisServer
) -> None:
    own_redis.stop()
    process = start()
    assert not serving(process)
    with opened(process.url, process.token(), "cart/c1") as stream:
        assert stream.last_id == ""
        own_redis.start()

        # What happened before Redis was there is not known.
        assert stream.next().event == "reset"
        Projector(process.settings).publish(given.cart("c1", 1))
        assert stream.versions(1) == [1]


def test_a_client_goes_on_at_another_process_after_a_restart(start: Start) -> None:
    process = start()
    projector = Projector(process.settings)
    with opened(process.url, process.token(), "cart/c1") as stream:
        projector.publish(given.cart("c1", 1), given.cart("c2", 1))
        seen = stream.next().id
        assert process.stop() == 0
    projector.publish(given.cart("c1", 2))
    process.start()

    with opened(process.url, process.token(), "cart/c1", after=seen) as stream:
        assert stream.versions(1) == [2]


@pytest.mark.parametrize("signal_number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_streams_and_the_process_at_once(start: Start, signal_number: int) -> None:
    process = start()
    with (
        opened(process.url, process.token(), "products") as one,
        opened(process.url, process.token(), "orders") as two,
    ):
        asked = time.monotonic()

        assert process.stop(signal_number) == 0

        assert time.monotonic() - asked < 5
        for stream in (one, two):
            assert stream.rest()[-1] == [": the end: come back"]
    assert "Traceback" not in process.log()


def test_a_client_that_takes_nothing_does_not_keep_the_process_from_ending(start: Start) -> None:
    process = start()
    projector = Projector(process.settings)
    with opened(process.url, process.token(), "products"):
        view = given.product("p1", 1)
        for version in range(1, 200):
            view.stream_version, view.data = (
                version,
                given.product("p1", 1).data + b"\x1a\x80\x80\x04" + b"x" * 65536,
            )
            projector.publish(view)

        assert process.stop() == 0


def test_when_the_master_dies_its_worker_ends_too(start: Start) -> None:
    process = start()
    assert process.process
    (worker,) = psutil.Process(process.process.pid).children()
    with opened(process.url, process.token(), "products") as stream:
        os.kill(process.process.pid, signal.SIGKILL)
        process.process.wait()

        assert stream.rest()[-1] == [": the end: come back"]
        eventually(lambda: not worker.is_running())


def test_operators_see_and_pause_the_reader(start: Start) -> None:
    process = start()
    projector = Projector(process.settings)
    metadata = (("authorization", f"Bearer {process.token('olga', 'operator')}"),)
    with channel(process) as connection, opened(process.url, process.token(), "cart/c1") as stream:
        admin = admin_pb2_grpc.AdminStub(connection)
        assert list(admin.Pause(admin_pb2.PauseRequest(), metadata=metadata).paused) == ["updates"]
        projector.publish(given.cart("c1", 1))

        def waiting() -> admin_pb2.ConsumerStatus:
            response = admin.Status(admin_pb2.StatusRequest(), metadata=metadata)
            assert response.service == "stream_svc"
            (status,) = response.consumers
            return status

        eventually(lambda: waiting().depth == 1)
        assert waiting().paused
        assert waiting().handled == 0
        admin.Resume(admin_pb2.ResumeRequest(consumer="updates"), metadata=metadata)
        assert stream.versions(1) == [1]
        eventually(lambda: waiting().depth == 0)
        assert waiting().handled == 1


def test_a_wrong_setting_ends_the_process_with_its_name(start: Start) -> None:
    with pytest.raises(RuntimeError, match="PRISM_DEV_TOKEN_KEY"):
        start(PRISM_DEV_TOKEN_KEY="short")


def test_a_client_that_leaves_makes_room_at_once(start: Start) -> None:
    process = start(PRISM_SSE_LIMIT="1")
    for _ in range(10):
        # Well before a heartbeat would show that it is gone.
        eventually(lambda: refusal(process, "products", token=process.token())[0] == 200, 3)

"""The gRPC side of a worker, over a real channel."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from kernel.doorbell import Bell
from kernel.tokens import open_tokens
from kernel.worker_server import WorkerServer
from prism.admin.v1 import admin_pb2, admin_pb2_grpc
from tests.kernel.workers import SETTINGS, Metadata, as_, free_port
from tests.support import eventually

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


class Idle:
    """A consumer that does nothing but be paused."""

    name = "idle"

    def __init__(self) -> None:
        self.paused = False

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        self.paused = False

    def status(self) -> admin_pb2.ConsumerStatus:
        return admin_pb2.ConsumerStatus(name=self.name, paused=self.paused)


class Worker:
    """A server, its consumer, and what a client needs."""

    def __init__(self, port: int) -> None:
        self.healthy = Event()
        self.rung = Event()
        self.consumer = Idle()
        self.target = f"127.0.0.1:{port}"
        self.server = WorkerServer(
            SETTINGS,
            service="worker",
            port=port,
            tokens=open_tokens(SETTINGS),
            consumers=[self.consumer],
            healthy=self.healthy.is_set,
            rings={"idle": self.rung.set},
        )
        self.channel = grpc.insecure_channel(self.target)
        self.admin = admin_pb2_grpc.AdminStub(self.channel)

    def health(self) -> "health_pb2.HealthCheckResponse.ServingStatus":
        stub = health_pb2_grpc.HealthStub(self.channel)
        return stub.Check(health_pb2.HealthCheckRequest(), timeout=2).status


@contextmanager
def running() -> Iterator[Worker]:
    worker = Worker(free_port())
    worker.server.start()
    try:
        yield worker
    finally:
        worker.channel.close()
        worker.server.stop(0)


def test_health_is_not_serving_until_it_is_healthy_and_again_when_it_is_not() -> None:
    with running() as worker:
        assert worker.health() == NOT_SERVING
        worker.healthy.set()
        eventually(lambda: worker.health() == SERVING)
        worker.healthy.clear()
        eventually(lambda: worker.health() == NOT_SERVING)


def test_a_worker_that_retires_does_not_serve_but_goes_on_answering() -> None:
    with running() as worker:
        worker.healthy.set()
        eventually(lambda: worker.health() == SERVING)
        worker.server.retire()
        assert worker.health() == NOT_SERVING
        assert worker.admin.Status(admin_pb2.StatusRequest(), metadata=as_("operator"), timeout=2).service


def test_status_tells_an_operator_how_it_is_doing() -> None:
    with running() as worker:
        status = worker.admin.Status(admin_pb2.StatusRequest(), metadata=as_("operator"), timeout=2)
        assert (status.service, status.consumers[0].name) == ("worker", "idle")
        assert status.version
        assert status.memory_bytes > 1_000_000


def test_an_operator_pauses_and_resumes() -> None:
    with running() as worker:
        request = admin_pb2.PauseRequest(consumer="idle")
        paused = worker.admin.Pause(request, metadata=as_("operator"), timeout=2)
        assert worker.consumer.paused
        assert list(paused.paused) == ["idle"]
        resumed = worker.admin.Resume(admin_pb2.ResumeRequest(), metadata=as_("operator"), timeout=2)
        assert not worker.consumer.paused
        assert list(resumed.paused) == []


def test_what_is_paused_is_what_the_consumers_say() -> None:
    with running() as worker:
        # Not by an operator: by a worker that drains, say.
        worker.consumer.pause()
        request = admin_pb2.PauseRequest()
        assert list(worker.admin.Pause(request, metadata=as_("operator"), timeout=2).paused) == ["idle"]
        worker.consumer.resume()
        resumed = worker.admin.Resume(admin_pb2.ResumeRequest(), metadata=as_("operator"), timeout=2)
        assert list(resumed.paused) == []


def test_a_worker_that_consumes_no_queue_has_no_dead_letters() -> None:
    with running() as worker:
        by, admin = as_("operator"), worker.admin
        listed = admin.ListDeadLetters(admin_pb2.ListDeadLettersRequest(), metadata=by, timeout=2)
        assert (list(listed.letters), listed.next_page_token) == ([], "")
        calls: list[tuple[Any, Any]] = [
            (admin.ListDeadLetters, admin_pb2.ListDeadLettersRequest(queue="idle")),
            (admin.GetDeadLetter, admin_pb2.GetDeadLetterRequest(queue="idle", id="1")),
            (admin.RequeueDeadLetters, admin_pb2.RequeueDeadLettersRequest()),
            (admin.DiscardDeadLetters, admin_pb2.DiscardDeadLettersRequest(queue="idle")),
        ]
        for call, request in calls:
            with pytest.raises(grpc.RpcError) as error:
                call(request, metadata=by, timeout=2)
            assert error.value.code() == grpc.StatusCode.NOT_FOUND


def test_there_is_nothing_to_pause_that_is_not_there() -> None:
    with running() as worker:
        request = admin_pb2.PauseRequest(consumer="other")
        with pytest.raises(grpc.RpcError) as error:
            worker.admin.Pause(request, metadata=as_("operator"), timeout=2)
        assert error.value.code() == grpc.StatusCode.NOT_FOUND
        assert "idle" in str(error.value.details())


@pytest.mark.parametrize(
    ("metadata", "code"),
    [
        ((), grpc.StatusCode.UNAUTHENTICATED),
        ((("authorization", "Bearer nonsense"),), grpc.StatusCode.UNAUTHENTICATED),
        ((("authorization", "Basic b3A6b3A="),), grpc.StatusCode.UNAUTHENTICATED),
        (as_("shopper", "merchant"), grpc.StatusCode.PERMISSION_DENIED),
    ],
)
def test_nobody_else_is_let_in(metadata: Metadata, code: grpc.StatusCode) -> None:
    with running() as worker:
        calls: list[tuple[Any, Any]] = [
            (worker.admin.Status, admin_pb2.StatusRequest()),
            (worker.admin.Pause, admin_pb2.PauseRequest()),
            (worker.admin.Resume, admin_pb2.ResumeRequest()),
            (worker.admin.ListDeadLetters, admin_pb2.ListDeadLettersRequest()),
            (worker.admin.GetDeadLetter, admin_pb2.GetDeadLetterRequest()),
            (worker.admin.RequeueDeadLetters, admin_pb2.RequeueDeadLettersRequest()),
            (worker.admin.DiscardDeadLetters, admin_pb2.DiscardDeadLettersRequest()),
        ]
        for call, request in calls:
            with pytest.raises(grpc.RpcError) as error:
                call(request, metadata=metadata, timeout=2)
            assert error.value.code() == code
        assert not worker.consumer.paused


def test_reflection_names_the_services() -> None:
    with running() as worker:
        names = ProtoReflectionDescriptorDatabase(worker.channel).get_services()
        assert {"grpc.health.v1.Health", "prism.admin.v1.Admin", "prism.mesh.v1.Doorbell"} <= set(names)


def test_a_bell_rings_and_a_bell_with_nobody_at_home_harms_nobody() -> None:
    with running() as worker:
        bell = Bell(SETTINGS, worker.target, "idle")
        for _ in range(100):
            bell.ring()
        eventually(worker.rung.is_set)
        bell.close()
    nobody = Bell(SETTINGS, f"127.0.0.1:{free_port()}", "idle")
    nobody.ring()
    nobody.close()


def test_a_bell_finds_a_consumer_that_comes_later() -> None:
    port = free_port()
    bell = Bell(SETTINGS, f"127.0.0.1:{port}", "idle")
    bell.ring()
    worker = Worker(port)
    worker.server.start()
    try:
        eventually(lambda: ringing(bell) and worker.rung.is_set())
    finally:
        bell.close()
        worker.channel.close()
        worker.server.stop(0)


def test_a_bell_finds_the_worker_that_takes_anothers_place() -> None:
    with running() as first:
        port = int(first.target.rpartition(":")[2])
        bell = Bell(SETTINGS, first.target, "idle")
        eventually(lambda: ringing(bell) and first.rung.is_set())
    second = Worker(port)
    second.server.start()
    try:
        eventually(lambda: ringing(bell) and second.rung.is_set())
    finally:
        bell.close()
        second.channel.close()
        second.server.stop(0)


def ringing(bell: Bell) -> bool:
    bell.ring()
    return True


def test_two_workers_do_not_share_a_port() -> None:
    with running() as worker:
        port = int(worker.target.rpartition(":")[2])
        with pytest.raises(RuntimeError):
            Worker(port)

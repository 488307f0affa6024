"""Whether the edge lives, and whether the stack behind it can serve."""

from collections.abc import Callable
from threading import Event

import grpc
from flask import Flask, Response
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub

from edge.commands import json_response
from edge.memory import Memory
from kernel.channels import open_channel
from kernel.errors import StorageUnavailable
from kernel.ports import Storage
from kernel.settings import Settings

CHECK_DEADLINE_S = 1.5
UP = "SERVING"
LEAVING = "NOT_SERVING"
DOWN = "UNREACHABLE"


def add_health(app: Flask, settings: Settings, storage: Storage, memory: Memory, draining: Event) -> None:
    """Adds /healthz and /readyz."""
    workers = {
        "domain_svc": settings.domain_target,
        "projector_svc": settings.projector_target,
        "stream_svc": settings.stream_target,
    }
    stubs = {name: HealthStub(open_channel(settings, target)) for name, target in workers.items()}

    @app.get("/healthz")
    def healthz() -> Response:
        return json_response({"status": "ok"})

    @app.get("/readyz")
    def readyz() -> Response:
        # The workers answer while storage and Redis are asked.
        asked = {
            name: stub.Check.future(HealthCheckRequest(), timeout=CHECK_DEADLINE_S)
            for name, stub in stubs.items()
        }
        parts = {
            "edge": LEAVING if draining.is_set() else UP,
            "storage": UP if storage_answers(storage) else DOWN,
            "redis": UP if memory.ping() else DOWN,
        }
        parts |= {name: worker_status(call.result) for name, call in asked.items()}
        ready = all(status == UP for status in parts.values())
        body = {"status": "ready" if ready else "not ready", "parts": parts}
        return json_response(body, 200 if ready else 503)


def storage_answers(storage: Storage) -> bool:
    """Whether storage answers now."""
    try:
        storage.ping()
    except StorageUnavailable:
        return False
    return True


def worker_status(result: Callable[[], HealthCheckResponse]) -> str:
    """What a worker says of itself, or that it says nothing."""
    try:
        return str(HealthCheckResponse.ServingStatus.Name(result().status))
    except grpc.RpcError:
        return DOWN

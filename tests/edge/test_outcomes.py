"""`GET /v1/commands/{stream}/{command_id}`: from Redis, else from the event store over gRPC."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest

from domain_svc import shop
from domain_svc.lookup import Lookup
from domain_svc.outcomes import OutcomesService
from domain_svc.streams import Streams
from kernel.embedded.storage import EmbeddedStorage
from prism.mesh.v1.mesh_pb2_grpc import add_OutcomesServicer_to_server
from tests.edge.client import Edge, settings_for
from tests.edge.samples import BODIES
from tests.kernel.workers import free_port
from tests.redis_server import RedisServer
from tests.shop import READER
from tests.support import eventually


@pytest.fixture
def domain_target(tmp_path: Path) -> Iterator[str]:
    """domain_svc's answers over the events of `edge_with_domain`."""
    target = f"127.0.0.1:{free_port()}"
    server = serve(target, tmp_path / "data")
    yield target
    server.stop(None)


def serve(target: str, folder: Path) -> grpc.Server:
    """domain_svc's answers over the events of a folder."""
    events = EmbeddedStorage(str(folder)).events
    server = grpc.server(ThreadPoolExecutor(2))
    service = OutcomesService(Lookup(events, Streams(events, shop.AGGREGATES, READER, False)))
    add_OutcomesServicer_to_server(service, server)
    server.add_insecure_port(target)
    server.start()
    return server


def accept(edge: Edge) -> tuple[str, str]:
    """A command that was accepted: its id and where its outcome is."""
    answer = edge.post("/v1/products", BODIES["RegisterProduct"])
    assert answer.json
    return answer.json["commandId"], answer.headers["Location"]


def test_an_outcome_is_read_at_every_step_of_its_life(edge: Edge) -> None:
    id_, location = accept(edge)
    assert edge.get(location).json == {
        "commandId": id_,
        "status": "ACCEPTED",
        "stream": "product-mug",
        "version": 0,
        "code": "",
        "detail": "",
        "events": [],
    }
    edge.settle()
    applied = edge.get(location).json
    assert applied
    assert applied["status"] == "APPLIED"
    assert applied["version"] == 1
    assert applied["events"] == [{"eventId": "product-mug:1", "type": "ProductRegistered"}]


def test_a_rejection_is_read_with_its_code(edge: Edge) -> None:
    accept(edge)
    _, location = accept(edge)
    edge.settle()
    rejected = edge.get(location).json
    assert rejected
    assert (rejected["status"], rejected["code"]) == ("REJECTED", "PRODUCT_ALREADY_REGISTERED")


def test_only_its_sender_or_an_operator_reads_it(edge: Edge) -> None:
    _, location = accept(edge)
    assert edge.get(location, by="alice", roles=["shopper"]).status_code == 200
    assert edge.get(location, by="bob", roles=["shopper", "merchant"]).status_code == 403
    assert edge.get(location, by="bob", roles=["operator"]).status_code == 200
    assert edge.get(location, by=None).status_code == 401


def test_what_redis_forgot_is_read_from_the_event_store(
    tmp_path: Path, own_redis: RedisServer, domain_target: str, namespace: str
) -> None:
    edge = Edge(settings_for(tmp_path / "data", own_redis.url, namespace, prism_domain_grpc=domain_target))
    id_, location = accept(edge)
    edge.settle()
    known = edge.get(location).json
    edge.redis.flushall()
    assert edge.get(location).json == known
    own_redis.stop()
    assert edge.get(location).json == known
    assert edge.get(location, by="bob", roles=["shopper"]).status_code == 403
    assert edge.get(location.replace("mug", "other")).status_code == 404
    assert edge.get(location.replace(id_[:8], "00000000")).status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "product-mug/nobody",
        "nothing/x",
        "product-mug/" + "a" * 200,
        "%00/x",
        "Product-mug/x",
        "product-mug/a%20b",
    ],
)
def test_what_was_never_seen_is_not_found(
    tmp_path: Path, redis_url: str, domain_target: str, namespace: str, path: str
) -> None:
    edge = Edge(settings_for(tmp_path / "data", redis_url, namespace, prism_domain_grpc=domain_target))
    answer = edge.get(f"/v1/commands/{path}")
    assert answer.status_code == 404
    assert answer.json
    assert answer.json["code"] == "NOT_FOUND"


def test_a_decision_that_redis_missed_is_read_from_the_event_store(
    tmp_path: Path, redis_url: str, domain_target: str, namespace: str
) -> None:
    edge = Edge(settings_for(tmp_path / "data", redis_url, namespace, prism_domain_grpc=domain_target))
    _, location = accept(edge)
    edge.shop.settle()
    applied = edge.get(location).json
    assert applied
    assert applied["status"] == "APPLIED"


def test_a_repeat_waits_for_the_views_and_not_for_the_decision_alone(
    tmp_path: Path, redis_url: str, domain_target: str, namespace: str
) -> None:
    edge = Edge(settings_for(tmp_path / "data", redis_url, namespace, prism_domain_grpc=domain_target))
    path, body = "/v1/products", BODIES["RegisterProduct"]
    answer = edge.post(path, body, headers={"Idempotency-Key": "k1"})
    # Decided and in the event store, but no view shows it yet.
    edge.shop.step("commands")
    assert edge.get(answer.headers["Location"]).json["status"] == "APPLIED"  # type: ignore[index] # the body is an object
    repeat = {"Idempotency-Key": "k1", "Prefer": "wait=1"}
    assert edge.post(path, body, headers=repeat).status_code == 202
    edge.settle()
    assert edge.post(path, body, headers=repeat).status_code == 200


def test_a_repeat_believes_the_event_store_of_what_was_decided_long_ago_alone(
    tmp_path: Path, redis_url: str, domain_target: str, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    edge = Edge(settings_for(tmp_path / "data", redis_url, namespace, prism_domain_grpc=domain_target))
    path, body = "/v1/products", BODIES["RegisterProduct"]
    first = edge.post(path, body, headers={"Idempotency-Key": "k1"})
    edge.shop.step("commands")
    # The key alone is kept: the rest was forgotten, by age or otherwise.
    assert first.json
    for kept in ("accepted", "outcome"):
        edge.redis.delete(f"{namespace}:{kept}:{first.json['commandId']}")
    repeat = {"Idempotency-Key": "k1", "Prefer": "wait=1"}
    assert edge.post(path, body, headers=repeat).status_code == 202, "no view shows it yet"
    monkeypatch.setattr("edge.outcomes.DECIDED_KEEP_S", -1)
    again = edge.post(path, body, headers=repeat)
    assert again.status_code == 200
    assert again.json
    assert again.json["commandId"] == first.json["commandId"]


def test_a_command_is_found_under_its_own_stream_alone(edge: Edge) -> None:
    id_, _ = accept(edge)
    assert edge.get(f"/v1/commands/product-other/{id_}").status_code == 404


def test_a_domain_svc_that_restarts_is_waited_for(tmp_path: Path, redis_url: str, namespace: str) -> None:
    target = f"127.0.0.1:{free_port()}"
    edge = Edge(settings_for(tmp_path / "data", redis_url, namespace, prism_domain_grpc=target))
    with ThreadPoolExecutor() as threads:
        asked = threads.submit(edge.get, "/v1/commands/product-mug/nobody")
        eventually(asked.running)
        server = serve(target, tmp_path / "data")
        assert asked.result().status_code == 404
        server.stop(None)


def test_nobody_to_ask_is_not_the_same_as_not_found(edge: Edge) -> None:
    answer = edge.get("/v1/commands/product-mug/6f1c1f0e-3c1b-5d0c-9a3f-7c5f0a5d2b41")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]

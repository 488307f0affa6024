"""What grows is bounded as docs/retention.md says, and nothing grows that is not there.

What a whole stack leaves behind is looked at in tests/e2e/test_retention.py.
"""

import ast
import importlib
import re
import uuid
from collections.abc import Iterator
from pathlib import Path

from prometheus_client import REGISTRY
from redis import Redis

from kernel.queues import COMMANDS, COMMANDS_LATER, POLICIES, events_for
from kernel.updates import CAPACITY, Published, UpdateLog
from prism.envelope.v1.envelope_pb2 import CommandMessage, Delivery, Envelope
from tests.edge.client import Edge, settings_for
from tests.shop import CONTRACT, SUBSCRIBERS

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "retention.md").read_text()
SERVICES = ("edge", "kernel", "domain_svc", "projector_svc", "stream_svc", "upcasters")
# `24 h (`kernel.leaving.UNKNOWN_KEEP_S`)`
BOUND = re.compile(r"([\d,]+) (\w+) \(`([\w.]+)\.([A-Z_]+)`\)")
UNITS_S = {"s": 1, "min": 60, "h": 3600}
# Caches of functions that have no bound of their own, and what there is of each of their arguments.
UNBOUNDED = {
    ("edge/decoding.py", "_spellings"): "messages of the contract",
    ("edge/openapi/comments.py", "load_comments"): "nothing",
    ("kernel/validation.py", "_validator"): "nothing",
    ("kernel/contract.py", "load"): "nothing",
    ("kernel/encoding.py", "encoder"): "messages of the contract",
    ("kernel/telemetry/metrics.py", "child"): "values of labels",
    ("kernel/telemetry/requests.py", "_template"): "routes",
}


def first_cells() -> set[str]:
    """What the tables' first columns name in code."""
    rows = (line.split("|")[1] for line in PAGE.splitlines() if line.startswith("| "))
    return {name for cell in rows for name in re.findall(r"`([^`]+)`", cell)}


def test_every_number_of_the_page_is_the_code_s() -> None:
    found = BOUND.findall(PAGE)
    assert len(found) > 20
    for number, unit, module, constant in found:
        stated = int(number.replace(",", "")) * UNITS_S.get(unit, 1)
        assert getattr(importlib.import_module(module), constant) == stated, f"{module}.{constant}"


def test_every_test_that_the_page_names_exists() -> None:
    tests = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", path.read_text(), re.MULTILINE)
    }
    assert set(re.findall(r"`(test_[a-z_0-9]+)`", PAGE)) <= tests


def test_every_view_and_every_queue_is_on_the_page() -> None:
    queues = {COMMANDS, COMMANDS_LATER, POLICIES, *map(events_for, SUBSCRIBERS)}
    assert {*CONTRACT.views, *queues} <= first_cells()


def test_a_cache_has_a_bound_or_a_reason() -> None:
    """`functools.cache` has none: it may remember what the contract has, and nothing that comes from outside."""
    assert set(unbounded_caches()) == set(UNBOUNDED)


def unbounded_caches() -> Iterator[tuple[str, str]]:
    for path in sorted(file for service in SERVICES for file in (ROOT / service).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                names = {ast.unparse(decorator) for decorator in node.decorator_list}
                if names & {"cache", "functools.cache", "lru_cache(None)", "lru_cache(maxsize=None)"}:
                    yield str(path.relative_to(ROOT)), node.name


def test_the_updates_are_capped(redis_url: str) -> None:
    redis = Redis.from_url(redis_url)
    namespace = f"t{uuid.uuid4().hex}"
    log = UpdateLog(redis, namespace)
    for _ in range(2):
        deliveries = [Delivery(command_id="c")] * (CAPACITY // 2 + 500)
        assert log.publish_facts(deliveries) is Published.DONE
    # Redis trims whole nodes, of 100 entries.
    assert CAPACITY <= redis.xlen(f"{namespace}:updates") <= CAPACITY + 100
    redis.delete(f"{namespace}:updates", f"{namespace}:epoch")


def test_no_client_makes_a_label(tmp_path: Path, redis_url: str) -> None:
    edge = Edge(settings_for(tmp_path, redis_url, f"t{uuid.uuid4().hex[:8]}"))
    client = edge.app.test_client()
    headers = {"Authorization": f"Bearer {edge.token()}"}

    def come(name: str) -> None:
        for path in (f"/{name}", f"/v1/products/{name}", f"/v1/commands/{name}/{name}", f"/v1/orders/{name}"):
            client.open(path, method="GET", headers=headers)
            client.open(path, method=name.upper(), headers=headers)
        client.post("/v1/commands", json={"commands": [{"type": name, "body": {}}]}, headers=headers)
        foreign = Envelope(id=name, type=f"prism.{name}.v1.{name}", stream=f"{name}-1", subject=name)
        edge.storage.queue(COMMANDS).put([CommandMessage(commands=[foreign]).SerializeToString(), b"\xff"])
        broken = Envelope(id=name, type=f"prism.{name}.v1.{name}", stream="cart-1", data=b"\xff")
        edge.storage.queue(COMMANDS).put([CommandMessage(commands=[broken]).SerializeToString()])
        edge.settle()

    come("first")
    before = series()
    for name in ("second", "third", "fourth"):
        come(name)
    assert series() == before


def series() -> set[tuple[str, tuple[tuple[str, str], ...]]]:
    """Every series of ours that this process has, without its value."""
    return {
        (sample.name, tuple(sorted(sample.labels.items())))
        for metric in REGISTRY.collect()
        if metric.name.startswith("prism_")
        for sample in metric.samples
    }

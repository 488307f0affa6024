"""The metrics: what the page of operations says of them is what is served."""

import re
from pathlib import Path

import pytest
from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from kernel.dead_letters import DeadLetters
from kernel.embedded.storage import EmbeddedStorage
from kernel.telemetry import metrics
from kernel.telemetry.metrics import DECLARED, Declared, ManyHistogram, family_of
from kernel.telemetry.queue_depths import KEEP_S, QueueDepths
from prism.envelope.v1.envelope_pb2 import DeadLetter

PAGE = Path(__file__).parent.parent.parent / "docs" / "operations.md"
ROW = re.compile(r"\| `(prism_\w+)` \| (\w+) \| (.*?) \| (.*?) \| (.*) \|")


def documented() -> list[Declared]:
    """The table's rows."""
    found = []
    for name, kind, labels, services, meaning in ROW.findall(PAGE.read_text()):
        of = tuple(re.findall(r"`(\w+)`", services)) if services != "all" else metrics.EVERYWHERE
        found.append(Declared(name, kind, tuple(re.findall(r"`(\w+)`", labels)), of, meaning))
    return found


def test_the_table_says_what_the_code_declares() -> None:
    assert documented() == DECLARED


def test_every_metric_of_ours_is_declared_and_has_a_name_as_prometheus_wants_it() -> None:
    names = [metric.name for metric in DECLARED]
    assert len(set(names)) == len(names)
    collected = {family.name for family in REGISTRY.collect() if family.name.startswith("prism_")}
    assert collected == {family_of(metric) for metric in DECLARED if metric.kind != "gauge"}
    for metric in DECLARED:
        assert (metric.kind == "counter") == metric.name.endswith("_total")
        assert metric.kind != "histogram" or metric.name.endswith(("_seconds", "_messages"))
        assert not {"id", "stream", "subject", "command_id", "event_id"} & set(metric.labels)


@pytest.mark.parametrize("service", metrics.EVERYWHERE)
def test_a_service_serves_its_own_metrics_and_the_process(service: str) -> None:
    served = generate_latest(metrics.of_service(service)).decode()
    names = {family.name for family in text_string_to_metric_families(served)}

    others = {family_of(metric) for metric in DECLARED if service not in metric.services}
    assert not names & others
    assert {"prism_storage_calls", "process_resident_memory_bytes"} <= names


@pytest.mark.parametrize(
    "values", [[], [0.0], [0.0005], [0.00051, 0.3, 0.3, 29, 30, 31, 1e9], [n / 100 for n in range(300)]]
)
def test_many_values_at_once_count_as_one_after_the_other(values: list[float]) -> None:
    one, other = CollectorRegistry(), CollectorRegistry()
    at_once = ManyHistogram("h", "h", buckets=metrics.SECONDS, registry=one)
    each = ManyHistogram("h", "h", buckets=metrics.SECONDS, registry=other)

    at_once.observe_all(values)
    for value in values:
        each.observe(value)

    def told(registry: CollectorRegistry) -> dict[tuple[str, str], float]:
        return {
            (sample.name, sample.labels.get("le", "")): round(sample.value, 6)
            for family in registry.collect()
            for sample in family.samples
            if not sample.name.endswith("_created")
        }

    assert told(one) == told(other)


@pytest.fixture
def storage(tmp_path: Path) -> EmbeddedStorage:
    return EmbeddedStorage(str(tmp_path))


def gauges(depths: QueueDepths) -> dict[str, float]:
    """The samples, by name and queue."""
    return {
        f"{sample.name} {sample.labels['queue']}": sample.value
        for family in depths.collect()
        for sample in family.samples
    }


def test_queues_tell_what_waits_and_for_how_long(storage: EmbeddedStorage) -> None:
    storage.queue("commands").put([b"a", b"b"])
    DeadLetters(storage, "commands").add([DeadLetter(body=b"c", queue="commands")])

    told = gauges(QueueDepths(storage, ["commands", "events-policies"]))

    assert told.pop("prism_queue_oldest_age_seconds commands") > 0
    assert told == {
        "prism_queue_messages commands": 2,
        "prism_dead_letters commands": 1,
        "prism_queue_messages events-policies": 0,
        "prism_queue_oldest_age_seconds events-policies": 0,
        "prism_dead_letters events-policies": 0,
    }


def test_a_scrape_soon_after_another_asks_storage_nothing(storage: EmbeddedStorage) -> None:
    now = [100.0]
    depths = QueueDepths(storage, ["commands"], clock=lambda: now[0])
    assert gauges(depths)["prism_queue_messages commands"] == 0
    asked = metrics.storage_calls()["queue.depth"]
    storage.queue("commands").put([b"a"])

    now[0] += KEEP_S - 0.1
    assert gauges(depths)["prism_queue_messages commands"] == 0
    assert metrics.storage_calls()["queue.depth"] == asked
    now[0] += 0.2
    assert gauges(depths)["prism_queue_messages commands"] == 1


def test_storage_that_is_away_is_a_missing_sample(tmp_path: Path, storage: EmbeddedStorage) -> None:
    now = [100.0]
    depths = QueueDepths(storage, ["commands", "events-policies"], clock=lambda: now[0])
    assert len(gauges(depths)) == 6
    storage.close()
    for file in tmp_path.glob("queue-commands.db*"):
        file.write_bytes(b"no database" * 1000)
    now[0] += KEEP_S
    registry = CollectorRegistry()
    registry.register(depths)

    assert gauges(depths) == {}
    assert b"\nprism_queue_messages" not in generate_latest(registry)

"""Every service is restarted under traffic: no request fails, no update is lost, readiness says what is."""

import json
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import psutil
import pytest

from dev.plan import SERVICES
from dev.stack import Stack
from tests.e2e.client import at_once
from tests.e2e.conftest import open_shop
from tests.e2e.traffic import Sample, Traffic
from tests.support import eventually

DRAIN_S = 10
# Between what happens and its being seen, by processes that share a machine.
SEEN_S = 0.5
REPLICAS = {"embedded": 1, "azurite": 2}
HTTP = ("edge", "stream_svc")


@dataclass(frozen=True, slots=True)
class Absence:
    """When a service was told to end, had ended, served again, and was surely back (`time.time`)."""

    service: str
    told_at: float
    ended_at: float
    serving_at: float
    back_at: float


def restarted(
    stack: Stack, service: str, ending: Sequence[psutil.Process], tell: Callable[[], object]
) -> Absence:
    """Has processes of a service end, all within DRAIN_S, and waits until it is back."""
    served = len(serving(stack, service))
    told_at = time.time()
    tell()

    def ended() -> bool:
        left = [process for process in ending if process.is_running()]
        assert not left, f"{service} did not drain within {DRAIN_S} s: {left}"
        return True

    eventually(ended, timeout_s=DRAIN_S)
    ended_at = time.time()
    if service == "edge":
        serving_at = ended_at
    else:
        eventually(lambda: len(serving(stack, service)) > served, timeout_s=60)
        serving_at = serving(stack, service)[-1]
    stack.wait_ready()
    return Absence(service, told_at, ended_at, serving_at, time.time())


def serving(stack: Stack, service: str) -> list[float]:
    """When a worker said that it serves."""
    lines = [line for line in stack.logs(service).splitlines() if "svc is serving" in line]
    return [datetime.fromisoformat(json.loads(line)["time"]).timestamp() for line in lines]


def family(stack: Stack, service: str) -> list[psutil.Process]:
    master = psutil.Process(stack.pid(service))
    return [master, *master.children()]


def ended_from_outside(stack: Stack, service: str) -> Absence:
    """Its supervisor starts it again."""
    return restarted(stack, service, family(stack, service), lambda: stack.kill(service, signal.SIGTERM))


def stopped_and_started(stack: Stack, service: str) -> Absence:
    def tell() -> None:
        stack.stop_service(service)
        stack.start_service(service)

    return restarted(stack, service, family(stack, service), tell)


def reloaded(stack: Stack, service: str) -> Absence:
    """New workers in place of the old ones, under the same master."""
    _, *workers = family(stack, service)
    return restarted(stack, service, workers, lambda: stack.kill(service, signal.SIGHUP))


def assert_true(sample: Sample, absences: Sequence[Absence], replicas: int) -> None:
    """What readiness said is what was: who is away, and nobody else."""
    assert sample.ready is (sample.away == frozenset()), sample
    about = [
        each for each in absences if each.told_at <= sample.answered_at and sample.asked_at <= each.back_at
    ]
    assert sample.away <= {each.service.removesuffix("_2") for each in about}, (sample, about)
    for each in about:
        if each.service == "edge":
            # Who asks while it is away waits for the answer of the next one.
            continue
        if replicas > 1 and each.service.startswith("domain_svc"):
            # The other one answers for it, until it is its turn.
            if each.ended_at + SEEN_S <= sample.asked_at and sample.answered_at <= each.back_at:
                assert "domain_svc" not in sample.away, (sample, each)
        elif each.told_at + SEEN_S <= sample.asked_at and sample.answered_at <= each.serving_at - SEEN_S:
            assert each.service in sample.away, (sample, each)


# Ten restarts, each of which may take its ten seconds to drain and as many to come back.
@pytest.mark.timeout(300)
def test_every_service_restarts_and_nobody_notices(engine: str) -> None:
    replicas = REPLICAS[engine]
    with open_shop(engine, domain_replicas=replicas) as shop:
        stack, traffic = shop.stack, Traffic(shop)
        try:
            services = [service for service in stack.states() if service.startswith(SERVICES)]
            absences = [ended_from_outside(stack, service) for service in services]
            for again in (stopped_and_started, reloaded):
                absences += at_once([partial(again, stack, service) for service in HTTP])
            traffic.end()
            traffic.check()
        finally:
            traffic.close()
    for sample in traffic.samples:
        assert_true(sample, absences, replicas)
    seen = frozenset[str]().union(*(sample.away for sample in traffic.samples))
    assert seen >= {"projector_svc", "stream_svc"}

"""The stack under test: what is asked of it from outside, before, between and after loads."""

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import msgspec
import psutil
from prometheus_client.parser import text_string_to_metric_families

from dev.bench import shop
from dev.bench.generator import Alone, Flooded, Job, Lone, Sent
from dev.bench.wire import Connection, expect, request
from dev.stack import Stack
from kernel import settings
from kernel.channels import open_channel
from kernel.storage import open_storage
from kernel.tokens import issue_dev_token
from prism.admin.v1 import admin_pb2, admin_pb2_grpc, projections_pb2, projections_pb2_grpc
from prism.envelope.v1.envelope_pb2 import Commit

ROLES = ["shopper", "merchant", "operator"]
RPC_DEADLINE_S = 10
SETTLED_WITHIN_S = 60.0
REBUILT_WITHIN_S = 300.0
# Between looks at the queues: they are asked one after the other, and a policy puts what it takes from a
# later one into an earlier one, so one look could miss it.
SETTLE_S = 0.1
GENERATOR = [sys.executable, "-m", "dev.bench.generator"]
LISTENER = [sys.executable, "-m", "dev.bench.listener"]
# Calls that serve no command: health checks, this measurement's own questions, and polls that find nothing.
NO_COMMANDS = {"ping", "queue.depth", "queue.receive.empty", "views.count"}
MIB = 2**20
WORKER = " worker"

Result = TypeVar("Result", Flooded, list[Sent], Alone)


class NotSettled(Exception):
    """The consumers did not come to rest."""


@dataclass(frozen=True, slots=True)
class Memory:
    """A process's memory. Shared pages count whole in `rss_mib`, by share in `pss_mib` (0: unknown)."""

    process: str
    rss_mib: float
    pss_mib: float


class Subject:
    """A stack that is ready, seen from outside."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._settings = settings.load(stack.env)
        self.token = issue_dev_token(self._settings, shop.SUBJECT, ROLES)
        self.edge = stack.edge_url.partition("//")[2]
        self.redis_url = stack.redis_url
        self.updates_key = f"{self._settings.prism_namespace}:updates"
        self._workers = {
            service: admin_pb2_grpc.AdminStub(open_channel(self._settings, target))
            for service, target in (
                ("domain_svc", stack.domain_grpc),
                ("projector_svc", stack.projector_grpc),
            )
        }
        self._metadata = (("authorization", f"Bearer {self.token}"),)

    def run(self, job: Job, result: type[Result]) -> Result:
        """Has the load generator do a job; what came of it. Blocks until it is done."""
        done = subprocess.run(GENERATOR, input=msgspec.json.encode(job), stdout=subprocess.PIPE, check=True)
        return msgspec.json.decode(done.stdout, type=result)

    def one_by_one(self, paths_and_bodies: list[tuple[str, dict[str, object]]]) -> Alone:
        """Sends commands, each awaited until its views are saved."""
        return self.run(Lone(edge=self.edge, token=self.token, paths_and_bodies=paths_and_bodies), Alone)

    @contextmanager
    def listening(self, carts: list[str]) -> Iterator[dict[str, float]]:
        """Follows the carts' updates during the block; afterwards the dict says when each command's came."""
        path = "/v1/stream?" + "&".join(f"topic=cart/{cart}" for cart in carts)
        address = self._stack.stream_url.partition("//")[2]
        came: dict[str, float] = {}
        with subprocess.Popen(
            [*LISTENER, address, path, self.token], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as process:
            assert process.stdin
            assert process.stdout
            try:
                process.stdout.readline()
                yield came
                self.settle()
            finally:
                process.stdin.close()
            came |= msgspec.json.decode(process.stdout.read(), type=dict[str, float])

    def calls(self) -> Counter[str]:
        """Storage calls since the start, as `<service> <kind>`."""
        calls: Counter[str] = Counter()
        for service, status in self._statuses().items():
            calls.update({f"{service} {kind}": count for kind, count in status.storage_calls.items()})
        answer = self._get("/metrics").decode()
        for family in text_string_to_metric_families(answer):
            for sample in family.samples:
                if sample.name == "prism_storage_calls_total":
                    calls[f"edge {sample.labels['kind']}"] += int(sample.value)
        return calls

    def settle(self) -> None:
        """Returns when no message waits and nobody handles one. NotSettled if that takes too long."""
        ends = time.monotonic() + SETTLED_WITHIN_S
        looks = 0
        while looks < 2:
            consumers = [one for status in self._statuses().values() for one in status.consumers]
            looks = looks + 1 if all(one.depth == one.in_flight == 0 for one in consumers) else 0
            if time.monotonic() > ends:
                raise NotSettled(f"after {SETTLED_WITHIN_S} s: {consumers}")
            time.sleep(SETTLE_S)

    def pause(self, service: str) -> None:
        """Stops the consumers of a service."""
        self._workers[service].Pause(
            admin_pb2.PauseRequest(), metadata=self._metadata, timeout=RPC_DEADLINE_S
        )

    def resume(self, service: str) -> None:
        """Lets them go on."""
        self._workers[service].Resume(
            admin_pb2.ResumeRequest(), metadata=self._metadata, timeout=RPC_DEADLINE_S
        )

    def waiting(self, service: str) -> int:
        """How many messages wait for the service."""
        return sum(consumer.depth for consumer in self._status(service).consumers)

    def append(self, commits: list[Commit]) -> None:
        """Appends commits to the event store, past the services."""
        storage = open_storage(self._settings)
        try:
            storage.events.append(commits)
        finally:
            storage.close()

    def rebuild(self, view: str) -> projections_pb2.RebuildProgress:
        """Builds a view anew; the last that was told of it. Blocks until it is live."""
        with open_channel(self._settings, self._stack.projector_grpc) as channel:
            *_, last = projections_pb2_grpc.ProjectionsStub(channel).Rebuild(
                projections_pb2.RebuildRequest(view=view), metadata=self._metadata, timeout=REBUILT_WITHIN_S
            )
        return last.progress

    def version(self, cart_id: str) -> int:
        """The version of a cart's view."""
        cart: dict[str, object] = msgspec.json.decode(self._get(f"/v1/carts/{cart_id}"))
        return int(str(cart["version"]))

    def memory(self) -> list[Memory]:
        """Every process of the stack."""
        return [_memory(name, process) for name, process in self._processes()]

    def processor_s(self) -> dict[str, float]:
        """Processor time of each program since its start, its workers included."""
        used: dict[str, float] = {}
        for name, process in self._processes():
            times, program = process.cpu_times(), name.removesuffix(WORKER)
            used[program] = used.get(program, 0.0) + times.user + times.system
        return used

    def _processes(self) -> Iterator[tuple[str, psutil.Process]]:
        for name, state in self._stack.states().items():
            parent = psutil.Process(state.pid)
            yield name, parent
            for child in parent.children(recursive=True):
                yield name + WORKER, child

    def _get(self, path: str) -> bytes:
        connection = Connection(self.edge)
        try:
            return expect(200, connection.ask(request("GET", path, self.token))).body
        finally:
            connection.close()

    def _statuses(self) -> dict[str, admin_pb2.StatusResponse]:
        return {service: self._status(service) for service in self._workers}

    def _status(self, service: str) -> admin_pb2.StatusResponse:
        return self._workers[service].Status(
            admin_pb2.StatusRequest(), metadata=self._metadata, timeout=RPC_DEADLINE_S
        )


def _memory(name: str, process: psutil.Process) -> Memory:
    full = process.memory_full_info()
    return Memory(name, round(full.rss / MIB, 1), round(getattr(full, "pss", 0) / MIB, 1))

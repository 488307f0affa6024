"""A whole Prism on this machine: Redis, Azurite if asked for, and the four services.

    with running() as stack:
        httpx.get(f"{stack.edge_url}/v1/products")

`make run` starts one on the addresses that the environment names; `make demo`, `make bench` and the
end-to-end tests start private ones, on free ports and in a folder of their own. Stacks with other ports
and another data folder do not meet.
"""

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from dev import folder
from dev.plan import SERVICES, Plan, make
from dev.ports import PortBlock
from dev.probes import get, listens
from dev.supervisor import State, Supervisor, SupervisorFailed

READY_WAIT_S = 60.0
# A program that was started again this often before the stack got ready will not come up by another try.
RESTARTS = 3
# Each of the edge's processes finds a worker that came back on its own: this many agree.
READY_ANSWERS = 6


class StackFailed(Exception):
    """The stack cannot start, or did not get ready; the text says why and what to do."""


class Stack:
    """The processes of one Prism. `start` once, then `stop`; `running` does both.

    `env` holds settings of the services; of the caller's own environment, `PRISM_*`, `OTEL_*` and `REDIS_URL` are
    left out, so that nothing but `env` decides. A port that `env` does not name is a free one. With
    `REDIS_URL` in it, that Redis is used and none is started. `domain_replicas` domain_svc processes
    compete; the second is named `domain_svc_2`. `service_env` has further variables of single programs,
    by name. Everything below `start` is of use once it has returned.
    """

    def __init__(
        self,
        storage: str,
        data_dir: Path,
        env: Mapping[str, str],
        *,
        domain_replicas: int = 1,
        service_env: Mapping[str, Mapping[str, str]] | None = None,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.data_dir = data_dir.resolve()
        self.log_dir = self.data_dir / "log"
        self._run_dir = self.data_dir / "run"
        self._storage = storage
        self._given = env
        self._replicas = domain_replicas
        self._service_env = service_env
        self._say = say
        self._ports: PortBlock | None = None
        self._lock: int | None = None
        self._plan: Plan | None = None
        self._supervisor: Supervisor | None = None

    def start(self, timeout_s: float = READY_WAIT_S) -> None:
        """Starts everything; the stack is ready on return. Blocks `timeout_s` at most, installing aside.

        Anything that it raises leaves nothing running: StackFailed, and what `folder.lock` and
        `plan.make` raise, whose texts say what to do.
        """
        try:
            self._start(timeout_s)
        except SupervisorFailed as error:
            self.stop()
            raise StackFailed(str(error)) from None
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stops every process and waits until it has ended. May be called at any time, and again."""
        supervisor, self._supervisor = self._supervisor, None
        if supervisor is not None:
            supervisor.stop()
        if self._ports is not None:
            self._ports.release()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    @property
    def edge_url(self) -> str:
        """Where REST is served, without a slash at the end."""
        return f"http://{self._planned.address('PRISM_EDGE_PORT')}"

    @property
    def stream_url(self) -> str:
        """Where SSE is served, without a slash at the end."""
        return f"http://{self._planned.address('PRISM_STREAM_PORT')}"

    @property
    def domain_grpc(self) -> str:
        """The gRPC target of domain_svc, the first one if there are several."""
        return self._planned.address("PRISM_DOMAIN_GRPC_PORT")

    @property
    def projector_grpc(self) -> str:
        """The gRPC target of projector_svc."""
        return self._planned.address("PRISM_PROJECTOR_GRPC_PORT")

    @property
    def stream_grpc(self) -> str:
        """The gRPC target of stream_svc."""
        return self._planned.address("PRISM_STREAM_GRPC_PORT")

    @property
    def domain_metrics_url(self) -> str:
        """Where Prometheus scrapes domain_svc, the first one if there are several."""
        return f"http://{self._planned.address('PRISM_DOMAIN_METRICS_PORT')}/metrics"

    @property
    def projector_metrics_url(self) -> str:
        """Where Prometheus scrapes projector_svc."""
        return f"http://{self._planned.address('PRISM_PROJECTOR_METRICS_PORT')}/metrics"

    @property
    def metrics_urls(self) -> dict[str, str]:
        """Where Prometheus scrapes each service."""
        return {
            "edge": f"{self.edge_url}/metrics",
            "domain_svc": self.domain_metrics_url,
            "projector_svc": self.projector_metrics_url,
            "stream_svc": f"{self.stream_url}/metrics",
        }

    @property
    def redis_url(self) -> str:
        """The Redis that the services use."""
        return self._planned.env["REDIS_URL"]

    @property
    def env(self) -> dict[str, str]:
        """The settings of the services: `kernel.settings.load` takes them."""
        return dict(self._planned.env)

    def wait_ready(self, timeout_s: float = READY_WAIT_S) -> None:
        """Returns once the edge says that every worker is ready and the stream's port answers.

        StackFailed, naming the culprit with the end of its log, after `timeout_s` or as soon as a
        program keeps ending.
        """
        deadline = time.monotonic() + timeout_s
        starts: dict[str, set[float]] = {}
        while True:
            for _ in range(READY_ANSWERS):
                status, said = get(f"{self.edge_url}/readyz")
                if status != 200:
                    break
            if status == 200 and get(f"{self.stream_url}/healthz")[0] == 200:
                return
            for state in self.states().values():
                if state.started_at:
                    starts.setdefault(state.name, set()).add(state.started_at)
                if len(starts.get(state.name, ())) > RESTARTS:
                    raise StackFailed(self._blame(state.name, "keeps ending after its start"))
            if time.monotonic() > deadline:
                raise StackFailed(self._not_ready(status, said))
            time.sleep(0.1)

    def alive(self) -> bool:
        """True while the stack's supervisor runs."""
        return self._supervisor is not None and self._supervisor.alive()

    def states(self) -> dict[str, State]:
        """What the supervisor knows of each program, by name."""
        return self._supervised.states()

    def pid(self, service: str) -> int:
        """The process id of a service (of its gunicorn master), 0 while it does not run."""
        return self.states()[service].pid

    def kill(self, service: str, signal_number: int = signal.SIGKILL, *, with_workers: bool = False) -> int:
        """Sends a signal to a service, with `with_workers` to its children too. The id of its process.

        Returns at once. A program that ends is started again: `wait_restarted` waits for it.
        """
        pid = self.pid(service)
        # Process 0 would be our own group.
        assert pid > 0, f"{service} does not run"
        if with_workers:
            os.killpg(pid, signal_number)
        else:
            os.kill(pid, signal_number)
        return pid

    def wait_restarted(self, service: str, old_pid: int, timeout_s: float = READY_WAIT_S) -> None:
        """Returns once a service runs as another process than `old_pid` and the stack is ready again."""
        deadline = time.monotonic() + timeout_s
        while self.pid(service) in (0, old_pid):
            if time.monotonic() > deadline:
                raise StackFailed(self._blame(service, "was not started again"))
            time.sleep(0.05)
        self.wait_ready(deadline - time.monotonic())

    def stop_service(self, service: str) -> None:
        """Stops a service, or `redis`, which stays down until `start_service`. Blocks until it has ended."""
        self._supervised.stop_program(service)

    def start_service(self, service: str) -> None:
        """Starts a service that is down. Returns at once: see `wait_ready`."""
        self._supervised.start_program(service)

    def logs(self, service: str) -> str:
        """What a service has logged, rotated files aside; empty if it never started."""
        path = self.log_dir / f"{service}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def tail(self, service: str, lines: int = 15) -> str:
        """The end of a service's log, indented."""
        return "\n".join(f"    {line}" for line in self.logs(service).splitlines()[-lines:])

    @property
    def _planned(self) -> Plan:
        if self._plan is None:
            raise StackFailed("the stack was not started")
        return self._plan

    @property
    def _supervised(self) -> Supervisor:
        if self._supervisor is None:
            raise StackFailed("the stack does not run")
        return self._supervisor

    def _start(self, timeout_s: float) -> None:
        self._lock = folder.lock(self.data_dir)
        self.log_dir.mkdir(exist_ok=True)
        self._run_dir.mkdir(exist_ok=True)
        self._ports = PortBlock()
        self._plan = plan = make(
            self._storage, self.data_dir, self._given, self._replicas, self._ports.take, self._service_env
        )
        programs = plan.programs
        deadline = time.monotonic() + timeout_s
        with ExitStack() as ours:
            listeners = {
                service: ours.enter_context(listener).fileno() for service, listener in plan.listen().items()
            }
            self._supervisor = Supervisor(
                programs, self._run_dir, self.log_dir, plan.environment(), [self._lock], listeners
            )
            self._say("Starting " + ", ".join(program.name for program in programs))
            self._supervisor.start()
        for name, address in plan.infrastructure.items():
            while not listens(address):
                if time.monotonic() > deadline:
                    raise StackFailed(self._blame(name, "does not answer"))
                time.sleep(0.02)
        # The first group starts by itself: without infrastructure, that is the services.
        for program in programs if plan.infrastructure else []:
            if program.group == "services":
                self._supervisor.start_program(program.name)
        self.wait_ready(deadline - time.monotonic())

    def _blame(self, name: str, what: str) -> str:
        log = self.log_dir / f"{name}.log"
        return f"{name} {what}. The end of {log}:\n{self.tail(name)}\nFix that, then start again."

    def _not_ready(self, status: int, said: str) -> str:
        if status == 0:
            return self._blame("edge", "does not answer")
        if status == 200:
            return self._blame("stream_svc", "does not answer")
        late = [name for name in SERVICES if f'"{name}":"SERVING"' not in said and name != "edge"]
        ends = "\n".join(self._blame(name, "is not ready") for name in late or ["edge"])
        return f"{self.edge_url}/readyz answers {status}: {said}\n{ends}"


@contextmanager
def running(
    storage: str = "embedded",
    data_dir: Path | None = None,
    env: Mapping[str, str] | None = None,
    *,
    domain_replicas: int = 1,
    service_env: Mapping[str, Mapping[str, str]] | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Iterator[Stack]:
    """A stack that is ready, stopped at the end of the block. See `Stack` for what it takes.

    `storage` is `embedded`, `azurite` (starts one) or a connection string. Without `data_dir` a temporary
    folder is used and removed at the end. An exception that leaves the block carries the end of every log.
    """
    home = data_dir or Path(tempfile.mkdtemp(prefix="prism-"))
    try:
        stack = Stack(
            storage, home, env or {}, domain_replicas=domain_replicas, service_env=service_env, say=say
        )
        stack.start()
        try:
            yield stack
        except Exception as error:
            error.add_note("\n".join(f"{name}.log:\n{stack.tail(name)}" for name in stack.states()))
            raise
        finally:
            stack.stop()
    finally:
        if data_dir is None:
            shutil.rmtree(home, ignore_errors=True)

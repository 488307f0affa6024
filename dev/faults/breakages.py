"""What goes wrong with a stack: each breakage begins, lasts, and is over when its function returns."""

import random
import resource
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import redis

from dev.faults.clocks import Clocks
from dev.faults.proxy import Proxy, Trouble
from dev.plan import SERVICES
from dev.stack import Stack
from dev.supervisor import SupervisorFailed

WORKERS = ("domain_svc", "projector_svc")
# Of a received message's invisibility, 30 s: a process that stands still for longer is overtaken.
STANDSTILLS_S = (0.5, 3.0, 10.0, 35.0)
# What a process may write while its disk is full: SQLite needs more, whatever it does.
FULL_BYTES = 1024


@dataclass(frozen=True)
class Site:
    """What can be broken."""

    stack: Stack
    dice: random.Random
    clocks: Clocks
    # In front of storage; none for the embedded engine.
    proxies: Sequence[Proxy] = ()
    # The folder of the embedded engine; none for Azurite.
    data: Path | None = None

    def processes(self, service: str) -> list[psutil.Process]:
        """A service's processes, the one that the others come from first."""
        with suppress(psutil.NoSuchProcess, SupervisorFailed):
            if pid := self.stack.pid(service):
                first = psutil.Process(pid)
                return [first, *first.children(recursive=True)]
        return []

    def signal(self, service: str, number: int) -> None:
        """Sends a signal to all processes of a service that are there."""
        for process in self.processes(service):
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)


Breakage = Callable[[Site], None]


def killed(site: Site) -> None:
    """kill -9 of a service, all its processes at once."""
    site.signal(site.dice.choice(SERVICES), signal.SIGKILL)


def all_killed(site: Site) -> None:
    """kill -9 of every service."""
    for service in SERVICES:
        site.signal(service, signal.SIGKILL)
    site.stack.wait_ready()


def edge_worker_killed(site: Site) -> None:
    """kill -9 of one of the edge's worker processes, and of its master now and then."""
    if processes := site.processes("edge"):
        with suppress(psutil.NoSuchProcess):
            site.dice.choice(processes).kill()


def terminated(site: Site) -> None:
    """SIGTERM to a service: it drains, ends, and is started again."""
    with suppress(psutil.NoSuchProcess):
        for process in site.processes(site.dice.choice(SERVICES))[:1]:
            process.terminate()


def rolling_restart(site: Site) -> None:
    """Every service is stopped and started, one after the other."""
    for service in site.dice.sample(SERVICES, len(SERVICES)):
        site.stack.stop_service(service)
        site.stack.start_service(service)
        site.stack.wait_ready()


def stood_still(site: Site) -> None:
    """A worker stands still, as when its machine swaps, and goes on as if nothing had been."""
    service = site.dice.choice((*WORKERS, "stream_svc"))
    stopped = site.processes(service)
    for process in stopped:
        with suppress(psutil.NoSuchProcess):
            process.suspend()
    time.sleep(site.dice.choice(STANDSTILLS_S))
    for process in stopped:
        with suppress(psutil.NoSuchProcess):
            process.resume()


def redis_killed(site: Site) -> None:
    """kill -9 of Redis: it comes back empty."""
    site.signal("redis", signal.SIGKILL)


def redis_flushed(site: Site) -> None:
    """Redis forgets everything."""
    with suppress(redis.RedisError), redis.Redis.from_url(site.stack.redis_url) as client:
        client.flushall()


def redis_gone(site: Site) -> None:
    """Redis is down for a while, and comes back empty."""
    site.stack.stop_service("redis")
    time.sleep(site.dice.uniform(1, 8))
    site.stack.start_service("redis")


def redis_stood_still(site: Site) -> None:
    """Redis takes connections and answers nothing for a while; it forgets nothing."""
    site.signal("redis", signal.SIGSTOP)
    time.sleep(site.dice.uniform(0.5, 6))
    site.signal("redis", signal.SIGCONT)


def jumps_s(site: Site) -> int:
    """How far a clock jumps at most."""
    # The embedded engine's messages are visible by its users' clocks: a jump costs as much time.
    return 40 if site.data else 300


def clock_jumped(site: Site) -> None:
    """A worker's clock is wrong for a while: by minutes, where storage has a clock of its own."""
    service = site.dice.choice(WORKERS)
    most_s = jumps_s(site)
    site.clocks.set(service, site.dice.choice((-most_s, -10, 10, most_s)))
    time.sleep(site.dice.uniform(3, 10))
    site.clocks.set(service, 0)


def disk_full(site: Site) -> None:
    """No service can write to its files for a while."""
    limited = [process for service in SERVICES for process in site.processes(service)]
    for process in limited:
        _limit_files(process, FULL_BYTES)
    time.sleep(site.dice.uniform(1, 6))
    for process in limited:
        _limit_files(process, resource.RLIM_INFINITY)


def files_locked(site: Site) -> None:
    """Somebody else's program holds the write lock of the engine's files for a while."""
    assert site.data, "the embedded engine has files"
    with _locked(site.dice.sample(sorted(site.data.rglob("*.db")), 2)):
        time.sleep(site.dice.uniform(1, 7))


def storage_unwell(site: Site) -> None:
    """Storage is late, resets connections, asks for patience, fails with and without an effect."""
    drawn = site.dice.sample(list(Trouble), site.dice.randint(1, 3))
    rate = site.dice.choice((0.02, 0.1, 0.3))
    _storage_for(site, dict.fromkeys(drawn, rate), site.dice.uniform(2, 10))


def storage_gone(site: Site) -> None:
    """Storage answers nobody for a while."""
    trouble = site.dice.choice((Trouble.RESET_BEFORE, Trouble.BUSY, Trouble.RESET_AFTER))
    _storage_for(site, {trouble: 1.0}, site.dice.uniform(1, 8))


PROCESSES: dict[Breakage, int] = {
    killed: 6, all_killed: 1, edge_worker_killed: 2, terminated: 4, rolling_restart: 1, stood_still: 3,
    redis_killed: 1, redis_flushed: 2, redis_gone: 2, redis_stood_still: 2,
}  # fmt: skip # how often each, against the others
EMBEDDED: dict[Breakage, int] = {disk_full: 3, files_locked: 3}
AZURITE: dict[Breakage, int] = {storage_unwell: 6, storage_gone: 2}


def breakages(site: Site) -> dict[Breakage, int]:
    """All that can happen to a site, and how often each, against the others."""
    found = PROCESSES | (EMBEDDED if site.data else AZURITE)
    if site.clocks.can_jump:
        found[clock_jumped] = 2
    return found


def _storage_for(site: Site, rates: dict[Trouble, float], seconds: float) -> None:
    for proxy in site.proxies:
        for trouble in Trouble:
            proxy.rates[trouble] = rates.get(trouble, 0.0)
    time.sleep(seconds)
    for proxy in site.proxies:
        for trouble in Trouble:
            proxy.rates[trouble] = 0.0


def _limit_files(process: psutil.Process, limit: int) -> None:
    with suppress(psutil.NoSuchProcess, ProcessLookupError):
        # The soft limit alone, so that it can be taken back.
        hard = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)[1]
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (limit, hard))


@contextmanager
def _locked(files: Sequence[Path]) -> Iterator[None]:
    connections = [sqlite3.connect(file, timeout=30, isolation_level=None) for file in files]
    try:
        for connection in connections:
            connection.execute("BEGIN IMMEDIATE")
        yield
    finally:
        for connection in connections:
            with closing(connection):
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

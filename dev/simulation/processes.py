"""The services' processes: the real ones, wired as their __main__ wires them, able to die and come back."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from redis import Redis

import domain_svc.__main__ as domain
import projector_svc.__main__ as projector
from dev.simulation.network import Network
from dev.simulation.queue import SimulatedQueue
from dev.simulation.redis import SimulatedRedis
from dev.simulation.storage import SimulatedStorage
from dev.simulation.world import Actor, Process, World, surviving
from edge.acceptance import Acceptance
from edge.backlog import Backlog
from edge.memory import Memory
from kernel import consumer as kernel_consumer
from kernel import contract, updates
from kernel.consumer import Consumer
from kernel.doorbell import Bell
from kernel.generations import Pointers, Stamps
from kernel.ports import Storage
from kernel.queues import COMMANDS
from kernel.redis import RedisUnavailable
from kernel.settings import Settings
from kernel.updates import UpdateLog
from projector_svc.written import Written
from stream_svc.blueprint import StreamBlueprint
from stream_svc.hub import Hub
from stream_svc.reader import Reader

LEASE_S = kernel_consumer.VISIBILITY_S / 3
CONTRACT = contract.load()


class EdgeMemory(Memory):
    """The edge's Redis, simulated."""

    def __init__(self, server: SimulatedRedis) -> None:
        self.quick = cast("Redis", server)
        self._away_until = 0.0


@dataclass(slots=True)
class Site:
    """What the processes of one run share."""

    world: World
    network: Network
    storage: SimulatedStorage
    redis: SimulatedRedis
    settings: Settings
    workers: list[Process] = field(default_factory=list)
    # Who can be paused.
    consumers: list[Actor] = field(default_factory=list)
    readers: list[Actor] = field(default_factory=list)
    streams: "list[StreamProcess]" = field(default_factory=list)
    # What was seen to be wrong while it ran.
    complaints: list[str] = field(default_factory=list)
    # The queues that were given a message that is none.
    foreign: list[str] = field(default_factory=list)
    # Whether clients come by the edge's routes.
    http: bool = False


class ConsumerProcess:
    """A process of domain_svc or projector_svc: its consumers, and what renews their messages."""

    def __init__(self, site: Site, name: str, make: Callable[[], list[Consumer]], count: int) -> None:
        self._site = site
        self._make = make
        self.process = Process(name)
        site.workers.append(self.process)
        for place in range(count):
            self._start(place)

    def _start(self, place: int) -> None:
        """A consumer with a thread of its own shares nothing with its neighbours but the process' death."""
        world = self._site.world
        queue = self._make()[place].name
        current: list[Consumer] = []

        def consume() -> None:
            lives = 0
            while True:
                with surviving(world):
                    if lives:
                        self._site.network.note("starts again")
                        self._site.redis.restarted(world.current.name)
                        world.sleep(world.current.dice.choice((0.1, 1.0, 8.0)))
                    lives += 1
                    current[:] = [self._make()[place]]
                    self._loop(current[0])

        def renew() -> None:
            while True:
                with surviving(world):
                    while True:
                        world.park()
                        while current and current[0]._lease.size:
                            current[0]._lease.look()
                            world.sleep(LEASE_S)

        consumer = world.start(f"{self.process.name}/{queue}", self.process, consume)
        self._site.consumers.append(consumer)
        lease = world.start(f"{self.process.name}/{queue}/lease", self.process, renew)
        self._site.storage.queue(queue).leases[consumer] = lease

    def _loop(self, consumer: Consumer) -> None:
        """kernel.consumer.Consumer's own loop, but for how it waits."""
        world, retry_s = self._site.world, kernel_consumer.RETRY_S
        wait_s = retry_s[0]
        while True:
            rest_while_paused(world)
            try:
                received = consumer.step()
            except Exception as error:  # noqa: BLE001 # as the loop does
                self._site.network.note(f"tries again: {error}")
                world.sleep(wait_s)
                wait_s = min(wait_s * 2, retry_s[1])
                continue
            wait_s = retry_s[0]
            if not received:
                cast("SimulatedQueue", consumer._queue).wait()


class StreamProcess:
    """A process of stream_svc: its reader and hub, made anew after a death."""

    def __init__(self, site: Site, name: str) -> None:
        self._site = site
        self.process = Process(name)
        site.workers.append(self.process)
        self._renew()
        site.readers.append(site.world.start(f"{name}/reader", self.process, self._life))

    def _renew(self) -> None:
        server = cast("Redis", self._site.redis)
        self.hub = Hub(CONTRACT, limit=100, capacity=updates.CAPACITY)
        self.reader = Reader(UpdateLog(server, self._site.settings.prism_namespace), self.hub, CONTRACT)
        none = cast("Any", None)
        self.blueprint = StreamBlueprint(self.hub, self.reader, none, none, none, heartbeat_s=0)

    def _life(self) -> None:
        world = self._site.world
        while True:
            with surviving(world):
                self._loop()
            self.hub.close()
            self._renew()

    def _loop(self) -> None:
        world, server = self._site.world, self._site.redis
        wait_s = 0.1
        while True:
            rest_while_paused(world)
            before = self._seen()
            try:
                self.reader.step()
            except RedisUnavailable:
                world.sleep(wait_s)
                wait_s = min(2 * wait_s, 2.0)
                continue
            wait_s = 0.1
            if before == self._seen():
                server.wait()

    def _seen(self) -> tuple[object, ...]:
        """Changes while there may be something to read."""
        server = self._site.redis
        return server.flushes, server.entries_added, server.epochs, self.reader._last_id


def rest_while_paused(world: World) -> None:
    """Lets the time pass for which who runs is paused."""
    while world.current.paused_until > world.now:
        world.sleep(world.current.paused_until - world.now)


def start(site: Site, domains: int, projectors: int, streams: int) -> None:
    """Starts every worker process."""
    subscribers = sorted({view.subscriber for view in CONTRACT.views.values()})

    # The port's attributes can be set, so a type that narrows them is another type.
    storage = cast("Storage", site.storage)

    def domain_consumers() -> list[Consumer]:
        service = domain.DomainService(site.settings, storage)
        return [service.commands, service.later, service.reactions]

    def written(views: Sequence[str]) -> Written:
        stamps = Stamps(cast("Redis", site.redis), site.settings.prism_namespace)
        return Written(views, Pointers(storage.views), stamps, clock=lambda: site.world.now)

    def projector_consumers() -> list[Consumer]:
        updates = UpdateLog(cast("Redis", site.redis), site.settings.prism_namespace)
        return [
            projector.subscriber_consumer(site.settings, storage, subscriber, written, updates)
            for subscriber in subscribers
        ]

    for number in range(domains):
        ConsumerProcess(site, f"domain-{number}", domain_consumers, 3)
    for number in range(projectors):
        ConsumerProcess(site, f"projector-{number}", projector_consumers, len(subscribers))
    for number in range(streams):
        site.streams.append(StreamProcess(site, f"stream-{number}"))


def acceptance(site: Site) -> Acceptance:
    """An edge's acceptance of commands, as a process that has just started has it."""
    queue = site.storage.queue(COMMANDS)
    return Acceptance(
        EdgeMemory(site.redis),
        site.settings.prism_namespace,
        queue,
        Bell(site.settings, "", COMMANDS),
        Backlog(queue, 0),
    )

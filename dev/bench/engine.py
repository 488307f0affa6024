"""What is measured of one engine: loads, latency, storage calls, draining of a backlog, memory."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from dev.bench import shop
from dev.bench.calls import Calls, counted
from dev.bench.figures import Latency, latency
from dev.bench.generator import Flood, Flooded
from dev.bench.pace import Miscounted, Pace, measure_pace
from dev.bench.rebuild import Rebuild, measure_rebuild
from dev.bench.subject import Memory, Subject
from dev.stack import running

CONNECTIONS = 8
BATCH = 100
LOAD_CARTS = shop.cart_ids(16, "load")
LONE_COMMANDS = 50
NEW_CARTS = 25
# Carts and requests of a backlog, for each second of the bench's.
DRAIN_CARTS = shop.cart_ids(200, "drain")
DRAIN_REQUESTS_PER_S = {"embedded": 20, "azurite": 4}
DRAINED_WITHIN_S = 120
DRAIN_POLL_S = 0.02
IDLE_S = 3.0


@dataclass(frozen=True, slots=True)
class Load:
    """As many commands as the stack takes."""

    connections: int
    commands_a_request: int
    commands: int
    # Answered with 202, a second.
    accepted_per_s: float
    # Until the views showed the last of them.
    projected_per_s: float
    answer_ms: Latency
    calls: Calls
    # Processor time of each program, for a command.
    processor_ms: dict[str, float]
    # That of the load generator, in cores: at 1 it measures itself.
    generator_load: float


@dataclass(frozen=True, slots=True)
class Alone:
    """Commands one by one, each awaited until its views are saved."""

    answer_ms: Latency
    calls: Calls


@dataclass(frozen=True, slots=True)
class Drain:
    """A backlog of commands, handled by one service after the other."""

    commands: int
    decided_per_s: float
    projected_per_s: float
    # Each process by moment: before, with the backlog in each service's queues, and after.
    memory: dict[str, list[Memory]]


@dataclass(frozen=True, slots=True)
class Engine:
    """Everything of one engine; None or empty where it was not asked for."""

    name: str
    start_s: float
    single: Load | None = None
    batch: Load | None = None
    pace: Pace | None = None
    # Adding to a cart that is hot, and to one that does not exist yet; stock received.
    lone_warm: Alone | None = None
    lone_new: Alone | None = None
    lone_stock: Alone | None = None
    # Storage calls a second of a stack without commands, health checks included.
    idle_calls_per_s: dict[str, float] | None = None
    drain: Drain | None = None
    rebuild: Rebuild | None = None
    memory: list[Memory] | None = None


def measure(name: str, seconds: float, wants: Callable[[str], bool], say: Callable[[str], None]) -> Engine:
    """Starts a private stack on an engine, measures what `wants` wants, stops it."""
    began = time.monotonic()
    with running(name) as stack:
        start_s = round(time.monotonic() - began, 1)
        subject = Subject(stack)
        subject.one_by_one([shop.register_product(product_id) for product_id in shop.PRODUCTS])
        found: dict[str, object] = {}
        if wants("calls"):
            say(f"{name}: storage calls")
            found |= measure_calls(subject)
        if wants("latency"):
            say(f"{name}: latency")
            found["pace"] = measure_pace(subject, 3 * seconds)
        if wants("load"):
            say(f"{name}: load")
            found["single"] = measure_load(subject, seconds, 1)
            found["batch"] = measure_load(subject, seconds, BATCH)
        if wants("drain"):
            say(f"{name}: drain")
            found["drain"] = measure_drain(subject, max(1, int(seconds * DRAIN_REQUESTS_PER_S[name])))
        if wants("rebuild"):
            say(f"{name}: rebuild")
            found["rebuild"] = measure_rebuild(subject, name, 3 * seconds)
        if wants("memory"):
            found["memory"] = subject.memory()
        return Engine(name=name, start_s=start_s, **found)  # type: ignore[arg-type] # by the fields' names


def measure_load(subject: Subject, seconds: float, a_request: int) -> Load:
    """Posts over several connections until the time is up, and waits until all is projected."""
    subject.one_by_one([shop.add_item(cart_id, shop.PRODUCTS[0]) for cart_id in LOAD_CARTS])
    before, processor = versions(subject), subject.processor_s()
    with counted(subject) as calls:
        done = flood(subject, LOAD_CARTS, seconds=seconds, a_request=a_request)
        calls.commands = done.commands
        used = subject.processor_s()
    # Each command is one event of one cart.
    if (events := versions(subject) - before) != done.commands:
        raise Miscounted(f"{done.commands} commands were accepted, and the carts show {events} events")
    return Load(
        connections=CONNECTIONS,
        commands_a_request=a_request,
        commands=done.commands,
        accepted_per_s=round(done.commands / done.accepting_s, 1),
        projected_per_s=round(done.commands / done.projecting_s, 1),
        answer_ms=latency(done.answer_s),
        calls=calls,
        processor_ms={
            program: round(1000 * (used[program] - processor[program]) / done.commands, 3)
            for program in processor
        },
        generator_load=round(done.load, 2),
    )


def flood(
    subject: Subject, carts: list[str], *, seconds: float, a_request: int, at_most: int | None = None
) -> Flooded:
    """Has the generator post until the time is up; with `at_most`, so many, and none need be projected."""
    job = Flood(
        edge=subject.edge,
        token=subject.token,
        connections=CONNECTIONS,
        seconds=seconds,
        carts=carts,
        redis_url=subject.redis_url,
        updates_key=subject.updates_key,
        a_request=a_request,
        at_most=at_most,
    )
    return subject.run(job, Flooded)


def versions(subject: Subject) -> int:
    """How many events the views of the loaded carts show."""
    return sum(subject.version(cart_id) for cart_id in LOAD_CARTS)


def measure_calls(subject: Subject) -> dict[str, object]:
    """Commands one by one, and a stack that does nothing."""
    warm, product = "lone", shop.PRODUCTS[0]
    add = shop.add_item(warm, product)
    # The first of each makes tables, queues and rows.
    subject.one_by_one([add, shop.receive_stock(product)])
    found: dict[str, object] = {
        "lone_warm": measure_alone(subject, [add] * LONE_COMMANDS),
        "lone_new": measure_alone(
            subject, [shop.add_item(cart_id, product) for cart_id in shop.cart_ids(NEW_CARTS, "new")]
        ),
        "lone_stock": measure_alone(subject, [shop.receive_stock(product)] * LONE_COMMANDS),
    }
    before, began = subject.calls(), time.monotonic()
    time.sleep(IDLE_S)
    idle, took = subject.calls() - before, time.monotonic() - began
    found["idle_calls_per_s"] = {call: round(count / took, 2) for call, count in sorted(idle.items())}
    return found


def measure_alone(subject: Subject, paths_and_bodies: list[tuple[str, dict[str, object]]]) -> Alone:
    """Sends them."""
    with counted(subject) as calls:
        done = subject.one_by_one(paths_and_bodies)
        calls.commands = len(paths_and_bodies)
    return Alone(latency(done.seconds), calls)


def measure_drain(subject: Subject, requests: int) -> Drain:
    """Fills the queue with everything paused, then lets one service after the other go on."""
    subject.one_by_one([shop.add_item(cart_id, shop.PRODUCTS[0]) for cart_id in DRAIN_CARTS])
    subject.settle()
    memory = {"before": subject.memory()}
    for service in ("domain_svc", "projector_svc"):
        subject.pause(service)
    done = flood(subject, DRAIN_CARTS, seconds=DRAINED_WITHIN_S, a_request=BATCH, at_most=requests)
    memory["accepted"] = subject.memory()
    decided_s = drained_s(subject, "domain_svc")
    memory["decided"] = subject.memory()
    projected_s = drained_s(subject, "projector_svc")
    memory["projected"] = subject.memory()
    return Drain(
        done.commands, round(done.commands / decided_s, 1), round(done.commands / projected_s, 1), memory
    )


def drained_s(subject: Subject, service: str) -> float:
    """Seconds from its resumption until nothing waits for a service."""
    began = time.monotonic()
    subject.resume(service)
    while subject.waiting(service):
        if time.monotonic() - began > DRAINED_WITHIN_S:
            raise Miscounted(f"{service} did not handle its backlog in {DRAINED_WITHIN_S} s")
        time.sleep(DRAIN_POLL_S)
    return time.monotonic() - began

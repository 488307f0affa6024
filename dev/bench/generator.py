"""The load generator: a process of its own, so that its work does not sit in a measured one.

    python -m dev.bench.generator < job.json > result.json

One thread drives all connections; requests are made before the clock starts and answers are parsed after
it stops. Times are the system's monotonic clock, which all processes share.
"""

import json
import sys
import time
from collections.abc import Iterator
from itertools import cycle, islice
from selectors import EVENT_READ, DefaultSelector

import msgspec
from redis import Redis

from dev.bench import shop
from dev.bench.wire import Answer, Connection, Refused, expect, request

PROJECTED_WITHIN_S = 120.0
POLL_S = 0.002
# Different requests made before the clock starts; then they come again.
PREPARED = 2000
WAIT = {"Prefer": "wait=20"}


class Job(msgspec.Struct, kw_only=True, tag=True):
    """What to do, and to whom."""

    edge: str
    token: str


class Flood(Job, kw_only=True):
    """As many commands as the edge takes, over some connections, until the time or the number is up.

    With `a_request` above 1 they go by the batch route. Then waits until all are projected, unless
    `at_most` says how many requests there shall be.
    """

    connections: int
    seconds: float
    carts: list[str]
    redis_url: str
    updates_key: str
    a_request: int = 1
    at_most: int | None = None


class Paced(Job, kw_only=True):
    """Commands at a fixed rate, each sent at its time whether the ones before are answered or not."""

    a_second: float
    seconds: float
    carts: list[str]


class Lone(Job, kw_only=True):
    """Commands one by one, each awaited until its views are saved."""

    paths_and_bodies: list[tuple[str, dict[str, object]]]


class Flooded(msgspec.Struct, kw_only=True):
    """What came of a flood."""

    commands: int
    accepting_s: float
    # From the first request until the last command was projected.
    projecting_s: float
    answer_s: list[float]
    # Processor time of this process, for each second of accepting.
    load: float


class Sent(msgspec.Struct, array_like=True):
    """A paced command: its id, and when it was due, sent and answered."""

    command_id: str
    due: float
    sent: float
    answered: float


class Alone(msgspec.Struct):
    """What came of commands one by one."""

    seconds: list[float]


def flood(job: Flood) -> Flooded:
    """Runs a flood."""
    updates = Updates(job)
    prepared = [flood_requests(job) for _ in range(job.connections)]
    selector = DefaultSelector()
    connections = [Connection(job.edge) for _ in range(job.connections)]
    answers: list[Answer] = []
    answer_s: list[float] = []
    sent_at: dict[Connection, float] = {}
    started, busy = time.monotonic(), time.process_time()
    ends, to_send = started + job.seconds, job.at_most or sys.maxsize

    def send(connection: Connection, requests: Iterator[bytes]) -> None:
        nonlocal to_send
        if to_send > 0 and time.monotonic() < ends:
            to_send -= 1
            sent_at[connection] = time.monotonic()
            connection.send(next(requests))
        else:
            selector.unregister(connection)

    for opened, requests in zip(connections, prepared, strict=True):
        selector.register(opened, EVENT_READ, requests)
        send(opened, requests)
    while selector.get_map():
        for key, _ in selector.select():
            connection = key.fileobj
            assert isinstance(connection, Connection)
            if answer := connection.receive():
                answer_s.append(time.monotonic() - sent_at[connection])
                answers.append(answer)
                send(connection, key.data)
    accepted, busy = time.monotonic(), time.process_time() - busy
    commands = sum(expect(202, answer).body.count(b'"ACCEPTED"') for answer in answers)
    if commands != len(answers) * job.a_request:
        raise Refused("a command of the load was not accepted")
    if job.at_most is None:
        updates.wait_for(commands)
    return Flooded(
        commands=commands,
        accepting_s=accepted - started,
        projecting_s=time.monotonic() - started,
        answer_s=answer_s,
        load=busy / (accepted - started),
    )


class Updates:
    """Counts the commands that the projector has told of since this was made: one entry each."""

    def __init__(self, job: Flood) -> None:
        self._redis = Redis.from_url(job.redis_url)
        self._key = job.updates_key
        self._before = self._added()

    def wait_for(self, commands: int) -> None:
        """Returns when the views show so many commands."""
        ends = time.monotonic() + PROJECTED_WITHIN_S
        while (done := self._added() - self._before) < commands:
            if time.monotonic() > ends:
                raise Refused(f"{done} of {commands} commands were projected in {PROJECTED_WITHIN_S} s")
            time.sleep(POLL_S)

    def _added(self) -> int:
        if not self._redis.exists(self._key):
            return 0
        info = self._redis.xinfo_stream(self._key)
        assert isinstance(info, dict)
        return int(info["entries-added"])


def flood_requests(job: Flood) -> Iterator[bytes]:
    """The requests of one connection, for ever."""
    items = shop.items(job.carts)
    if job.a_request == 1:
        singles = [add_request(job, *item) for item in islice(items, PREPARED)]
        return cycle(singles)
    batches = []
    for _ in range(max(1, PREPARED // job.a_request)):
        entries = [
            {"type": "AddItemToCart", "body": {"cartId": cart, "productId": product, "quantity": 1}}
            for cart, product in islice(items, job.a_request)
        ]
        batches.append(request("POST", "/v1/commands", job.token, {"commands": entries}))
    return cycle(batches)


def add_request(job: Job, cart_id: str, product_id: str) -> bytes:
    """The request that adds one item."""
    path, body = shop.add_item(cart_id, product_id)
    return request("POST", path, job.token, body)


def paced(job: Paced) -> list[Sent]:
    """Runs at a fixed rate."""
    items = shop.items(job.carts)
    total = int(job.a_second * job.seconds)
    requests = [add_request(job, *item) for item in islice(items, total)]
    selector = DefaultSelector()
    idle = [Connection(job.edge) for _ in range(4)]
    for opened in idle:
        selector.register(opened, EVENT_READ)
    under_way: dict[Connection, tuple[float, float]] = {}
    done: list[tuple[Answer, float, float, float]] = []
    started = time.monotonic() + 0.1
    number = 0
    while number < total or under_way:
        due = started + number / job.a_second
        if number < total and time.monotonic() >= due:
            if not idle:
                idle.append(Connection(job.edge))
                selector.register(idle[-1], EVENT_READ)
            taken = idle.pop()
            under_way[taken] = (due, time.monotonic())
            taken.send(requests[number])
            number += 1
            continue
        for key, _ in selector.select(due - time.monotonic() if number < total else None):
            connection = key.fileobj
            assert isinstance(connection, Connection)
            if answer := connection.receive():
                done.append((answer, *under_way.pop(connection), time.monotonic()))
                idle.append(connection)
    return [
        Sent(json.loads(expect(202, answer).body)["commandId"], due, sent, answered)
        for answer, due, sent, answered in done
    ]


def lone(job: Lone) -> Alone:
    """Runs one by one."""
    connection = Connection(job.edge)
    requests = [request("POST", path, job.token, body, WAIT) for path, body in job.paths_and_bodies]
    seconds = []
    for each in requests:
        started = time.monotonic()
        expect(200, connection.ask(each))
        seconds.append(time.monotonic() - started)
    return Alone(seconds)


def main() -> None:
    """Does the job on standard input and writes what came of it."""
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=Flood | Paced | Lone)
    result: Flooded | list[Sent] | Alone
    match job:
        case Flood():
            result = flood(job)
        case Paced():
            result = paced(job)
        case Lone():
            result = lone(job)
    sys.stdout.buffer.write(msgspec.json.encode(result))


if __name__ == "__main__":
    main()

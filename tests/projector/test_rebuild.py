"""A rebuilt view takes the live one's place whole, whatever happens meanwhile, and whoever dies."""

import random
import sqlite3
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from kernel.generations import LiveNames, number_of
from kernel.packing import pack_commits
from kernel.ports import Row, RowId
from kernel.projection import Recorded
from kernel.telemetry.metrics import storage_calls
from prism.envelope.v1.envelope_pb2 import Commit, Generations
from projector_svc import written
from projector_svc.projections.cart import cart as cart_projection
from projector_svc.rebuild import filling, lifecycle
from projector_svc.rebuild.caretaker import SILENT_S
from projector_svc.rebuild.retiring import READ_GRACE_S, WRITE_GRACE_S
from tests.commands import add, register
from tests.projector.processes import Process, World
from tests.projector.test_views import go_shopping
from tests.redis_server import RedisServer
from tests.shop import CONTRACT
from tests.support import eventually

VIEWS = sorted(CONTRACT.views)


def fill_carts(world: World, carts: int, events: int = 3) -> None:
    """So many carts with so many events each, each a commit."""
    world.shop.do(register())
    for _ in range(events):
        for number in range(carts):
            world.shop.send(add(f"c{number}"))
        world.shop.step("commands")
    world.shop.settle()


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filling, "BATCH_COMMITS", 2)


@pytest.mark.parametrize("view", VIEWS)
def test_a_rebuilt_view_is_the_same_byte_for_byte_and_the_old_one_is_gone(world: World, view: str) -> None:
    go_shopping(world.shop)
    before = world.shop.rows()
    world.rebuild(view)
    assert world.shop.rows() == before
    assert world.shop.stored_name(view) == f"{view}@1"
    assert world.stored(view) == {}
    assert world.generations(view).live_since.ToSeconds() > 0


def test_a_number_is_never_given_out_twice(world: World) -> None:
    fill_carts(world, 2)
    for number in (1, 2, 3):
        world.rebuild()
        assert world.generations().live == number
    assert world.stored("cart@2") == {}
    assert len(world.stored("cart@3")) == 2


def test_what_a_stalled_consumer_left_in_a_dropped_generation_goes_with_the_next_one(world: World) -> None:
    fill_carts(world, 1)
    world.rebuild()
    # It held the names of before, and had a cart to save that nobody else has seen yet.
    late = [Row(RowId(name, "late", "late"), b"") for name in ("cart", "cart@1", "product")]
    assert all(world.shop.storage.views.save(late))
    world.rebuild()
    assert world.stored("cart") == world.stored("cart@1") == {}
    assert list(world.stored("product")) == [("catalogue", "tea"), ("late", "late")]


def test_a_second_call_follows_the_rebuild_that_runs(world: World) -> None:
    assert world.begin() == 1
    again = world.pointers.change("cart", lambda found: lifecycle.begin(found, "otto"))
    assert (again.building.number, again.building.subject) == (1, "olga")


def test_the_pointer_says_how_far_it_is(world: World, small_batches: None) -> None:
    fill_carts(world, 3, events=2)
    process = world.process()
    process.gate.close()
    world.begin()
    world.until(process, lambda: world.generations().building.done == 0 < world.generations().building.total)
    process.gate.let(2)
    world.until(process, lambda: world.generations().building.done >= 4)
    building = world.generations().building
    assert (building.total, building.builder, building.after) == (6, process.caretaker.name, "cart-c0")
    assert building.rate > 0
    process.gate.let()
    world.until_live(process, 1)


@pytest.mark.usefixtures("small_batches")
def test_what_happens_during_a_rebuild_is_in_it(world: World, tmp_path: Path) -> None:
    fill_carts(world, 6)
    process = world.process()
    process.gate.close()
    world.begin()
    for turn in range(8):
        process.tick()
        process.gate.let(1)
        # An old cart that the scan has passed, or not; and a new one.
        world.shop.do(add(f"c{turn % 6}", quantity=2))
        world.shop.do(add(f"new{turn}"))
    process.gate.let()
    world.until_live(process, 1)
    world.shop.do(add("c0"))
    assert world.shop.rows() == world.told_by_events(tmp_path / "oracle")
    world.tidied(process)
    world.shop.do(add("c1"))
    assert world.shop.rows() == world.told_by_events(tmp_path / "oracle2")
    assert world.generation(0) == {}


def test_a_writer_that_knows_of_no_rebuild_yet_writes_to_it_before_it_tells(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The scan is over when a command comes, and the consumer has last looked before it began."""
    fill_carts(world, 2)
    # It looks after a batch alone, and not before one.
    monkeypatch.setattr(written, "IDLE_S", 3600)
    process = world.process()
    world.begin()
    process.tick()
    build = process.caretaker._build
    assert build
    eventually(lambda: build.finished)
    told = len(world.shop.deliveries)
    world.shop.do(add("c0"))
    world.shop.do(add("c9"))
    assert [len(delivery.updates) for delivery in world.shop.deliveries[told:]] == [1, 1]
    assert world.generation(0) == world.generation(1)
    world.until_live(process, 1)
    assert world.shop.rows() == world.told_by_events(tmp_path / "oracle")


def test_a_batch_that_is_saved_before_the_stamp_changes_is_seen_by_the_scan(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other side of the same race: the whole scan passes between a batch's save and its look."""
    fill_carts(world, 2)
    process = world.process()
    look = written.Written.look
    looks: list[int] = []

    def slow_look(self: written.Written) -> object:
        if not looks:
            looks.append(1)
            world.begin()
            process.tick()
            build = process.caretaker._build
            eventually(lambda: build and build.finished)
        return look(self)

    monkeypatch.setattr(written, "IDLE_S", 3600)
    monkeypatch.setattr(written.Written, "look", slow_look)
    world.shop.do(add("c0"))
    assert looks
    world.until_live(process, 1)
    assert world.shop.rows() == world.told_by_events(tmp_path / "oracle")


def test_each_version_is_told_once_while_other_generations_are_written(
    world: World, small_batches: None
) -> None:
    fill_carts(world, 4)
    process = world.process()
    process.gate.close()
    world.begin()
    process.tick()
    world.shop.do(add("c1"))
    told = len(world.shop.deliveries)
    sent = [world.shop.send(add("c1")).id for _ in range(3)]
    world.shop.settle()
    news = [(d.command_id, u.version) for d in world.shop.deliveries[told:] for u in d.updates]
    assert news == list(zip(sent, (5, 6, 7), strict=True))
    process.gate.let()
    world.until_live(process, 1)


def test_a_conflict_with_the_builder_costs_no_update(world: World, small_batches: None) -> None:
    """The consumer holds a row of the new generation that the builder changes under it."""
    fill_carts(world, 1, events=1)
    process = world.process()
    process.gate.close()
    world.begin()
    process.tick()
    build = process.caretaker._build
    assert build
    eventually(lambda: build.work.stamp)
    world.shop.do(add("c0"))
    [row] = world.shop.storage.views.get([RowId("cart@1", "c0", "c0")])
    assert row
    # As the builder would: the same content, saved anew.
    assert world.shop.storage.views.save([row]) != [None]
    told = len(world.shop.deliveries)
    sent = [world.shop.send(add("c0")).id for _ in range(2)]
    world.shop.settle()
    news = [(d.command_id, u.version) for d in world.shop.deliveries[told:] for u in d.updates]
    assert news == list(zip(sent, (3, 4), strict=True))
    assert world.generation(0) == world.generation(1)
    process.gate.let()
    world.until_live(process, 1)


def test_readers_see_every_row_whole_at_any_time(world: World) -> None:
    """Readers poll as the edge does, with the real clock, while a rebuild goes from beginning to end."""
    fill_carts(world, 40)
    expected = world.generation(0)
    process = world.process()
    names = LiveNames(world.shop.storage.views, ttl_s=0.05)
    ended = threading.Event()
    wrong: list[object] = []
    seen: set[int] = set()

    def poll() -> None:
        while not ended.is_set():
            name = names.of("cart")
            seen.add(number_of(name))
            for place in expected:
                [row] = world.shop.storage.views.get([RowId(name, *place)])
                if row is None or row.data != expected[place]:
                    wrong.append((name, place, row))

    readers = [threading.Thread(target=poll) for _ in range(2)]
    for reader in readers:
        reader.start()
    try:
        for number in (1, 2):
            eventually(partial(seen.__contains__, number - 1))
            world.begin()
            world.until_live(process, number)
            # Time passes for the caretaker as it does for the readers.
            eventually(partial(seen.__contains__, number))
            world.tidied(process)
        eventually(lambda: seen == {0, 1, 2})
    finally:
        ended.set()
        for reader in readers:
            reader.join()
    assert not wrong
    assert seen == {0, 1, 2}


def test_a_retired_generation_is_written_until_no_reader_can_have_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(written, "IDLE_S", 0)
    fill_carts(world, 1)
    process = world.process()
    world.begin()
    world.until_live(process, 1)
    process.tick()
    world.clock.now += READ_GRACE_S - 0.1
    process.tick()
    world.shop.do(add("c0"))
    assert world.generation(0) == world.generation(1)
    world.clock.now += 0.2
    process.tick()
    assert [item.dropping for item in world.generations().retired] == [True]
    process.tick()
    world.shop.do(add("c0"))
    assert world.generation(0) != world.generation(1)
    assert world.generation(0)
    world.clock.now += WRITE_GRACE_S
    world.until(process, lambda: not world.generations().retired)
    assert world.generation(0) == {}


def test_a_writer_that_was_idle_writes_nothing_to_what_was_dropped(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_carts(world, 1)
    monkeypatch.setattr(written, "IDLE_S", 0)
    world.rebuild()
    world.shop.do(add("c0"))
    assert world.generation(0) == {}
    assert world.shop.view("cart", "c0").version == 4


@pytest.mark.usefixtures("small_batches")
def test_a_cancelled_rebuild_leaves_nothing_and_the_next_has_another_number(world: World) -> None:
    fill_carts(world, 4)
    before = world.shop.rows()
    process = world.process()
    process.gate.close()
    world.begin()
    process.tick()
    process.gate.let(2)
    world.until(process, lambda: world.generation(1))
    world.pointers.change("cart", lambda found: lifecycle.end(found, 1, "cancelled by otto"))
    process.gate.let()
    world.until(process, lambda: process.caretaker._build is None)
    [retired] = world.generations().retired
    assert (retired.number, retired.failure) == (1, "cancelled by otto")
    world.tidied(process)
    assert (world.shop.rows(), world.generation(1)) == (before, {})
    assert world.begin() == 2
    world.until_live(process, 2)
    assert world.shop.rows() == before


@pytest.mark.parametrize("defect", ["unknown type", "bytes that do not decode", "a projection that fails"])
def test_an_event_that_cannot_be_taken_ends_the_rebuild_and_is_named(
    world: World, defect: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_carts(world, 3)
    before = world.shop.rows()
    [first, *_] = world.shop.storage.events.read("cart-c1")
    bad = Commit.FromString(first.SerializeToString())
    bad.stream = bad.events[0].stream = "cart-c1x"
    bad.events[0].id = "cart-c1x:1"
    if defect == "unknown type":
        bad.events[0].type = "prism.cart.v9.ItemBlessed"
    elif defect == "bytes that do not decode":
        bad.events[0].data = b"\xff"
    else:

        def fail(view: object, event: object, recorded: object) -> object:
            raise ZeroDivisionError("no such thing")

        monkeypatch.setitem(cart_projection.handlers, bad.events[0].type, fail)
        bad.events[0].id = "cart-c0:1"
    world.shop.storage.events.append([bad])
    process = world.process()
    world.begin()
    world.until(process, lambda: world.generations().retired)
    [retired] = world.generations().retired
    assert bad.events[0].id in retired.failure
    assert ("ZeroDivisionError" in retired.failure) == (defect == "a projection that fails")
    assert bad.events[0].type in retired.failure
    assert world.generations().live == 0
    world.tidied(process)
    assert world.generation(1) == {}
    assert world.shop.rows() == before


def test_a_failure_of_the_new_generation_alone_ends_the_rebuild_and_stops_no_command(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The live row has taken an event that today's code fails on; the new one has to take it yet."""
    fill_carts(world, 2, events=1)
    process = world.process()
    process.gate.close()
    world.begin()
    process.tick()
    build = process.caretaker._build
    assert build
    eventually(lambda: build.work.stamp)
    usual = cart_projection.handlers["prism.cart.v2.ItemAddedToCart"]

    def fails_on_empty(view: Any, event: Any, recorded: Recorded) -> object:  # noqa: ANN401 # of a cart
        if recorded.version == 1:
            raise ZeroDivisionError("not from nothing")
        return usual(view, event, recorded)

    monkeypatch.setitem(cart_projection.handlers, "prism.cart.v2.ItemAddedToCart", fails_on_empty)
    # The rows of the new generation as they were before the builder came to this cart.
    world.shop.storage.views.drop("cart@1")
    world.shop.do(add("c1"))
    assert world.shop.view("cart", "c1").version == 2
    assert not world.shop.dead
    [retired] = world.generations().retired
    assert "not from nothing" in retired.failure
    process.gate.let()
    world.tidied(process)
    assert world.generations() == Generations(live=0, latest=1)


# Where a process dies: given the world and a process that has just seen the rebuild asked for.
Death = Callable[[World, Process], None]
DEATHS: dict[str, Death] = {}


def death(action: Death) -> Death:
    DEATHS[action.__name__] = action
    return action


@death
def before_anyone_claims_it(world: World, process: Process) -> None:
    pass


@death
def after_the_claim(world: World, process: Process) -> None:
    process.gate.close()
    process.tick()


@death
def in_the_middle_of_the_scan(world: World, process: Process) -> None:
    process.gate.close()
    process.tick()
    process.gate.let(3)
    world.until(process, lambda: world.generations().building.done >= 4)
    assert world.generations().building.after


@death
def after_the_scan(world: World, process: Process) -> None:
    process.tick()
    build = process.caretaker._build
    assert build
    eventually(lambda: build.finished)


@death
def after_it_went_live(world: World, process: Process) -> None:
    world.until_live(process, 1)


@death
def while_the_old_one_waits(world: World, process: Process) -> None:
    world.until_live(process, 1)
    world.clock.now += READ_GRACE_S + 1
    process.tick()
    world.clock.now += READ_GRACE_S + 1
    process.tick()
    assert world.generations().retired[0].dropping


@death
def in_the_middle_of_the_drop(world: World, process: Process) -> None:
    while_the_old_one_waits(world, process)
    place = next(iter(world.generation(0)))
    world.shop.storage.views.delete([RowId("cart", *place)])


@death
def after_the_drop(world: World, process: Process) -> None:
    while_the_old_one_waits(world, process)
    world.shop.storage.views.drop("cart")


@pytest.mark.usefixtures("small_batches")
@pytest.mark.parametrize("where", DEATHS)
def test_another_process_goes_on_wherever_one_dies(world: World, tmp_path: Path, where: str) -> None:
    fill_carts(world, 6)
    first, second = world.process(), world.process()
    world.begin()
    DEATHS[where](world, first)
    first.die()
    # Whatever comes while nobody takes care.
    world.shop.do(add("c0"))
    world.shop.do(add("c5"))
    world.shop.do(add("new"))

    def later() -> bool:
        world.clock.now += SILENT_S + 1
        found = world.generations()
        return found.live == 1 and not found.retired

    world.until(second, later)
    assert world.shop.rows() == world.told_by_events(tmp_path / "oracle")
    assert world.generation(0) == {}
    assert world.generations().latest == 1


@pytest.mark.usefixtures("small_batches")
def test_a_builder_that_takes_over_begins_where_the_last_one_was(world: World) -> None:
    fill_carts(world, 6)
    first, second = world.process(), world.process()
    world.begin()
    in_the_middle_of_the_scan(world, first)
    first.die()
    stamp, after = world.generations().building.stamp, world.generations().building.after
    second.gate.close()
    second.tick()
    world.clock.now += SILENT_S
    second.tick()
    building = world.generations().building
    assert (building.builder, building.after, building.stamp) == (second.caretaker.name, after, stamp)
    build = second.caretaker._build
    assert build
    assert after == "cart-c0"
    second.gate.let(2)
    eventually(lambda: build.work.after == "cart-c1")
    second.gate.let()
    world.until_live(second, 1)


def test_a_live_builder_is_left_alone_and_a_dead_one_has_one_heir(world: World, small_batches: None) -> None:
    fill_carts(world, 4)
    first, *others = (world.process() for _ in range(3))
    for process in (first, *others):
        process.gate.close()
    world.begin()
    for _ in range(10):
        for process in (first, *others):
            process.tick()
        world.clock.now += SILENT_S / 2
    assert [bool(process.caretaker._build) for process in (first, *others)] == [True, False, False]
    first.die()
    for _ in range(3):
        world.clock.now += SILENT_S
        threads = [threading.Thread(target=process.tick) for process in others]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sum(bool(process.caretaker._build) for process in others) <= 1
    assert sum(bool(process.caretaker._build) for process in others) == 1
    for process in others:
        process.gate.let()
    [heir] = [process for process in others if process.caretaker._build]
    world.until_live(heir, 1)


def test_a_builder_that_was_only_slow_gives_way(world: World, small_batches: None) -> None:
    fill_carts(world, 4)
    first, second = world.process(), world.process()
    first.gate.close()
    world.begin()
    first.tick()
    second.tick()
    world.clock.now += SILENT_S
    second.tick()
    assert second.caretaker._build
    first.tick()
    assert first.caretaker._build is None
    first.gate.let()
    world.until_live(second, 1)
    assert world.generations().live == 1
    assert len(world.generation(1)) == 4


def test_a_process_that_ends_gives_its_rebuild_back_at_once(world: World, small_batches: None) -> None:
    fill_carts(world, 4)
    first, second = world.process(), world.process()
    first.gate.close()
    world.begin()
    first.tick()
    first.gate.let(2)
    eventually(lambda: first.caretaker._build and first.caretaker._build.work.done >= 2)
    first.gate.let()
    first.caretaker.leave()
    assert world.generations().building.builder == ""
    second.tick()
    assert world.generations().building.builder == second.caretaker.name
    world.until_live(second, 1)


def test_the_builder_and_consumers_write_the_same_rows_at_once(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two consumers and a builder, in threads, over a few carts: whoever is slower does it again."""
    monkeypatch.setattr(filling, "BATCH_COMMITS", 4)
    fill_carts(world, 5, events=2)
    dice = random.Random(7)  # noqa: S311 # a seed, not a secret
    ended = threading.Event()
    consumers = [world.shop.projector("views") for _ in range(2)]
    queue = world.shop.storage.queue("events-views")

    def consume(place: int) -> None:
        while not ended.is_set() or queue.depth().messages:
            if messages := queue.receive(4):
                consumers[place](messages)
                queue.delete(messages)

    threads = [threading.Thread(target=consume, args=(place,)) for place in range(2)]
    for thread in threads:
        thread.start()
    process = world.process()
    try:
        for number in (1, 2, 3):
            world.begin()
            process.tick()
            for _ in range(15):
                world.shop.send(add(f"c{dice.randint(0, 8)}"))
                world.shop.step("commands")
                process.tick()
            world.until_live(process, number)
    finally:
        ended.set()
        for thread in threads:
            thread.join()
    world.shop.settle()
    assert world.shop.rows() == world.told_by_events(tmp_path / "oracle")
    assert not world.shop.dead


def test_without_redis_a_rebuild_waits_and_commands_do_not(tmp_path: Path, own_redis: RedisServer) -> None:
    world = World(tmp_path / "data", own_redis.url)
    fill_carts(world, 2)
    own_redis.stop()
    process = world.process()
    world.begin()
    process.tick()
    world.shop.do(add("c0"))
    assert world.shop.view("cart", "c0").version == 4
    # Written to both, though nobody could be told: without Redis writers read the pointers themselves.
    assert world.generation(1)
    assert world.generations().live == 0
    own_redis.start()
    world.until_live(process, 1)
    assert world.shop.rows() == world.told_by_events(tmp_path / "oracle")


@pytest.mark.usefixtures("small_batches")
def test_a_redis_that_forgets_during_a_rebuild_makes_no_hole(tmp_path: Path, own_redis: RedisServer) -> None:
    world = World(tmp_path / "data", own_redis.url)
    fill_carts(world, 4)
    process = world.process()
    process.gate.close()
    world.begin()
    process.tick()
    process.gate.let(3)
    eventually(lambda: process.caretaker._build and process.caretaker._build.work.done >= 4)
    own_redis.stop()
    own_redis.start()
    world.shop.do(add("c0"))
    process.gate.let()
    world.until_live(process, 1)
    assert world.shop.rows() == world.told_by_events(tmp_path / "oracle")


@pytest.mark.usefixtures("small_batches")
def test_a_redis_that_comes_back_older_makes_no_hole(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a fail-over to a copy that lagged: writers see the stamp that they know from before."""
    fill_carts(world, 4)
    monkeypatch.setattr(written, "IDLE_S", 3600)
    key = f"{world.namespace}:generations"
    redis = Redis.from_url(world.redis_url)
    before = redis.hgetall(key)
    process = world.process()
    process.gate.close()
    world.begin()
    process.tick()
    process.gate.let(3)
    eventually(lambda: process.caretaker._build and process.caretaker._build.work.done >= 4)
    redis.hset(key, mapping=before)  # type: ignore[arg-type] # untyped answers
    world.shop.do(add("c0"))
    # There is the hole: the scan has passed this cart.
    assert world.generation(0) != world.generation(1)
    process.gate.let()
    world.until_live(process, 1)
    assert world.shop.rows() == world.told_by_events(tmp_path / "oracle")


def test_rebuilds_of_several_views_are_built_one_after_the_other(world: World) -> None:
    go_shopping(world.shop)
    before = world.shop.rows()
    process = world.process()
    for view in VIEWS:
        world.begin(view)
    world.until(process, lambda: all(world.generations(view).live == 1 for view in VIEWS))
    for view in VIEWS:
        world.tidied(process, view)
    assert world.shop.rows() == before


def test_a_batch_costs_as_many_storage_calls_as_ever(world: World) -> None:
    fill_carts(world, 1)

    def calls_of_a_batch() -> dict[str, int]:
        world.shop.send(add("c0"))
        world.shop.step("commands")
        before = storage_calls()
        world.shop.step("events-views")
        return {kind: n for kind, after in storage_calls().items() if (n := after - before.get(kind, 0))}

    assert calls_of_a_batch() == {"queue.receive": 1, "views.save": 1, "queue.delete": 1}
    world.begin()
    process = world.process()
    world.until_live(process, 1)
    world.tidied(process)
    calls_of_a_batch()
    assert calls_of_a_batch() == {"queue.receive": 1, "views.save": 1, "queue.delete": 1}


def test_a_commit_that_a_scan_missed_is_read_from_its_stream(world: World) -> None:
    fill_carts(world, 1, events=4)
    commits = world.shop.storage.events.read("cart-c0")
    process = world.process()
    filling_ = process.filling("cart", "cart@1")
    seen = list(filling_._whole(iter([commits[0], commits[3]])))
    assert seen == commits


def test_nothing_is_left_in_the_view_store_but_live_rows_and_pointers(world: World) -> None:
    go_shopping(world.shop)
    world.rebuild()
    world.rebuild()
    with sqlite3.connect(world.folder / "views.db") as database:
        views = {name for (name,) in database.execute("SELECT DISTINCT view FROM rows")}
    assert views == {"generations", "cart@2", *CONTRACT.views} - {"cart"}


def test_messages_of_a_dead_process_are_taken_again_into_every_generation(world: World) -> None:
    """Delivered twice, before and after a rebuild went live: a repeat adds nothing to any generation."""
    fill_carts(world, 2)
    commits = list(world.shop.storage.events.scan("cart-"))
    process = world.process()
    world.begin()
    world.until_live(process, 1)
    before = world.generation(1)
    world.shop.storage.queue("events-views").put(pack_commits(commits))
    world.shop.settle()
    assert (world.generation(0), world.generation(1)) == (before, before)

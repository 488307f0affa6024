"""The simulated world: time goes on only by sleeping, one actor runs at a time, the dead stay dead."""

from collections.abc import Iterator

import pytest

from dev.simulation.faults import Fault, Faults
from dev.simulation.network import Network
from dev.simulation.storage import SimulatedStorage
from dev.simulation.world import EPOCH_S, Process, Stuck, World, surviving
from kernel.errors import StorageUnavailable
from kernel.ports import Row, RowId
from prism.envelope.v1.envelope_pb2 import Commit, Outcome


@pytest.fixture
def world() -> Iterator[World]:
    made = World("test")
    yield made
    made.close()


def network(world: World, **script: Fault) -> Network:
    """A network where the calls named by their numbers (`_3`) of the actor `conductor` go wrong."""
    places = {("conductor", int(name.strip("_"))): fault for name, fault in script.items()}
    return Network(world, Faults("test", {}, places))


def test_actors_take_turns_by_the_time_at_which_they_wake(world: World) -> None:
    seen: list[tuple[str, float]] = []

    def life(name: str, every_s: float) -> None:
        for _ in range(3):
            world.sleep(every_s)
            seen.append((name, round(world.now - EPOCH_S, 6)))

    world.start("slow", Process("slow"), lambda: life("slow", 2.0))
    world.start("fast", Process("fast"), lambda: life("fast", 0.75))
    world.rest(max_steps=100)
    assert seen == [
        ("fast", 0.75),
        ("fast", 1.5),
        ("slow", 2.0),
        ("fast", 2.25),
        ("slow", 4.0),
        ("slow", 6.0),
    ]


def test_a_death_ends_all_actors_of_a_process_where_they_are(world: World) -> None:
    lives: list[str] = []
    process = Process("worker")

    def life(name: str) -> None:
        for number in range(2):
            with surviving(world):
                lives.append(f"{name} {number} begins")
                world.sleep(10)
                lives.append(f"{name} {number} ends")

    for name in ("one", "two"):
        world.start(name, process, lambda name=name: life(name))  # type: ignore[misc] # bound now
    world.rest(until=EPOCH_S + 5, max_steps=100)
    world.kill(process)
    world.rest(max_steps=100)
    assert sorted(lives) == [
        "one 0 begins",
        "one 1 begins",
        "one 1 ends",
        "two 0 begins",
        "two 1 begins",
        "two 1 ends",
    ]
    assert world.now == EPOCH_S + 15


def test_a_run_that_goes_round_in_circles_is_stuck(world: World) -> None:
    def life() -> None:
        while True:
            world.sleep(0.1)

    world.start("busy", Process("busy"), life)
    with pytest.raises(Stuck):
        world.rest(max_steps=50)


def test_an_error_of_an_actor_is_told(world: World) -> None:
    def life() -> None:
        raise LookupError("a defect of the simulation")

    world.start("broken", Process("broken"), life)
    with pytest.raises(LookupError):
        world.rest(max_steps=50)


def test_a_lost_answer_leaves_its_effect_and_a_repeat_of_the_append_counts_as_appended(world: World) -> None:
    storage = SimulatedStorage(network(world, _1=Fault.LOST, _2=Fault.REFUSED))
    commit = Commit(stream="cart-c1", number=1, outcomes=[Outcome(command_id="a")])
    other = Commit(stream="cart-c1", number=1, outcomes=[Outcome(command_id="b")])
    with pytest.raises(StorageUnavailable):
        storage.events.append([commit])
    with pytest.raises(StorageUnavailable):
        storage.events.append([other])
    assert storage.events.append([commit]) == [True]
    assert storage.events.append([other]) == [False]
    assert storage.events.read("cart-c1") == [commit]


def test_a_message_comes_again_after_its_time_and_only_its_latest_receipt_deletes_it(world: World) -> None:
    queue = SimulatedStorage(network(world)).queue("commands")
    queue.put([b"one"])
    [first] = queue.receive(visibility_s=30)
    assert queue.receive() == []
    world.sleep(31)
    [again] = queue.receive()
    assert (again.id, again.deliveries) == (first.id, 2)
    queue.delete([first])
    assert queue.extend([first], 10) == []
    [extended] = queue.extend([again], 10)
    queue.delete([again])
    assert queue.messages
    queue.delete([extended])
    assert not queue.messages


def test_a_row_is_saved_only_over_the_state_that_it_was_made_from(world: World) -> None:
    views = SimulatedStorage(network(world)).views
    id_ = RowId("cart", "c1", "c1")
    [etag] = views.save([Row(id_, b"1")])
    assert views.save([Row(id_, b"other")]) == [None]
    [newer] = views.save([Row(id_, b"2", etag)])
    assert views.save([Row(id_, b"3", etag)]) == [None]
    assert views.get([id_]) == [Row(id_, b"2", newer)]

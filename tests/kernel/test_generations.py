"""Pointers, stamps and readers of generations, over a real view store and a real Redis."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from redis import Redis

from kernel.embedded.storage import EmbeddedStorage
from kernel.generations import (
    LiveNames,
    Pointers,
    Stamps,
    names_written,
    number_of,
    stored_name,
    view_of,
    written,
)
from kernel.ports import ViewStore
from kernel.redis import RedisUnavailable
from kernel.telemetry.metrics import storage_calls
from prism.envelope.v1.envelope_pb2 import Generations
from tests.redis_server import RedisServer


@pytest.fixture
def store(tmp_path: Path) -> ViewStore:
    return EmbeddedStorage(str(tmp_path)).views


@pytest.fixture
def stamps(redis_url: str) -> Stamps:
    return Stamps(Redis.from_url(redis_url), f"t{uuid.uuid4().hex}")


def set_live(store: ViewStore, number: int) -> None:
    def step(generations: Generations) -> None:
        generations.live = number

    Pointers(store).change("cart", step)


def test_a_view_that_was_never_rebuilt_is_read_and_written_under_its_own_name(store: ViewStore) -> None:
    pointers = Pointers(store).read(["cart", "sales"])
    assert pointers == {"cart": Generations(), "sales": Generations()}
    assert names_written(pointers) == {"cart": ("cart",), "sales": ("sales",)}


@pytest.mark.parametrize("number", [0, 1, 2**32 - 1])
def test_a_stored_name_tells_its_view_and_its_number(number: int) -> None:
    name = stored_name("order_history", number)
    assert (view_of(name), number_of(name)) == ("order_history", number)


def test_all_but_what_is_being_dropped_is_written_the_live_one_first() -> None:
    generations = Generations(
        live=4,
        building=Generations.Building(number=6),
        retired=[
            Generations.Retired(number=3),
            Generations.Retired(number=5, dropping=True),
        ],
    )
    assert written(generations) == (4, 6, 3)


def test_changes_at_the_same_time_are_all_made(store: ViewStore) -> None:
    def give_out(generations: Generations) -> None:
        generations.latest += 1

    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda _: Pointers(store).change("cart", give_out).latest, range(40)))
    assert sorted(answers) == list(range(1, 41))


def test_a_change_that_fails_changes_nothing(store: ViewStore) -> None:
    set_live(store, 3)

    def fail(generations: Generations) -> None:
        generations.live = 9
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011 # our own
        Pointers(store).change("cart", fail)
    assert Pointers(store).read(["cart"])["cart"].live == 3


def test_a_change_that_changes_nothing_writes_nothing(store: ViewStore) -> None:
    before = storage_calls().get("views.save", 0)
    Pointers(store).change("cart", lambda generations: None)
    assert storage_calls().get("views.save", 0) == before


def test_a_stamp_stays_until_it_is_renewed(stamps: Stamps) -> None:
    first = stamps.read(["cart", "order"])
    assert stamps.read(["cart", "order"]) == first
    assert all(first.values())
    renewed = stamps.renew("cart")
    assert stamps.read(["cart", "order"]) == {"cart": renewed, "order": first["order"]}
    assert renewed != first["cart"]


def test_a_redis_that_forgot_has_stamps_that_nobody_knows(own_redis: RedisServer) -> None:
    stamps = Stamps(Redis.from_url(own_redis.url), "prism")
    before = stamps.read(["cart"])
    own_redis.stop()
    with pytest.raises(RedisUnavailable):
        stamps.read(["cart"])
    own_redis.start()
    after = stamps.read(["cart"])
    assert after["cart"]
    assert after != before


def test_a_reader_follows_the_pointer_within_its_time(store: ViewStore) -> None:
    now = [100.0]
    names = LiveNames(store, 1.0, lambda: now[0])
    assert names.of("cart") == "cart"
    set_live(store, 2)
    now[0] += 0.9
    assert names.of("cart") == "cart"
    now[0] += 0.1
    assert names.of("cart") == "cart@2"
    assert names.of("order") == "order"


def test_a_reader_asks_storage_once_in_its_time(store: ViewStore) -> None:
    now = [100.0]
    names = LiveNames(store, 1.0, lambda: now[0])
    before = storage_calls().get("views.get", 0)
    for _ in range(10):
        names.of("cart")
        now[0] += 0.2
    assert storage_calls()["views.get"] == before + 2


def test_an_answer_that_was_long_on_its_way_is_not_kept(store: ViewStore) -> None:
    now = [100.0]

    class Slow:
        """The store, whose every answer takes 5 s."""

        def __getattr__(self, name: str) -> object:
            now[0] += 5
            return getattr(store, name)

    names = LiveNames(Slow(), 1.0, lambda: now[0])  # type: ignore[arg-type] # passes every call on
    assert names.of("cart") == "cart"
    set_live(store, 1)
    assert names.of("cart") == "cart@1"

"""The reader over a real Redis, in this process."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from kernel import contract
from kernel.redis import connect
from kernel.settings import Settings
from kernel.updates import UpdateLog
from stream_svc import reader as reader_module
from stream_svc.cursors import Position, parse, place_of
from stream_svc.hub import Hub
from stream_svc.reader import Reader
from stream_svc.subscription import Interest, Subscription
from tests.redis_server import RedisServer
from tests.stream import given
from tests.stream.given import Projector
from tests.support import eventually

SHOP = contract.load()


class Following:
    """A reader and its hub."""

    def __init__(self, settings: Settings) -> None:
        self.log = UpdateLog(connect(settings), settings.prism_namespace)
        self.hub = Hub(SHOP, limit=10)
        self.reader = Reader(self.log, self.hub, SHOP)

    def client(self, after: Position | None = None) -> Subscription:
        return self.hub.subscribe(Interest("alice", ("cart/c1",)), after)


@pytest.fixture
def settings(own_redis: RedisServer) -> Settings:
    return Settings(redis_url=own_redis.url)


@pytest.fixture
def projector(settings: Settings) -> Projector:
    return Projector(settings)


@pytest.fixture
def following(settings: Settings) -> Iterator[Following]:
    following = Following(settings)
    yield following
    following.reader.stop()


def take(client: Subscription) -> str:
    return client.take(5).decode()


def test_it_finds_at_its_start_what_redis_keeps(following: Following, projector: Projector) -> None:
    for version in (1, 2):
        projector.publish(given.cart("c1", version))

    following.reader.start(5)

    assert following.hub.end == parse(str(following.log.position()))
    epoch = following.hub.end.epoch
    replayed = take(following.client(parse(f"{epoch}.0-0")))
    assert [f'"version":{version}' in replayed for version in (1, 2, 3)] == [True, True, False]


def test_a_restart_leaves_out_the_same_repeats(following: Following, projector: Projector) -> None:
    for version in (1, 1, 2, 1):
        projector.publish(given.cart("c1", version))

    following.reader.start(5)

    replayed = take(following.client(parse(f"{following.hub.end.epoch}.0-0")))
    assert replayed.count("event: cart") == 2


def test_of_several_epochs_it_keeps_the_last(
    following: Following, projector: Projector, own_redis: RedisServer
) -> None:
    projector.publish(given.cart("c1", 1))
    first = projector.log.position()
    # As a projector does that could not publish.
    projector.redis.delete("prism:epoch")
    projector.publish(given.cart("c1", 2))

    following.reader.start(5)

    end = following.hub.end
    assert end.epoch not in ("", first.epoch)
    # The new epoch is known from its very beginning, the old one not at all.
    assert '"version":2' in take(following.client(Position(end.epoch, place_of(first.entry_id))))
    assert "UNKNOWN_CURSOR" in take(following.client(parse(str(first))))


def test_a_pause_holds_updates_back(following: Following, projector: Projector) -> None:
    following.reader.start(5)
    client = following.client()
    following.reader.pause()

    projector.publish(given.cart("c1", 1))

    eventually(lambda: following.reader.status().depth == 1)
    assert following.reader.status().paused
    assert client.idle
    assert following.reader.healthy
    following.reader.resume()
    assert '"version":1' in take(client)
    status = following.reader.status()
    assert (status.name, status.paused, status.depth, status.handled) == ("updates", False, 0, 1)
    assert not status.HasField("oldest_age")


def test_after_a_pause_in_which_redis_dropped_entries_clients_start_over(
    following: Following, projector: Projector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader_module, "BATCH", 2)
    following.reader.start(5)
    client = following.client()
    projector.publish(given.cart("c1", 1))
    assert '"version":1' in take(client)
    following.reader.pause()

    for version in range(2, 8):
        projector.publish(given.cart("c1", version))
    projector.redis.xtrim("prism:updates", maxlen=3, approximate=False)
    following.reader.resume()

    told = take(client)
    # A read that was under way when the pause began has brought the first of them.
    while "UPDATES_LOST" not in told:
        told += take(client)
    assert '"version":7' not in told
    projector.publish(given.cart("c1", 8))
    assert '"version":8' in take(client)


def test_entries_that_redis_dropped_before_the_first_were_read_make_clients_start_over(
    settings: Settings, projector: Projector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader_module, "BATCH", 2)
    by_hand = Following(settings)
    by_hand.reader.step()
    client = by_hand.client()

    for version in range(1, 7):
        projector.publish(given.cart("c1", version))
    projector.redis.xtrim("prism:updates", maxlen=3, approximate=False)
    by_hand.reader.step()

    assert "UPDATES_LOST" in take(client)


def test_without_redis_it_waits_and_says_so(
    following: Following, projector: Projector, own_redis: RedisServer
) -> None:
    following.reader.start(5)
    assert following.reader.healthy
    client = following.client()
    own_redis.stop()

    eventually(lambda: not following.reader.healthy)
    assert following.reader.status().depth == 0
    own_redis.start()

    assert "UPDATES_LOST" in take(client)
    eventually(lambda: following.reader.healthy)
    projector.publish(given.cart("c1", 1))
    assert '"version":1' in take(client)


def test_redis_that_comes_back_with_an_older_state_of_its_own_begins_an_epoch(
    following: Following, projector: Projector
) -> None:
    projector.publish(given.cart("c1", 1))
    projector.publish(given.cart("c1", 2))
    following.reader.start(5)
    before, client = following.hub.end, following.client()

    projector.redis.xdel("prism:updates", before.place.entry_id)

    assert "UPDATES_LOST" in take(client)
    assert following.hub.end.epoch != before.epoch
    assert following.log.position().epoch == following.hub.end.epoch


def test_a_cursor_that_is_a_moment_ahead_is_waited_for(following: Following, projector: Projector) -> None:
    following.reader.start(5)
    following.reader.pause()
    projector.publish(given.cart("c1", 1))
    ahead = parse(str(following.log.position()))
    assert following.hub.is_ahead(ahead)
    following.reader.resume()

    following.reader.catch_up(ahead)

    assert not following.hub.is_ahead(ahead)


def test_a_defective_entry_is_passed_over(
    following: Following, projector: Projector, monkeypatch: pytest.MonkeyPatch
) -> None:
    following.reader.start(5)
    client = following.client()
    broken = given.cart("c1", 1)
    broken.data = b"\xff"

    projector.publish(broken)
    projector.publish(given.cart("c1", 2))

    assert '"version":2' in take(client)


def test_it_stops(following: Following, tmp_path: Path) -> None:
    following.reader.start(5)
    following.reader.pause()

    following.reader.stop()

    assert not following.reader.healthy

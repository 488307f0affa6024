"""Stored bytes that nobody can read: they are named, left as they are, and stop nothing else."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from domain_svc import streams
from kernel.dead_letters import DeadLetters
from kernel.errors import StorageUnavailable
from kernel.ports import Row, RowId
from kernel.queues import COMMANDS
from prism.envelope.v1.envelope_pb2 import DeadLetter, Envelope, Outcome, Snapshot
from tests.commands import add, receive, register
from tests.edge import given
from tests.edge.client import Edge, settings_for
from tests.input.workers import Workers
from tests.shop import command_envelope

DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "truncated": lambda data: data[: len(data) // 2],
    "foreign": lambda data: b"\xff\x00\xffnothing of ours",
    "empty": lambda data: b"",
}
every_damage = pytest.mark.parametrize("how", DAMAGE)


class Disk:
    """Whoever writes into the embedded engine's files past it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def damage(self, file: str, table: str, where: str, how: str) -> bytes:
        """Damages the data of a row; answers it as it is then."""
        with closing(sqlite3.connect(self._folder / file)) as connection:
            [(data,)] = connection.execute(f"SELECT data FROM {table} WHERE {where}").fetchall()  # noqa: S608 # of this file's own
            connection.execute(f"UPDATE {table} SET data = ? WHERE {where}", (DAMAGE[how](data),))  # noqa: S608 # the same
            connection.commit()
            return self.read(file, table, where)

    def swap(self, file: str, table: str, where: str, by: str) -> None:
        """Puts another row's data into a row."""
        with closing(sqlite3.connect(self._folder / file)) as connection:
            other = f"(SELECT data FROM {table} WHERE {by})"  # noqa: S608 # the same
            connection.execute(f"UPDATE {table} SET data = {other} WHERE {where}")  # noqa: S608 # the same
            connection.commit()

    def read(self, file: str, table: str, where: str) -> bytes:
        """The data of a row."""
        with closing(sqlite3.connect(self._folder / file)) as connection:
            [(data,)] = connection.execute(f"SELECT data FROM {table} WHERE {where}").fetchall()  # noqa: S608 # the same
            return bytes(data)


@pytest.fixture
def workers(tmp_path: Path) -> Workers:
    """A shop with tea in two carts."""
    workers = Workers(tmp_path)
    for command in (register(), receive(), add("good"), add("bad"), add("bad")):
        workers.shop.send(command)
        workers.settle()
    return workers


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(tmp_path)


def send(workers: Workers, *carts: str) -> list[Envelope]:
    """Adds tea to each cart, all in one message, by replicas that have nothing in memory."""
    again = Workers(workers.folder)
    commands = [command_envelope(add(cart)) for cart in carts]
    again.shop.queue(commands)
    again.settle()
    workers.shop = again.shop
    return commands


@every_damage
def test_a_commit_that_cannot_be_read_stops_its_own_stream_alone(
    workers: Workers, disk: Disk, how: str
) -> None:
    where = "stream = 'cart-bad' AND number = 1"
    damaged = disk.damage("events.db", "commits", where, how)
    bad, good = send(workers, "bad", "good")
    assert workers.shop.outcome(good.id).status == Outcome.APPLIED
    assert workers.shop.view("cart", "good").lines[0].quantity == 2
    [letter] = workers.letters(COMMANDS)
    assert "commit 1 of stream 'cart-bad'" in letter.reason
    assert [outcome.command_id for outcome in workers.shop.failed] == [bad.id]
    assert disk.read("events.db", "commits", where) == damaged


def test_a_commit_of_another_stream_is_not_taken_for_ones_own(workers: Workers, disk: Disk) -> None:
    disk.swap("events.db", "commits", "stream = 'cart-bad' AND number = 1", "stream = 'cart-good'")
    _, good = send(workers, "bad", "good")
    assert workers.shop.outcome(good.id).status == Outcome.APPLIED
    [letter] = workers.letters(COMMANDS)
    assert "what rests there is commit 1 of stream 'cart-good'" in letter.reason
    assert [event.stream for event in workers.events("cart-good")] == ["cart-good"] * 2


def test_a_commit_that_comes_where_a_bad_one_rests_does_not_replace_it(workers: Workers, disk: Disk) -> None:
    """The replica has the stream in memory, and finds its next place taken."""
    workers.shop.send(add("bad"))
    workers.consumers[COMMANDS].step()
    other = Workers(workers.folder)
    other.shop.send(add("bad"))
    other.settle()
    where = "stream = 'cart-bad' AND number = 4"
    damaged = disk.damage("events.db", "commits", where, "truncated")
    late, good = command_envelope(add("bad")), command_envelope(add("good"))
    workers.shop.queue([late, good])
    workers.settle()
    assert workers.shop.outcome(good.id).status == Outcome.APPLIED
    assert disk.read("events.db", "commits", where) == damaged
    assert "commit 4 of stream 'cart-bad'" in workers.letters(COMMANDS)[-1].reason


@every_damage
def test_a_snapshot_that_cannot_be_read_costs_a_longer_read(
    workers: Workers, disk: Disk, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "SNAPSHOT_EVERY", 3)
    workers.shop.do(add("bad"))
    disk.damage("events.db", "snapshots", "stream = 'cart-bad'", how)
    [command] = send(workers, "bad")
    assert workers.shop.outcome(command.id).status == Outcome.APPLIED
    assert workers.shop.view("cart", "bad").lines[0].quantity == 4
    assert not workers.letters(COMMANDS)


@pytest.mark.parametrize("ahead", [1, 1000])
def test_a_snapshot_ahead_of_its_stream_leaves_no_hole_in_it(
    workers: Workers, ahead: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after the event store was restored from an older backup."""
    monkeypatch.setattr(streams, "SNAPSHOT_EVERY", 3)
    workers.shop.do(add("bad"))
    snapshot = workers.storage.events.get_snapshot("cart-bad")
    assert isinstance(snapshot, Snapshot)
    snapshot.number += ahead
    snapshot.version += ahead
    workers.storage.events.put_snapshot(snapshot)
    send(workers, "bad")
    assert [event.version for event in workers.events("cart-bad")] == [1, 2, 3, 4]


@pytest.mark.parametrize("how", ["truncated", "foreign"])
def test_a_row_that_cannot_be_read_stops_no_other(workers: Workers, disk: Disk, how: str) -> None:
    where = "view = 'cart' AND key = 'bad'"
    damaged = disk.damage("views.db", "rows", where, how)
    bad, good = send(workers, "bad", "good")
    assert workers.shop.outcome(good.id).status == Outcome.APPLIED
    assert workers.shop.view("cart", "good").lines[0].quantity == 2
    # It happened all the same: what is missing is its view.
    assert len(workers.events("cart-bad")) == 3
    [letter] = workers.letters("events-views")
    assert letter.reason == "row 'bad' of view 'cart' cannot be read: it does not decode"
    assert disk.read("views.db", "rows", where) == damaged
    assert bad.id not in {delivery.command_id for delivery in workers.shop.deliveries}


def test_a_row_that_is_empty_is_filled_from_its_stream(workers: Workers, disk: Disk) -> None:
    disk.damage("views.db", "rows", "view = 'cart' AND key = 'bad'", "empty")
    send(workers, "bad")
    assert workers.shop.view("cart", "bad").lines[0].quantity == 3


def test_a_pointer_that_cannot_be_read_makes_all_wait_and_loses_nothing(workers: Workers) -> None:
    """Nobody can guess which generation is read. Once it is mended, everything goes on."""
    place = RowId("generations", "", "cart")
    workers.storage.views.save([Row(place, b"\xff")])
    again = Workers(workers.folder)
    command = command_envelope(add("good"))
    again.shop.queue([command])
    again.consumers[COMMANDS].step()
    for _ in range(8):
        with pytest.raises(StorageUnavailable, match="the pointer of view 'cart' cannot be read"):
            again.consumers["events-views"].step()
        again.pass_time(2.5)
    assert not again.letters("events-views")
    again.storage.views.delete([place])
    again.settle()
    assert again.shop.outcome(command.id).status == Outcome.APPLIED


@every_damage
def test_a_dead_letter_that_cannot_be_read_hides_no_other(workers: Workers, how: str) -> None:
    workers.put(COMMANDS, b"\xff")
    workers.settle()
    letters = DeadLetters(workers.storage, COMMANDS)
    [known] = letters.page()
    data = DAMAGE[how](DeadLetter(body=b"x" * 50, queue=COMMANDS, reason="because").SerializeToString())
    place = RowId("dead-letters", COMMANDS, "0000000000000001-00000000")
    workers.storage.views.save([Row(place, data)])
    listed = letters.page()
    assert list(listed) == [place.key, known]
    assert letters.get([place.key]) == {place.key: listed[place.key]}
    if how != "empty":
        assert "cannot be read" in listed[place.key].reason
    letters.discard([place.key])
    assert list(letters.page()) == [known]


def test_readers_are_told_of_a_defect_and_see_the_other_rows(
    tmp_path: Path, redis_url: str, namespace: str, caplog: pytest.LogCaptureFixture
) -> None:
    edge = Edge(settings_for(tmp_path, redis_url, namespace))
    given.products(edge, given.product("a"), given.product("b"), given.product("c"))
    [row] = edge.storage.views.get([RowId("product", "catalogue", "b")])
    assert row
    edge.storage.views.save([Row(row.id, b"\xff", row.etag)])
    answer = edge.get("/v1/products/b")
    assert (answer.status_code, answer.json["code"]) == (500, "INTERNAL_ERROR")  # type: ignore[index] # it has JSON
    assert "'b'" not in answer.text
    page = edge.get("/v1/products").json
    assert page
    assert [item["productId"] for item in page["items"]] == ["a", "c"]
    told = [
        record.getMessage() for record in caplog.records if "row 'b' of view 'product'" in record.getMessage()
    ]
    assert len(told) == 2

"""Verify names every row and field that is not what the events say, and nothing else, while life goes on."""

import sqlite3
import threading
from collections.abc import Callable

import pytest

from kernel.ports import Row, RowId
from prism.admin.v1.projections_pb2 import FieldDifference, RebuildProgress, RowDifference
from prism.cart.v1.views_pb2 import CartView
from prism.envelope.v1.envelope_pb2 import Progress, ViewRow
from prism.sales.v1.views_pb2 import SalesDay
from projector_svc.projections import sales
from projector_svc.rebuild import comparing, verifying
from projector_svc.rows import LiveRow
from tests.commands import add
from tests.projector.processes import World
from tests.projector.test_rebuild import VIEWS, fill_carts
from tests.projector.test_views import go_shopping

CART = RowId("cart", "c1", "c1")


def tamper(world: World, change: Callable[[CartView, ViewRow], object], row_id: RowId = CART) -> None:
    """Changes a stored row, as nobody should."""
    views = world.shop.storage.views
    [stored] = views.get([row_id])
    assert stored
    row = ViewRow.FromString(stored.data)
    view = CartView.FromString(row.data)
    change(view, row)
    if row.data == ViewRow.FromString(stored.data).data:
        row.data = view.SerializeToString(deterministic=True)
    assert views.save([Row(row_id, row.SerializeToString(deterministic=True), stored.etag)]) != [None]


def only(found: list[RowDifference]) -> tuple[str, "RowDifference.Kind", dict[str, tuple[str, str]]]:
    """The one difference: key, kind, and the fields."""
    [difference] = found
    fields = {field.path: (field.live, field.rebuilt) for field in difference.fields}
    return difference.key, difference.kind, fields


@pytest.mark.parametrize("view", VIEWS)
def test_views_that_are_right_show_no_difference(world: World, view: str) -> None:
    go_shopping(world.shop)
    found, result = world.verify(view)
    assert found == []
    assert (result.rows, result.differing) == (len(world.stored(view)), 0)
    assert result.events == sum(
        len(commit.events)
        for commit in world.shop.storage.events.scan()
        if commit.stream.split("-")[0]
        in {"cart": ["cart"], "product": ["product", "stock"]}.get(view, ["order"])
    )


def test_an_empty_view_is_right(world: World) -> None:
    found, result = world.verify()
    assert (found, result.rows, result.events) == ([], 0, 0)


def test_a_changed_field_is_named_with_both_values(world: World) -> None:
    fill_carts(world, 3)

    def change(view: CartView, row: ViewRow) -> None:
        view.lines[0].quantity = 7
        view.owner_id = "mallory"

    tamper(world, change)
    found, result = world.verify()
    assert (result.rows, result.differing) == (3, 1)
    assert (found[0].partition, found[0].key) == ("c1", "c1")
    assert only(found) == (
        "c1",
        RowDifference.WRONG,
        {"lines[0].quantity": ("7", "3"), "ownerId": ('"mallory"', '"alice"')},
    )


def test_a_line_too_many_shows_every_field_of_it(world: World) -> None:
    fill_carts(world, 2)
    tamper(world, lambda view, row: view.lines.add(product_id="cup"))
    found, _ = world.verify()
    _, kind, fields = only(found)
    assert kind == RowDifference.WRONG
    assert fields["lines[1].productId"] == ('"cup"', "")


@pytest.mark.parametrize("version", [2, 9])
def test_a_changed_progress_is_wrong_whichever_way(world: World, version: int) -> None:
    fill_carts(world, 2)
    number = version if version == 2 else 3

    def change(view: CartView, row: ViewRow) -> None:
        row.progress["cart-c1"].version = version
        row.progress["cart-c1"].number = number

    tamper(world, change)
    found, _ = world.verify()
    _, kind, fields = only(found)
    assert kind == RowDifference.WRONG
    if version == 9:
        assert fields == {"progress[cart-c1]": ("9", "3")}
    else:
        # Held against what it says that it has followed.
        assert fields["version"] == ("3", "2")


def test_a_progress_of_a_stream_that_is_not_the_rows_is_wrong(world: World) -> None:
    fill_carts(world, 2)
    tamper(world, lambda view, row: row.progress["cart-c0"].CopyFrom(Progress(version=1, number=1)))
    tamper(world, lambda view, row: row.progress["x"].CopyFrom(Progress(version=1, number=1)))
    found, _ = world.verify()
    _, kind, fields = only(found)
    assert kind == RowDifference.WRONG
    assert fields["progress[cart-c0]"] == ("1", "")
    assert fields["progress[x]"] == ("1", "")


def test_a_row_without_progress_is_wrong(world: World) -> None:
    fill_carts(world, 2)
    tamper(world, lambda view, row: row.progress.clear())
    found, _ = world.verify()
    assert only(found)[:2] == ("c1", RowDifference.WRONG)


def test_a_missing_row_and_an_unexpected_one_are_named(world: World) -> None:
    fill_carts(world, 3)
    views = world.shop.storage.views
    views.delete([CART])
    extra = ViewRow(data=CartView(cart_id="c7", version=1).SerializeToString())
    extra.progress["cart-c7"].version = 1
    views.save([Row(RowId("cart", "c7", "c7"), extra.SerializeToString())])
    found, result = world.verify()
    assert {item.key: item.kind for item in found} == {
        "c1": RowDifference.MISSING,
        "c7": RowDifference.UNEXPECTED,
    }
    assert (result.rows, result.differing) == (4, 2)
    missing = next(item for item in found if item.key == "c1")
    assert FieldDifference(path="ownerId", live="", rebuilt='"alice"') in missing.fields


@pytest.mark.parametrize("data", [b"\xff\xff", ViewRow(data=b"\xff\xff").SerializeToString()])
def test_bytes_that_are_no_row_are_unreadable(world: World, data: bytes) -> None:
    fill_carts(world, 2)
    [stored] = world.shop.storage.views.get([CART])
    assert stored
    world.shop.storage.views.save([Row(CART, data, stored.etag)])
    found, result = world.verify()
    assert only(found)[:2] == ("c1", RowDifference.UNREADABLE)
    assert result.differing == 1


def test_the_same_content_in_other_bytes_is_wrong_too(world: World) -> None:
    fill_carts(world, 2)
    [stored] = world.shop.storage.views.get([CART])
    assert stored
    # A field that today's contract does not know.
    world.shop.storage.views.save([Row(CART, stored.data + b"\xf8\x01\x01", stored.etag)])
    found, _ = world.verify()
    assert only(found) == ("c1", RowDifference.WRONG, {comparing.ENCODING: ("", "")})


def test_a_row_whose_message_was_lost_is_behind(world: World) -> None:
    fill_carts(world, 2)
    world.shop.send(add("c1"))
    world.shop.step("commands")
    queue = world.shop.storage.queue("events-views")
    queue.delete(queue.receive())
    found, _ = world.verify()
    _, kind, fields = only(found)
    assert kind == RowDifference.BEHIND
    assert fields["progress[cart-c1]"] == ("3", "4")
    assert fields["lines[0].quantity"] == ("3", "4")


def test_a_row_whose_message_waits_is_given_time(world: World) -> None:
    fill_carts(world, 2)
    world.shop.send(add("c1"))
    world.shop.send(add("c9"))
    world.shop.step("commands")
    later = threading.Timer(0.3, world.shop.settle)
    later.start()
    found, _ = world.verify(wait_s=20)
    later.join()
    assert found == []


def test_a_row_that_nobody_brings_is_told_in_the_end_though_the_queue_is_never_empty(world: World) -> None:
    fill_carts(world, 2)
    world.shop.send(add("c1"))
    world.shop.step("commands")
    # Taken by someone who died, and not given back yet.
    assert world.shop.storage.queue("events-views").receive(visibility_s=600)
    found, _ = world.verify(wait_s=0.5)
    assert only(found)[:2] == ("c1", RowDifference.BEHIND)


def test_differences_are_told_up_to_a_limit_and_all_are_counted(world: World) -> None:
    fill_carts(world, 5)
    for number in range(5):
        tamper(
            world,
            lambda view, row: view.lines[0].ClearField("name"),
            RowId("cart", f"c{number}", f"c{number}"),
        )
    found, result = world.verify(limit=2)
    assert ([item.key for item in found], result.differing) == (["c0", "c1"], 5)


def test_the_live_generation_is_verified_whichever_it_is(world: World) -> None:
    fill_carts(world, 2)
    world.rebuild()
    tamper(world, lambda view, row: view.lines.add(), RowId("cart@1", "c1", "c1"))
    found, _ = world.verify()
    assert only(found)[:2] == ("c1", RowDifference.WRONG)
    world.rebuild()
    assert world.verify()[0] == []


def test_the_content_of_a_row_of_many_streams_is_checked(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sales, "PARTS", 1)
    go_shopping(world.shop)
    [(partition, key)] = world.stored("sales")
    row_id = RowId("sales", partition, key)
    [stored] = world.shop.storage.views.get([row_id])
    assert stored
    row = ViewRow.FromString(stored.data)
    day = SalesDay.FromString(row.data)
    day.products[1].units += 1
    row.data = day.SerializeToString(deterministic=True)
    world.shop.storage.views.save([Row(row_id, row.SerializeToString(deterministic=True), stored.etag)])
    found, _ = world.verify("sales")
    assert only(found) == (key, RowDifference.WRONG, {"products[1].units": ("3", "2")})


def test_live_traffic_raises_no_false_alarm(world: World) -> None:
    """Commands all the time, the projector a little late, a rebuild in between; and a real difference."""
    fill_carts(world, 30)
    ended = threading.Event()

    def shopping() -> None:
        turn = 0
        while not ended.is_set():
            world.shop.send(add(f"c{2 + turn % 28}"))
            world.shop.send(add(f"x{turn}"))
            turn += 1
            if turn % 3 == 0:
                world.shop.settle()
        world.shop.settle()

    thread = threading.Thread(target=shopping)
    thread.start()
    process = world.process()
    try:
        assert [world.verify(wait_s=20)[0] for _ in range(3)] == [[], [], []]
        world.begin()
        process.tick()
        assert world.verify(wait_s=20)[0] == []
        world.until_live(process, 1)
        assert world.verify(wait_s=20)[0] == []
        tamper(world, lambda view, row: view.lines.add(), RowId("cart@1", "c1", "c1"))
        assert [item.key for item in world.verify(wait_s=20)[0]] == ["c1"]
    finally:
        ended.set()
        thread.join()


def test_a_flip_in_the_middle_of_a_comparison_raises_no_false_alarm(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it reads is dropped under it."""
    monkeypatch.setattr("kernel.embedded.views.SCAN_CHUNK", 2)
    monkeypatch.setattr(verifying, "CHUNK", 1)
    monkeypatch.setattr(verifying, "PROGRESS_S", 0)
    fill_carts(world, 8)
    verification = world.verification()
    answers = []
    for answer in verification:
        answers.append(answer)
        if [item.progress.phase for item in answers].count(RebuildProgress.COMPARING) == 3:
            world.rebuild()
            assert world.generation(0) == {}
    assert not any(item.HasField("difference") for item in answers)
    assert answers[-1].result.rows == 8


def test_nothing_is_left_behind(world: World) -> None:
    fill_carts(world, 3)
    world.verify()
    with sqlite3.connect(world.folder / "views.db") as database:
        views = {name for (name,) in database.execute("SELECT DISTINCT view FROM rows")}
    assert views == {"cart", "product"}


def test_a_row_has_a_difference_a_field_and_not_more_than_a_hundred() -> None:
    view = CartView(cart_id="c1")
    for number in range(60):
        view.lines.add(product_id=f"p{number}", quantity=1)
    row = LiveRow(CART, view, {"cart-c1": (60, 60)})
    assert len(comparing.differences(row, None)) == comparing.MAX_FIELDS
    assert [field.path for field in comparing.differences(row, None)][:2] == ["cartId", "ownerId"]

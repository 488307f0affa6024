"""Views reflect every event once, in its stream's order, whatever order they come in."""

import random
import zlib
from collections import Counter
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis

from kernel.errors import StorageUnavailable
from kernel.generations import Stamps, stored_name
from kernel.packing import pack_commits
from kernel.ports import MAX_ROW_BYTES, RowId
from prism.cart.v1.commands_pb2 import ChangeItemQuantity, RemoveItemFromCart
from prism.cart.v1.views_pb2 import CartView
from prism.envelope.v1.envelope_pb2 import ViewRow
from prism.order.v1.views_pb2 import OrderView
from prism.product.v1.commands_pb2 import DiscontinueProduct
from prism.product.v1.views_pb2 import ProductView
from prism.sales.v1.views_pb2 import SalesDay
from projector_svc.projections import sales
from projector_svc.rebuild.rebuilding import Rebuilding
from projector_svc.rows import CACHED_ROWS, SMALL_BYTES, LiveRow, Rows
from projector_svc.shop import PROJECTIONS
from tests.commands import add, cancel, check_out, pay, receive, register, reprice, ship
from tests.shop import CONTRACT, READER, Shop, open_shop


def go_shopping(shop: Shop) -> None:
    """A bit of everything."""
    shop.do(register("tea", 500))
    shop.do(register("cup", 100))
    shop.do(receive("tea", 10))
    shop.do(receive("cup", 3))
    shop.do(add("c1", "tea", 2))
    shop.do(add("c1", "cup", 1))
    shop.do(ChangeItemQuantity(cart_id="c1", product_id="cup", quantity=2))
    shop.do(check_out("c1", 1200))
    shop.do(pay("c1", 1200))
    shop.do(ship("c1"), by="bob")
    shop.do(add("c2", "tea", 1))
    shop.do(check_out("c2", 500))
    shop.do(pay("c2", 500))
    shop.do(cancel("c2"))
    shop.do(reprice("tea", 450))
    shop.do(add("c3", "tea", 1))
    shop.do(add("c3", "cup", 9))
    shop.do(RemoveItemFromCart(cart_id="c3", product_id="tea"))
    shop.do(check_out("c3", 900))
    shop.do(DiscontinueProduct(product_id="cup"))


def test_a_cart_shows_its_lines_and_total(shop: Shop) -> None:
    shop.do(register("tea", 500))
    shop.do(register("cup", 100))
    shop.do(add("c1", "tea", 2))
    shop.do(add("c1", "cup", 1))
    shop.do(ChangeItemQuantity(cart_id="c1", product_id="cup", quantity=4))
    view = shop.view("cart", "c1")
    assert [
        (line.product_id, line.name, line.quantity, line.line_total.minor_units) for line in view.lines
    ] == [
        ("tea", "Tea", 2, 1000),
        ("cup", "Cup", 4, 400),
    ]
    assert (view.total.minor_units, view.total.currency, view.owner_id) == (1400, "EUR", "alice")
    assert (view.status, view.version) == (CartView.OPEN, 3)
    shop.do(RemoveItemFromCart(cart_id="c1", product_id="tea"))
    assert [line.product_id for line in shop.view("cart", "c1").lines] == ["cup"]
    shop.do(check_out("c1", 400))
    assert shop.view("cart", "c1").status == CartView.CHECKED_OUT


def test_a_product_shows_what_can_be_bought(shop: Shop) -> None:
    go_shopping(shop)
    tea, cup = shop.view("product", "catalogue", "tea"), shop.view("product", "catalogue", "cup")
    assert (tea.available, tea.price.minor_units, tea.version, tea.status) == (8, 450, 2, ProductView.ACTIVE)
    assert (cup.available, cup.version, cup.status) == (1, 2, ProductView.DISCONTINUED)


def test_an_order_history_is_the_newest_first(shop: Shop) -> None:
    go_shopping(shop)
    page = shop.storage.views.page("order_history", "alice")
    assert [row.id.key.rpartition("-")[2] for row in page] == ["c3", "c2", "c1"]


def test_an_order_and_its_history_are_the_same(shop: Shop) -> None:
    go_shopping(shop)
    for row in shop.storage.views.page("order_history", "alice"):
        order_id = row.id.key.rpartition("-")[2]
        assert shop.view("order_history", "alice", row.id.key) == shop.view("order", order_id)
    assert shop.view("order", "c3").status == OrderView.REJECTED


def test_sales_are_what_was_paid_and_not_cancelled(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sales, "PARTS", 1)
    go_shopping(shop)
    today = datetime.now(UTC).date().isoformat()
    [row] = shop.storage.views.page("sales", "days", first=today, last=f"{today} ~")
    day = shop.view("sales", "days", row.id.key)
    assert (day.date, day.revenue.minor_units, day.revenue.currency) == (today, 1200, "EUR")
    assert [(item.product_id, item.units, item.revenue.minor_units) for item in day.products] == [
        ("cup", 2, 200),
        ("tea", 2, 1000),
    ]


def test_a_day_of_sales_is_kept_in_parts_each_with_its_own_orders(shop: Shop) -> None:
    shop.do(register())
    shop.do(receive(quantity=20))
    for number in range(20):
        shop.send(add(f"c{number}"))
        shop.send(check_out(f"c{number}"))
    shop.settle()
    for number in range(20):
        shop.send(pay(f"c{number}"))
    shop.settle()
    parts = [ViewRow.FromString(row.data) for row in shop.storage.views.scan("sales")]
    assert len(parts) > 5
    assert sorted(stream for part in parts for stream in part.progress) == sorted(
        f"order-c{number}" for number in range(20)
    )
    assert sum(SalesDay.FromString(part.data).products[0].units for part in parts) == 20


def test_a_part_of_a_day_has_room_for_thousands_of_orders_with_the_longest_ids() -> None:
    progress = {f"order-{number:064}": (2**32 - 1, 2**32 - 1) for number in range(10_000)}
    part = LiveRow(RowId("sales", "days", "2026-11-01 EUR~00"), SalesDay(), progress)
    assert len(part.stored()) < MAX_ROW_BYTES
    # So many a day; and no part is much fuller than the others.
    assert sales.PARTS * 10_000 >= 160_000
    filled = Counter(zlib.crc32(stream.encode()) % sales.PARTS for stream in progress)
    assert max(filled.values()) < 1.5 * 10_000 / sales.PARTS


def test_a_gap_is_filled_from_the_event_store(shop: Shop) -> None:
    shop.do(register())
    for _ in range(3):
        shop.send(add())
        shop.step("commands")
    _, _, last = shop.storage.queue("events-views").receive()
    shop.handlers["events-views"]([last])
    assert shop.view("cart", "c1").lines[0].quantity == 3
    assert shop.view("cart", "c1").version == 3


def test_every_version_is_told_once_and_in_order_also_across_a_gap(shop: Shop) -> None:
    shop.do(register())
    sent = []
    for _ in range(4):
        sent.append(shop.send(add()).id)
        shop.step("commands")
    messages = shop.storage.queue("events-views").receive()
    told = len(shop.deliveries)
    for place in (2, 0, 3, 1):
        shop.handlers["events-views"]([messages[place]])
    updates = [(d.command_id, u.version) for d in shop.deliveries[told:] for u in d.updates]
    # Those that come late tell the row as it is by then, which readers know as a repeat.
    news = [
        item for place, item in enumerate(updates) if item[1] > max([0, *(v for _, v in updates[:place])])
    ]
    assert news == list(zip(sent, (1, 2, 3, 4), strict=True))


def test_a_repeat_adds_nothing_and_is_told_again(shop: Shop) -> None:
    go_shopping(shop)
    before = shop.rows()
    told = len(shop.deliveries)
    shop.publish(list(shop.storage.events.scan()))
    shop.settle()
    assert shop.rows() == before
    assert len(shop.deliveries) >= 2 * told - 4


def test_a_repeat_tells_what_another_replica_has_saved_since(shop: Shop) -> None:
    shop.do(register())
    shop.do(add())
    [first] = shop.storage.events.read("cart-c1")
    one, shop.handlers["events-views"] = shop.handlers["events-views"], shop.projector("views")
    shop.do(add())
    # The first one still has the row in its cache, as it was.
    shop.storage.queue("events-views").put(pack_commits([first]))
    one(shop.storage.queue("events-views").receive())
    assert [update.version for update in shop.deliveries[-1].updates] == [2]


def test_an_update_says_how_many_events_its_row_reflects_of_all_streams(shop: Shop) -> None:
    shop.do(register())
    shop.do(receive())
    shop.do(reprice("tea", 450))
    told = [(u.stream, u.stream_version, u.revision) for d in shop.deliveries for u in d.updates]
    assert told == [("product-tea", 1, 1), ("stock-tea", 1, 2), ("product-tea", 2, 3)]


def test_rows_in_memory_are_bounded_by_their_size(shop: Shop) -> None:
    cached, ids = Rows(shop.storage.views, CONTRACT), [RowId("product", "p", f"p{n}") for n in range(60)]
    for row in cached.load(ids, new=True).values():
        row.view.description = "x" * 900_000
        assert cached.save([row]) == []
    assert len(cached._cache) * 900_000 < CACHED_ROWS * SMALL_BYTES
    assert {len(row.view.description) for row in cached.load(ids).values()} == {900_000}


def test_a_second_projector_goes_on_from_the_rows_of_the_first(shop: Shop) -> None:
    shop.do(register())
    projectors = [shop.projector("views"), shop.projector("views")]
    for turn in range(6):
        shop.handlers["events-views"] = projectors[turn % 2]
        shop.do(add())
    assert shop.view("cart", "c1").lines[0].quantity == 6


def test_what_could_not_be_saved_is_projected_again(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.do(register())
    shop.send(add())
    shop.step("commands")
    messages = shop.storage.queue("events-views").receive()
    with monkeypatch.context() as patch:

        def fail(rows: object) -> None:
            raise StorageUnavailable("no")

        patch.setattr(shop.storage.views, "save", fail)
        with pytest.raises(StorageUnavailable):
            shop.handlers["events-views"](messages)
    shop.handlers["events-views"](messages)
    assert shop.view("cart", "c1").lines[0].quantity == 1


def test_a_commit_too_large_for_a_message_is_read_from_the_event_store(shop: Shop) -> None:
    shop.do(register())
    shop.do(add())
    [commit] = shop.storage.events.read("cart-c1")
    large = type(commit).FromString(commit.SerializeToString())
    large.outcomes[0].detail = "x" * 60_000
    [body] = pack_commits([large])
    assert len(body) < 200
    told = len(shop.deliveries)
    shop.storage.queue("events-views").put([body])
    shop.settle()
    assert len(shop.deliveries) == told + 1
    assert not shop.dead


def test_an_unreadable_message_is_set_aside_alone(shop: Shop) -> None:
    shop.do(register())
    shop.do(add())
    [commit] = shop.storage.events.read("cart-c1")
    foreign = type(commit).FromString(commit.SerializeToString())
    foreign.stream = foreign.events[0].stream = "cart-c9"
    foreign.events[0].data = b"\xff"
    shop.storage.queue("events-views").put([b"\xff", *pack_commits([foreign])])
    shop.do(add())
    assert shop.view("cart", "c1").version == 2
    assert len(shop.dead) == 2
    assert "does not decode as" in shop.dead[1].reason


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 10**9))
def test_live_views_equal_a_rebuild_byte_for_byte(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    """Whatever order commits come in, however often, in whatever batches, to whichever replica."""
    dice = random.Random(seed)  # noqa: S311 # a seed, not a secret
    shop = open_shop(tmp_path_factory.mktemp("live"))
    go_shopping(shop)
    live = shop.rows()
    again = open_shop(tmp_path_factory.mktemp("again"))
    commits = list(shop.storage.events.scan())
    again.storage.events.append(commits)
    deliveries = commits + dice.sample(commits, len(commits) // 2)
    dice.shuffle(deliveries)
    projectors = [{name: again.projector(name) for name in ("views", "sales")} for _ in range(2)]
    while deliveries:
        size = dice.randint(1, 5)
        again.publish(deliveries[:size])
        del deliveries[:size]
        for name in ("views", "sales"):
            messages = again.storage.queue(f"events-{name}").receive()
            if messages:
                dice.choice(projectors)[name](messages)
                again.storage.queue(f"events-{name}").delete(messages)
    assert again.rows() == live
    assert rebuilt_rows(shop) == live


def rebuilt_rows(shop: Shop) -> dict[RowId, bytes]:
    """What a rebuild makes of a shop's events."""
    rebuilding = Rebuilding(CONTRACT, PROJECTIONS, READER, shop.storage, Stamps(Redis(), "prism"))
    found: dict[RowId, bytes] = {}
    for view in CONTRACT.views:
        for _ in rebuilding.filling(view, stored_name(view, 1)).run():
            pass
        found |= {
            RowId(view, row.id.partition, row.id.key): row.data
            for row in shop.storage.views.scan(stored_name(view, 1))
        }
    return found

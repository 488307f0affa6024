"""What ports.ViewStore promises."""

import os
from dataclasses import replace
from functools import partial

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kernel.errors import Poison
from kernel.ports import MAX_ROW_BYTES, Row, RowId, ViewStore
from tests.engines.conftest import Engine
from tests.engines.racing import race

KEYS = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=20)
# Characters that engines treat specially, and those around them.
ODD = "!\"#$%&'()*+,./:;<=>?@[\\]^_`{|}~ aA0ä€\ud7ff\ue000\uffff\U0001f600\U0010ffff"
ODD_KEYS = st.text(st.sampled_from(ODD), min_size=1, max_size=8)


def row(key: str, data: bytes = b"data", view: str = "carts", partition: str = "p") -> Row:
    return Row(RowId(view, partition, key), data)


def save_as(views: ViewStore, mine: Row, runner: int) -> list[str | None]:
    return views.save([replace(mine, data=str(runner).encode())])


def stored(views: ViewStore, wanted: Row) -> bytes | None:
    (found,) = views.get([wanted.id])
    return None if found is None else found.data


def test_rows_come_back_as_they_were_saved_in_the_order_asked(views: ViewStore) -> None:
    rows = [row("a", b"1"), row("b", b""), row("a", b"3", partition="q"), row("a", b"4", view="orders")]
    etags = views.save(rows)
    assert None not in etags
    ids = [r.id for r in reversed(rows)] + [RowId("carts", "p", "missing")]
    saved = [replace(r, etag=e) for r, e in zip(rows, etags, strict=True)]
    assert views.get(ids) == [*reversed(saved), None]
    assert (views.get([]), views.save([])) == ([], [])


def test_a_row_that_is_new_to_its_writer_is_saved_only_where_there_is_none(views: ViewStore) -> None:
    views.save([row("a", b"theirs")])
    assert views.save([row("a", b"mine")]) == [None]
    assert stored(views, row("a")) == b"theirs"


def test_a_row_is_replaced_only_by_who_has_seen_its_latest_state(views: ViewStore) -> None:
    (first,) = views.save([row("a", b"1")])
    (second,) = views.save([replace(row("a", b"2"), etag=first)])
    assert second not in (None, first)
    assert views.save([replace(row("a", b"late"), etag=first)]) == [None]
    assert stored(views, row("a")) == b"2"
    (third,) = views.save([replace(row("a", b"2"), etag=second)])
    assert third not in (None, first, second)


def test_a_row_that_is_gone_cannot_be_replaced(views: ViewStore) -> None:
    (etag,) = views.save([row("a")])
    views.drop("carts")
    assert views.save([replace(row("a"), etag=etag)]) == [None]
    assert stored(views, row("a")) is None
    views.save([row("a", b"new")])
    assert views.save([replace(row("a", b"old"), etag=etag)]) == [None]
    assert stored(views, row("a")) == b"new"


def test_each_row_of_a_batch_stands_for_itself(views: ViewStore) -> None:
    views.save([row("b", b"theirs")])
    etags = views.save([row("a", b"mine"), row("b", b"mine"), row("c", b"mine")])
    assert [etag is None for etag in etags] == [False, True, False]
    assert [stored(views, row(key)) for key in "abc"] == [b"mine", b"theirs", b"mine"]


def test_of_all_who_race_for_a_row_one_wins(engine: Engine) -> None:
    views = engine.storage.views
    etag: str | None = None
    for _ in range(10):
        mine = replace(row("a"), etag=etag)
        answers = race(6, partial(save_as, views, mine))
        winner = [n for n, (won,) in enumerate(answers) if won is not None]
        assert len(winner) == 1
        (found,) = views.get([mine.id])
        assert found is not None
        assert found.data == str(winner[0]).encode()
        assert [found.etag] == answers[winner[0]]
        etag = found.etag


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    keys=st.sets(KEYS | ODD_KEYS, min_size=1, max_size=8),
    bounds=st.tuples(ODD_KEYS | st.just(""), ODD_KEYS | st.just(""), ODD_KEYS | st.just("")),
    limit=st.integers(1, 10),
)
def test_pages_follow_the_order_of_code_points(
    engine: Engine, keys: set[str], bounds: tuple[str, str, str], limit: int
) -> None:
    views, (first, last, after) = engine.storage.views, bounds
    views.drop("odd")
    views.save([row(key, key.encode(), "odd") for key in keys])
    wanted = [k for k in sorted(keys) if k >= first and (not last or k <= last) and k > after][:limit]
    page = views.page("odd", "p", first=first, last=last, after=after, limit=limit)
    assert [found.id.key for found in page] == wanted
    assert page == views.get([RowId("odd", "p", key) for key in wanted])


def test_pages_chain_until_the_end(views: ViewStore) -> None:
    wanted = [f"k{i:04}" for i in range(1020)]
    views.save([row(key) for key in wanted])
    seen: list[str] = []
    while page := views.page("carts", "p", after=seen[-1] if seen else "", limit=400):
        seen += [found.id.key for found in page]
    assert seen == wanted
    assert len(views.page("carts", "p", limit=2000)) == 1020


def test_a_partition_is_counted_up_to_a_limit(views: ViewStore) -> None:
    views.save([row(f"k{i:04}") for i in range(1020)] + [row("k", partition="q"), row("k", view="carts2")])
    assert views.count("carts", "p") == 1000
    assert views.count("carts", "p", 2000) == 1020
    assert views.count("carts", "p", 7) == 7
    assert views.count("carts", "q") == 1
    assert views.count("carts", "nobody") == 0


def test_a_scan_sees_every_row_of_a_view_in_order(views: ViewStore) -> None:
    places = [(partition, key) for partition in ("", "a", "a.b", "a|b", "b#") for key in ("k", "k/1", "k|")]
    wanted = [row(key, partition=partition) for partition, key in sorted(places)]
    views.save([*wanted, row("k", view="cart"), row("k", view="carts2"), row("k", view="carts|2")])
    assert [found.id for found in views.scan("carts")] == [r.id for r in wanted]
    assert list(views.scan("carts")) == views.get([r.id for r in wanted])
    assert list(views.scan("no such view")) == []


def test_a_scan_goes_on_past_one_page(views: ViewStore) -> None:
    wanted = [row(f"k{i:04}") for i in range(1020)]
    views.save(wanted)
    assert [found.id for found in views.scan("carts")] == [r.id for r in wanted]


def test_deleted_rows_are_gone_and_their_neighbours_stay(views: ViewStore) -> None:
    rows = [row(f"k{i}", partition=f"p{i % 3}") for i in range(40)]
    views.save(rows)
    views.delete([r.id for r in rows[1:]])
    views.delete([r.id for r in rows[1:3]])
    assert [found.id for found in views.scan("carts")] == [rows[0].id]


def test_parts_of_an_id_do_not_run_into_each_other(views: ViewStore) -> None:
    views.save([row("k", b"1", "a|b", "c"), row("k", b"2", "a", "b|c"), row("k", b"3", "a", "")])
    assert [r.data for r in views.page("a|b", "c")] == [b"1"]
    assert [r.data for r in views.page("a", "b|c")] == [b"2"]
    assert [r.data for r in views.page("a", "")] == [b"3"]


def test_the_longest_ids_fit(views: ViewStore) -> None:
    for character in "a.#\U0001f600\uffff":
        longest = row(character * 250, character.encode(), view="v", partition=character * 249)
        assert views.save([longest]) != [None]
        assert stored(views, longest) == character.encode()


@pytest.mark.parametrize("size", [64 * 1024 + 1, 200 * 1024, MAX_ROW_BYTES])
def test_large_rows_come_back_as_they_were(views: ViewStore, size: int) -> None:
    large = row("a", os.urandom(size))
    (etag,) = views.save([large])
    assert stored(views, large) == large.data
    views.save([replace(row("a", b"small"), etag=etag)])
    assert stored(views, large) == b"small"


def test_a_row_that_is_too_large_is_poison_and_nothing_is_saved(views: ViewStore) -> None:
    with pytest.raises(Poison):
        views.save([row("a"), row("b", bytes(MAX_ROW_BYTES + 1))])
    assert stored(views, row("a")) is None


def test_dropping_a_view_leaves_the_others(views: ViewStore) -> None:
    others = [row("k", view=view) for view in ("cart", "carts2", "carts|2", "carts{", "carts}", "orders")]
    dropped = [row(f"k{i}", partition=f"p{i % 3}") for i in range(40)]
    views.save(others + dropped)
    views.drop("carts")
    views.drop("no such view")
    assert views.get([r.id for r in dropped]) == [None] * 40
    assert None not in views.get([r.id for r in others])

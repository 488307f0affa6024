import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_svc.cursors import ALL, NOWHERE, Place, Position, parse, place_of

numbers = st.integers(0, 10**15)
positions = st.builds(
    Position,
    st.from_regex(r"[0-9a-f]{8}", fullmatch=True),
    st.builds(Place, numbers, numbers, st.one_of(st.just(ALL), st.integers(0, 10**6))),
)


@given(positions)
def test_a_position_reads_as_it_was_written(position: Position) -> None:
    assert parse(str(position)) == position


def test_an_entry_as_a_whole_comes_after_its_items_and_before_the_next_entry() -> None:
    assert Place(5, 1, 0) < Place(5, 1, 7) < place_of("5-1") < Place(5, 2, 0) < Place(10, 0, 0)


@pytest.mark.parametrize(
    "cursor",
    ["", "x", "e1", "e1.5", "e1.5-", "e1.5-0.", "e1.5-0.-1", "e1.5-0.1.1", " e1.5-0", "e1.5-0\n",
     "e1.\u0665-0", "e 1.5-0", "é.5-0", "e1.5-0.9999999999", f"e1.{'9' * 19}-0", f"{'e' * 33}.5-0"],
)  # fmt: skip # one line a group
def test_what_is_no_cursor_leads_nowhere(cursor: str) -> None:
    assert parse(cursor) is NOWHERE


def test_a_client_has_nothing_to_come_back_with_before_an_epoch_is_known() -> None:
    assert NOWHERE.id is None
    assert Position("e1", place_of("0-0")).id == "e1.0-0"

"""projection: views listed, built anew, cancelled, checked; and what Ctrl-C and a dying server mean."""

import pytest

from prism.admin.v1.projections_pb2 import RowDifference
from tests.prismctl.program import Prismctl
from tests.prismctl.workers import Plane
from tests.support import eventually


@pytest.fixture
def tampered(plane: Plane) -> Plane:
    """Two rows that are not what the events say."""
    wrong = RowDifference(partition="c1", key="c1", kind=RowDifference.WRONG)
    wrong.fields.add(path="lines[0].quantity", live="3", rebuilt="2")
    wrong.fields.add(path="total", live='{"currency": "EUR", "minorUnits": "1999"}', rebuilt="")
    plane.easel.differences = [wrong, RowDifference(partition="c2", key="c2", kind=RowDifference.MISSING)]
    return plane


def test_views_are_listed(plane: Plane, ctl: Prismctl) -> None:
    plane.easel.views["orders"].rebuild.generation = 3
    plane.easel.views["orders"].rebuild.done = 500
    plane.easel.views["orders"].rebuild.total = 1000
    plane.easel.views["cart"].retired.extend([1, 2])
    shown = ctl("projection", "list", COLUMNS="80")
    assert shown.exit_code == 0
    for part in ("cart", "events-views", "2 to drop", "generation 3", "50"):
        assert part in shown.out
    assert max(map(len, shown.out.splitlines())) <= 80
    views = ctl("projection", "list", "--json").json["projections"]
    assert [each["view"] for each in views] == ["cart", "orders"]


def test_a_rebuild_is_followed_until_it_is_live(plane: Plane, ctl: Prismctl) -> None:
    done = ctl("projection", "rebuild", "cart")
    assert done.exit_code == 0
    assert done.out.splitlines()[0] == "cart: counting"
    assert done.out.splitlines()[-1] == "cart: generation 1 is live, from 1000 events"
    assert plane.easel.views["cart"].generation == 1


def test_progress_is_json_lines_for_programs(plane: Plane, ctl: Prismctl) -> None:
    lines = ctl("projection", "rebuild", "cart", "--json").lines
    assert [each["phase"] for each in lines] == ["COUNTING", *["BUILDING"] * 4, "LIVE"]
    assert (lines[-1]["done"], lines[-1]["total"], lines[-1]["rate"]) == ("1000", "1000", 12500.0)


def test_a_terminal_has_a_bar(plane: Plane, ctl: Prismctl) -> None:
    plane.easel.held.set()
    with ctl.on_terminal("projection", "rebuild", "cart") as terminal:
        terminal.await_text("cart building")
        terminal.await_text("0/1,000")
        plane.easel.held.clear()
        assert terminal.end() == 0
        assert "generation 1 is live" in terminal.seen


def test_interrupting_ends_the_following_and_not_the_rebuild(plane: Plane, ctl: Prismctl) -> None:
    plane.easel.held.set()
    with ctl.on_terminal("projection", "rebuild", "cart") as terminal:
        terminal.await_text("0/1,000")
        terminal.interrupt()
        assert terminal.end() == 130
        said = " ".join(terminal.seen.split())
        assert "The rebuild of cart goes on" in said
        assert "prismctl projection cancel cart" in said
    assert "cart" in plane.easel.running
    cancelled = ctl("projection", "cancel", "cart")
    assert (cancelled.exit_code, cancelled.out) == (0, "the rebuild of cart (generation 1) is cancelled\n")
    assert ctl("projection", "cancel", "cart").exit_code == 5


def test_a_rebuild_can_be_left_alone(plane: Plane, ctl: Prismctl) -> None:
    plane.easel.held.set()
    done = ctl("projection", "rebuild", "cart", "--detach")
    assert done.exit_code == 0
    assert "the rebuild of cart (generation 1) runs; cancel it: prismctl projection cancel cart" in done.out
    assert "cart" in plane.easel.running


def test_a_rebuild_that_somebody_cancels_is_not_done(plane: Plane, ctl: Prismctl) -> None:
    plane.easel.held.set()
    with ctl.started("projection", "rebuild", "cart") as process:
        assert process.stdout
        while "building" not in process.stdout.readline():
            pass
        assert ctl("projection", "cancel", "cart").exit_code == 0
        _, errors = process.communicate(timeout=20)
        assert process.returncode == 1
        assert "cancelled by olga" in errors


def test_a_projector_that_dies_meanwhile_is_no_end_of_the_rebuild(plane: Plane, ctl: Prismctl) -> None:
    plane.easel.held.set()
    with ctl.started("projection", "rebuild", "cart") as process:
        assert process.stdout
        while "building" not in process.stdout.readline():
            pass
        plane.projector_server.stop()
        _, errors = process.communicate(timeout=20)
        assert process.returncode == 3
        assert "unreachable" in errors
        assert "The rebuild goes on when a projector is back" in errors
        assert len(errors.splitlines()) == 1


def test_a_view_that_is_what_the_events_say(plane: Plane, ctl: Prismctl) -> None:
    done = ctl("projection", "verify", "cart")
    assert done.exit_code == 0
    assert done.out.splitlines()[-1] == "cart: is what the events say (42 rows, 1000 events)"


def test_every_row_and_field_that_differs_is_named(tampered: Plane, ctl: Prismctl) -> None:
    done = ctl("projection", "verify", "cart", COLUMNS="80")
    assert done.exit_code == 1
    for part in ("c1/c1  WRONG", "lines[0].quantity", "c2/c2  MISSING", '{"currency": "EUR"'):
        assert part in done.out
    assert "not what the events say: 2 of 42 rows" in done.err
    assert max(map(len, done.out.splitlines())) <= 80


def test_a_terminal_shows_differences_above_the_bar(tampered: Plane, ctl: Prismctl) -> None:
    with ctl.on_terminal("projection", "verify", "cart") as terminal:
        assert terminal.end() == 1
        assert "lines[0].quantity" in terminal.seen


def test_differences_are_json_lines_for_programs(tampered: Plane, ctl: Prismctl) -> None:
    done = ctl("projection", "verify", "cart", "--json", "--limit", "1")
    assert done.exit_code == 1
    [difference] = [each["difference"] for each in done.lines if "difference" in each]
    assert difference["fields"][0] == {"path": "lines[0].quantity", "live": "3", "rebuilt": "2"}
    assert done.lines[-1]["result"] == {"rows": "42", "differing": "2", "events": "1000"}
    assert "The first 1 of 2 are shown" in done.err


def test_answers_that_end_without_a_result_are_no_result(plane: Plane, ctl: Prismctl) -> None:
    plane.easel.breaks = True
    done = ctl("projection", "verify", "cart")
    assert done.exit_code == 3
    assert "without a result" in done.err


def test_there_is_no_such_view(ctl: Prismctl) -> None:
    for verb in ("rebuild", "verify", "cancel"):
        assert ctl("projection", verb, "carts").exit_code == 5


def test_the_next_replica_is_asked_where_the_first_is_down(plane: Plane, ctl: Prismctl) -> None:
    targets = f"127.0.0.1:1,{plane.projector_server.address}"
    assert ctl("projection", "rebuild", "cart", "--projector", targets).exit_code == 0
    eventually(lambda: plane.easel.views["cart"].generation == 1)

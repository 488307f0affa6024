"""A release freezes what was checked, and nothing else does."""

from pathlib import Path

import pytest

from dev.schema import baseline
from dev.schema.__main__ import main
from dev.schema.release import Refused
from tests.schema.trees import Tree, told

CART_EVENTS = "proto/prism/cart/v1/events.proto"
CLEARED = "message CartCleared { option (prism.options.v1.event) = {}; string cart_id = 1; }"


def frozen(tree: Tree) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in (tree.root / "schema").rglob("*") if path.is_file()}


def test_a_release_freezes_the_contracts_and_the_golden_bytes_of_new_events(owned: Tree) -> None:
    owned.append(CART_EVENTS, CLEARED)
    before = frozen(owned)
    assert main(["--root", str(owned.root), "release", "9.1.0"]) == 0
    release = baseline.load(owned.root)
    assert release is not None
    assert release.version == "9.1.0"
    assert "prism.cart.v1.CartCleared/event.binpb" in release.golden
    golden = {path: content for path, content in before.items() if "golden" in path.parts}
    assert frozen(owned).items() >= golden.items()
    assert (
        told(owned.edit(CART_EVENTS, "string cart_id = 1; }", "string id = 1; }").check()).count(
            "released-event"
        )
        == 1
    )


@pytest.mark.parametrize("version", ["9.0.0", "8.9.9", "10", "v10.0.0", "../1.2.3"])
def test_a_version_comes_after_the_last_one(owned: Tree, version: str) -> None:
    before = frozen(owned)
    with pytest.raises(Refused):
        owned.release(version)
    assert frozen(owned) == before


def test_what_is_refused_is_not_released(owned: Tree, capsys: pytest.CaptureFixture[str]) -> None:
    owned.append(CART_EVENTS, CLEARED).edit(CART_EVENTS, "int32 quantity = 3;", "")
    before = frozen(owned)
    assert main(["--root", str(owned.root), "release", "9.1.0"]) == 1
    assert frozen(owned) == before
    assert "released-event" in capsys.readouterr().out


@pytest.mark.parametrize("path", [f"schema/released/{CART_EVENTS.removeprefix('proto/')}", CART_EVENTS])
def test_nobody_edits_the_baseline(owned: Tree, path: str) -> None:
    """To change an event and the copy of it together is to change the copy."""
    owned.edit(
        f"schema/released/{CART_EVENTS.removeprefix('proto/')}", "int32 quantity = 3", "int32 amount = 3"
    )
    if path == CART_EVENTS:
        owned.edit(path, "int32 quantity = 3", "int32 amount = 3")
    answer = told(owned.check())
    assert "schema/released\n    baseline: is not what release 9.0.0 froze" in answer
    assert "only `make schema-release` writes it" in answer


def test_before_the_first_release_everything_but_the_baseline_is_checked(owned: Tree) -> None:
    owned.remove(baseline.MANIFEST).edit("upcasters/__init__.py", "cart.item_added_to_cart_v1", "")
    assert "upcaster-missing" in told(owned.edit(CART_EVENTS, "int32 quantity = 3;", "").check())

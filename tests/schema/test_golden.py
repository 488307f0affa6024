"""Stored bytes of every event version stay what they are, and read as what they read as."""

import json

import pytest

from dev.protos import ROOT
from dev.schema import golden, sources
from dev.schema.check import check
from tests.schema.trees import Tree, told

STORED = "schema/golden/prism.cart.v1.ItemAddedToCart/event.binpb"
READ = "schema/golden/prism.cart.v1.ItemAddedToCart/prism.cart.v2.ItemAddedToCart.json"


def test_this_repository_passes() -> None:
    checked = check(ROOT)
    assert told(checked) == ""
    assert checked.base is not None


def test_every_released_event_has_golden_bytes() -> None:
    released = sources.released(ROOT)
    assert released is not None
    for event in released.events:
        assert (ROOT / golden.FOLDER / event / "event.binpb").exists()


def test_the_first_releases_event_reads_as_the_current_one() -> None:
    assert json.loads((ROOT / READ).read_text())["unitPrice"] == {"currency": "EUR", "minorUnits": "450"}


@pytest.mark.parametrize("path", [STORED, READ])
def test_a_golden_file_is_not_altered(owned: Tree, path: str) -> None:
    altered = (owned.root / path).read_bytes().replace(b"tea", b"tee")
    (owned.root / path).write_bytes(altered)
    answer = told(owned.check())
    assert f"{path}: prism.cart.v1.ItemAddedToCart\n    golden-bytes: a golden file of release" in answer
    assert "was altered\n    -> restore the file from the release" in answer


@pytest.mark.parametrize("path", [STORED, READ])
def test_a_golden_file_is_not_removed(owned: Tree, path: str) -> None:
    answer = told(owned.remove(path).check())
    assert f"{path}: prism.cart.v1.ItemAddedToCart\n    golden-bytes: a golden file of release" in answer


def test_a_golden_file_is_not_removed_from_the_manifest_either(owned: Tree) -> None:
    manifest = owned.root / "schema/release.json"
    release = json.loads(manifest.read_text())
    del release["golden"][STORED.removeprefix("schema/golden/")]
    manifest.write_text(json.dumps(release))
    assert "a released event has no such golden file" in told(owned.remove(STORED).check())


def test_bytes_that_somebody_gave_are_kept(owned: Tree) -> None:
    given = owned.root / "schema/golden/prism.cart.v1.CartEmptied/event.binpb"
    given.parent.mkdir()
    given.write_bytes(b"\x0a\x04c-99")
    owned.append(
        "proto/prism/cart/v1/events.proto",
        "message CartEmptied { option (prism.options.v1.event) = {}; string cart_id = 1; }",
    ).release("9.1.0")
    assert given.read_bytes() == b"\x0a\x04c-99"
    assert json.loads((given.parent / "prism.cart.v1.CartEmptied.json").read_text()) == {"cartId": "c-99"}

"""A reviewer reads what changed, for whom, and whether it may be released."""

import subprocess

import pytest

from dev.protos import ROOT
from dev.schema.__main__ import main
from dev.schema.compiling import image_of
from dev.schema.report import BREAKING, COMPATIBLE, UPCASTER, gather, report
from tests.schema.trees import Tree

CART_COMMANDS = "proto/prism/cart/v1/commands.proto"
CART_EVENTS = "proto/prism/cart/v1/events.proto"
CART_VIEWS = "proto/prism/cart/v1/views.proto"
QUANTITY = "int32 quantity = 3 [(buf.validate.field).int32 = {gte: 1 lte: 999}];"
REMOVED = "message ItemRemovedFromCart {\n  option (prism.options.v1.event) = {"
# Two commits of somebody.
GIT = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]


def verdict(tree: Tree, base: str = "") -> str:
    told = gather(tree.root, base)
    assert told is not None
    return told.verdict


def test_the_report_tells_whom_a_change_concerns(tree: Tree) -> None:
    tree.edit(CART_COMMANDS, QUANTITY, f"{QUANTITY}\n  // Wrapped.\n  bool gift = 4;")
    tree.edit(CART_VIEWS, "CHECKED_OUT = 2;", "CHECKED_OUT = 2;\n    ABANDONED = 3;")
    tree.append(
        CART_EVENTS, "message CartCleared { option (prism.options.v1.event) = {}; string cart_id = 1; }"
    )
    tree.edit(
        "proto/prism/admin/v1/admin.proto", "string version = 2;", "string version = 2;\n  string region = 8;"
    )
    tree.edit(
        "proto/prism/envelope/v1/envelope.proto",
        "Commit commit = 1;",
        "Commit commit = 1;\n    bytes packed = 3;",
    )
    sections = report_sections(tree)
    assert "**Verdict: compatible.** 5 changes." in sections["top"]
    assert "- **added** field `prism.cart.v1.AddItemToCart.gift`: bool gift = 4" in sections["REST clients"]
    assert "- **added** event `prism.cart.v1.CartCleared`" in sections["Events"]
    assert "- **added** value `prism.cart.v1.CartView.Status.ABANDONED`" in sections["Views"]
    assert "`prism.envelope.v1.CommitEntry.packed`" in sections["Queues and stored rows"]
    assert "`prism.admin.v1.StatusResponse.region`" in sections["gRPC and operators"]
    assert "`schema AddItemToCart`: `properties.gift.description` added (Wrapped.)" in sections["OpenAPI"]
    assert "`schema CartView`: `properties.status.enum[ABANDONED]` added" in sections["OpenAPI"]
    assert "make schema-golden" in sections["Golden bytes to add"]
    assert "prism.cart.v1.CartCleared/event.binpb" in sections["Golden bytes to add"]
    notes = sections["To know before rolling out"]
    assert "`prism.cart.v1.CartCleared` is left" in notes
    assert "ABANDONED` is a bare number" in notes
    assert "packed` is a new choice of a oneof" in notes


def test_the_latest_release_is_described_by_today_s_edge() -> None:
    assert "not compared" not in report(ROOT)


def report_sections(tree: Tree) -> dict[str, str]:
    top, *sections = report(tree.root).split("\n## ")
    return {"top": top} | dict(section.split("\n", 1) for section in sections)


def test_a_new_shape_without_its_upcaster_needs_one(tree: Tree) -> None:
    tree.edit(CART_EVENTS, f"{REMOVED}}};", f'{REMOVED}successor: "prism.cart.v1.ItemDropped"}};')
    tree.append(
        CART_EVENTS, "message ItemDropped { option (prism.options.v1.event) = {}; string cart_id = 1; }"
    )
    assert verdict(tree) == UPCASTER
    missing = "- `prism.cart.v1.ItemRemovedFromCart` → `prism.cart.v1.ItemDropped`: **missing**"
    assert missing in report_sections(tree)["Upcasters"]


def test_a_breaking_change_has_its_reasons(tree: Tree) -> None:
    tree.edit(CART_COMMANDS, '/items" body', '/lines" body')
    assert verdict(tree) == BREAKING
    sections = report_sections(tree)
    assert "**released-call** → put it back, or add a new rpc" in sections["Why not"]
    assert "- **added** `POST /v1/carts/{cart_id}/lines`" in sections["OpenAPI"]
    assert "- **removed** `POST /v1/carts/{cart_id}/items`" in sections["OpenAPI"]


def test_the_base_is_a_git_ref_or_an_image(owned: Tree) -> None:
    (owned.root / "main.binpb").write_bytes(image_of(owned.root / "proto"))
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "x"]):
        subprocess.run([*GIT, *command], cwd=owned.root, check=True)
    # Not released yet, so that the gate has nothing against it.
    owned.edit(CART_VIEWS, "uint32 version = 6;", "uint32 version = 6;\n  string note = 8;")
    for base in ("HEAD", "main.binpb"):
        told = gather(owned.root, base)
        assert told is not None
        assert [change.name for change in told.changes] == ["prism.cart.v1.CartView.note"]
        assert told.verdict == COMPATIBLE
    subprocess.run([*GIT, "commit", "-q", "-am", "y"], cwd=owned.root, check=True)
    owned.edit(CART_VIEWS, "string note = 8;", "string remark = 8;")
    assert verdict(owned) == COMPATIBLE
    assert verdict(owned, "HEAD") == BREAKING


@pytest.mark.parametrize("base", ["nowhere", "--output=x", "HEAD~99"])
def test_a_base_that_is_nothing_is_told(tree: Tree, base: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--root", str(tree.root), "report", f"--base={base}"]) == 2
    assert f"{base} is no folder or image" in capsys.readouterr().err


def test_contracts_that_do_not_compile_have_a_report_too(tree: Tree) -> None:
    assert "- `proto` (proto/)" in report(tree.edit(CART_EVENTS, "message", "massage").root)

"""Compatible changes, made to the real contracts as somebody would make them."""

from typing import NamedTuple

import pytest

from tests.schema.trees import Tree, told

CART_COMMANDS = "proto/prism/cart/v1/commands.proto"
CART_EVENTS = "proto/prism/cart/v1/events.proto"
CART_VIEWS = "proto/prism/cart/v1/views.proto"
ENVELOPE = "proto/prism/envelope/v1/envelope.proto"
QUANTITY = "int32 quantity = 3 [(buf.validate.field).int32 = {gte: 1 lte: 999}];"
CLEAR = """  // Takes every line out of the cart.
  rpc ClearCart(prism.cart.v1.ClearCart) returns (prism.envelope.v1.Outcome) {
    option (google.api.http) = {delete: "/v1/carts/{cart_id}/items"};
    option (prism.options.v1.command) = {stream: "cart-{cart_id}" roles: ["shopper"]};
  }
"""
DROPPED = """
message ItemRemovedFromCart {
  option (prism.options.v1.event) = {};
  string cart_id = 1;
  string product_id = 2;
  string reason = 3;
}
"""
UPCASTER = '''

def item_removed_from_cart_v1(old: v1.ItemRemovedFromCart) -> v2.ItemRemovedFromCart:
    """Nobody was asked for a reason."""
    return v2.ItemRemovedFromCart(cart_id=old.cart_id, product_id=old.product_id, reason="NONE")
'''


class Edit(NamedTuple):
    """A change of a file's text."""

    path: str
    old: str
    new: str


CHANGES = {
    "field of a command": Edit(
        CART_COMMANDS, QUANTITY, f"{QUANTITY} string note = 4 [(buf.validate.field).string.max_len = 9];"
    ),
    "field with rules, optional": Edit(
        CART_COMMANDS,
        QUANTITY,
        f"{QUANTITY} optional string note = 4 [(buf.validate.field).string.min_len = 1];",
    ),
    "field of a view": Edit(CART_VIEWS, "uint32 version = 6;", "uint32 version = 6; string note = 8;"),
    "field of the envelope": Edit(
        ENVELOPE, "string traceparent = 10;", "string traceparent = 10; string tracestate = 13;"
    ),
    "value of an enum": Edit(CART_VIEWS, "CHECKED_OUT = 2;", "CHECKED_OUT = 2; ABANDONED = 3;"),
    "comment": Edit(CART_EVENTS, "// The line's quantity", "// How many the line has"),
    "deprecated field": Edit(CART_EVENTS, "int32 quantity = 3;", "int32 quantity = 3 [deprecated = true];"),
    "deprecated command": Edit(
        CART_COMMANDS,
        "    option (google.api.http) = {patch",
        "    option deprecated = true;\n    option (google.api.http) = {patch",
    ),
    "reserved number": Edit(CART_COMMANDS, QUANTITY, f'{QUANTITY} reserved 9; reserved "old_note";'),
    "wider bound": Edit(CART_COMMANDS, "lte: 999", "lte: 9999"),
    "rule gone": Edit(CART_COMMANDS, QUANTITY, "int32 quantity = 3;"),
    "one more role": Edit(CART_COMMANDS, '["shopper"]', '["shopper", "merchant"]'),
    "one more code": Edit(CART_COMMANDS, '"CART_FULL"', '"CART_FULL", "CART_LOCKED"'),
    "one more topic": Edit(CART_VIEWS, '["cart/{cart_id}"]', '["cart/{cart_id}", "carts"]'),
}


@pytest.mark.parametrize("case", CHANGES)
def test_a_compatible_change_passes(tree: Tree, case: str) -> None:
    checked = tree.edit(*CHANGES[case]).check()
    assert told(checked) == ""
    assert not checked.golden_to_add


def test_a_new_command_with_its_event_passes(tree: Tree) -> None:
    tree.edit(CART_COMMANDS, "  // Takes a line out", CLEAR + "  // Takes a line out")
    tree.append(CART_COMMANDS, "message ClearCart { string cart_id = 1; }")
    tree.append(
        CART_EVENTS, "message CartCleared { option (prism.options.v1.event) = {}; string cart_id = 1; }"
    )
    checked = tree.check()
    assert told(checked) == ""
    assert set(checked.golden_to_add) == {
        "prism.cart.v1.CartCleared/event.binpb",
        "prism.cart.v1.CartCleared/prism.cart.v1.CartCleared.json",
    }


def test_a_new_version_of_an_event_passes_and_its_release_keeps_the_golden_bytes(owned: Tree) -> None:
    with_a_new_version(owned)
    assert told(owned.check()) == ""
    folder = owned.root / "schema/golden/prism.cart.v1.ItemRemovedFromCart"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    owned.release("9.1.0")
    assert told(owned.check()) == ""
    after = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert after.items() > before.items()
    assert '"reason": "NONE"' in (folder / "prism.cart.v2.ItemRemovedFromCart.json").read_text()
    # What the upcaster gives is released with it.
    owned.edit("upcasters/cart.py", '"NONE"', '"UNKNOWN"')
    assert "stored bytes read otherwise: reason: 'NONE' -> 'UNKNOWN'" in told(owned.check())


def with_a_new_version(tree: Tree) -> None:
    tree.edit(
        CART_EVENTS,
        "message ItemRemovedFromCart {\n  option (prism.options.v1.event) = {",
        'message ItemRemovedFromCart {\n  option (prism.options.v1.event) = {successor: "prism.cart.v2.ItemRemovedFromCart"',
    )
    tree.append("proto/prism/cart/v2/events.proto", DROPPED)
    tree.append("upcasters/cart.py", UPCASTER)
    tree.edit("upcasters/__init__.py", "_v1]", "_v1, cart.item_removed_from_cart_v1]")


def test_what_is_not_released_yet_may_still_change(tree: Tree) -> None:
    with_a_new_version(tree)
    tree.edit("proto/prism/cart/v2/events.proto", "string reason = 3;", "string why = 4;")
    tree.edit("upcasters/cart.py", 'reason="NONE"', 'why="NONE"')
    assert told(tree.check()) == ""


def test_a_deprecated_command_may_go_in_the_next_release(owned: Tree) -> None:
    rpc = owned.root / CART_COMMANDS
    owned.edit(
        CART_COMMANDS,
        "    option (google.api.http) = {patch",
        "    option deprecated = true;\n    option (google.api.http) = {patch",
    )
    owned.release("9.1.0")
    text = rpc.read_text()
    call = text[text.index("  // Sets the quantity") : text.index("  // Takes a line out")]
    message = text[text.index("message ChangeItemQuantity {") : text.index("message RemoveItemFromCart {")]
    owned.edit(CART_COMMANDS, call, "").edit(CART_COMMANDS, message, "")
    assert told(owned.check()) == ""


def test_a_deprecated_field_may_go_in_the_next_release(owned: Tree) -> None:
    owned.edit(CART_VIEWS, "uint32 version = 6;", "uint32 version = 6 [deprecated = true];").release("9.1.0")
    owned.edit(CART_VIEWS, "uint32 version = 6 [deprecated = true];", 'reserved 6;\n  reserved "version";')
    assert told(owned.check()) == ""


def test_a_message_may_move_to_another_file_of_its_package(tree: Tree) -> None:
    (tree.root / CART_EVENTS).rename(tree.root / "proto/prism/cart/v1/facts.proto")
    tree.edit("upcasters/cart.py", "import events_pb2 as v1", "import facts_pb2 as v1")
    assert told(tree.check()) == ""

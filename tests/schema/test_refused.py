"""Breaking changes, made to the real contracts as somebody would make them, each refused with what to do."""

from typing import NamedTuple

import pytest

from tests.schema.trees import Tree, told

MONEY = "proto/prism/common/v1/money.proto"
CART_COMMANDS = "proto/prism/cart/v1/commands.proto"
CART_EVENTS = "proto/prism/cart/v1/events.proto"
CART_VIEWS = "proto/prism/cart/v1/views.proto"
ORDER_EVENTS = "proto/prism/order/v1/events.proto"
PRODUCT_VIEWS = "proto/prism/product/v1/views.proto"
ENVELOPE = "proto/prism/envelope/v1/envelope.proto"
ADMIN = "proto/prism/admin/v1/admin.proto"
OPTIONS = "proto/prism/options/v1/options.proto"

# In ItemQuantityChanged, in AddItemToCart, and of the removed item's event.
EVENT_FIELD = "int32 quantity = 3;"
REQUEST_FIELD = "int32 quantity = 3 [(buf.validate.field).int32 = {gte: 1 lte: 999}];"
REMOVED = "message ItemRemovedFromCart {\n  option (prism.options.v1.event) = {"


# Laws that are not about the step from the release.
WHOLE = {
    "compile",
    "upcaster-chain",
    "upcaster-missing",
    "golden-bytes",
    "PROTOVALIDATE",
    "ENUM_NO_ALLOW_ALIAS",
}


class Edit(NamedTuple):
    """A change of a file's text, and what the check has to say of it."""

    path: str
    old: str
    new: str
    # The law or buf's rule, what is wrong, and what to do.
    law: str
    problem: str
    advice: str


def event(new: str, problem: str) -> Edit:
    """A change of a released event's field, whose advice is always the same."""
    return Edit(CART_EVENTS, EVENT_FIELD, new, "released-event", problem, "a new shape is a new message")


def request(new: str, law: str, problem: str, advice: str) -> Edit:
    """A change of a released command's field."""
    return Edit(CART_COMMANDS, REQUEST_FIELD, new, law, problem, advice)


EVENTS = {
    "renamed": event("int32 amount = 3;", "name quantity -> amount"),
    "another number": event("int32 quantity = 4;", "number 3 -> 4"),
    "another type": event("int64 quantity = 3;", "type int32 -> int64"),
    "another sign": event("uint32 quantity = 3;", "type int32 -> uint32"),
    "repeated": event("repeated int32 quantity = 3;", "cardinality singular -> repeated"),
    "optional": event("optional int32 quantity = 3;", "cardinality singular -> optional"),
    "another JSON name": event('int32 quantity = 3 [json_name = "n"];', "JSON name quantity -> n"),
    "one more": event(f"{EVENT_FIELD} string note = 4;", "new field `string note = 4`"),
    "one less": event("", "field `int32 quantity = 3` is gone"),
    "one less, reserved": event('reserved 3; reserved "quantity";', "field `int32 quantity = 3` is gone"),
    "in a oneof": event("oneof how { int32 quantity = 3; }", "oneof none -> how"),
    "reused number": event("string note = 3;", "name quantity -> note"),
    "in what it is made of": Edit(
        MONEY,
        "Money line_total = 5;",
        "Money line_total = 5; string note = 6;",
        "released-event",
        "new field `string note = 6` in a released shape (part of prism.cart.v1.CartCheckedOut and",
        "a new shape is a new message",
    ),
    "made of something else": Edit(
        ORDER_EVENTS,
        "repeated prism.common.v1.Line lines = 2",
        "repeated OrderRef lines = 2",
        "released-event",
        "type prism.common.v1.Line -> prism.order.v1.OrderRef",
        "a new shape is a new message",
    ),
    "no event any more": Edit(
        CART_EVENTS,
        f"{REMOVED}}};",
        "message ItemRemovedFromCart {",
        "released-event",
        "has no",
        "put the option back",
    ),
    "a new name": Edit(
        CART_EVENTS,
        "message ItemRemovedFromCart",
        "message ItemDropped",
        "released-event",
        "is gone",
        "put it back",
    ),
    "another successor": Edit(
        CART_EVENTS,
        '"prism.cart.v2.ItemAddedToCart"',
        '"prism.cart.v1.CartCheckedOut"',
        "released-event",
        "successor of a released event changed",
        "put prism.cart.v2.ItemAddedToCart back",
    ),
    "no successor": Edit(
        CART_EVENTS,
        'successor: "prism.cart.v2.ItemAddedToCart"',
        "",
        "released-event",
        "prism.cart.v2.ItemAddedToCart -> none",
        "put prism.cart.v2.ItemAddedToCart back",
    ),
}

FIELDS = {
    "renamed": request(
        "int32 amount = 3;", "FIELD_SAME_NAME", 'from "quantity" to "amount"', "put the name back"
    ),
    "another number": request("int32 quantity = 4;", "renumbered", "number 3 -> 4", "put the number back"),
    "another type": request(
        "int64 quantity = 3;", "FIELD_SAME_TYPE", '"int32" to "int64"', "Add a new field"
    ),
    "repeated": request(
        "repeated int32 quantity = 3;", "FIELD_SAME_CARDINALITY", "repeated", "Add a new field"
    ),
    "removed": request(
        "", "deprecate-first", "gone and was not deprecated", "reserve its number and its name"
    ),
    "in a oneof": request(
        "oneof how { int32 quantity = 3; }", "FIELD_SAME_ONEOF", "oneof", "Add a new field"
    ),
    "another JSON name": request(
        'int32 quantity = 3 [json_name = "n"];', "FIELD_SAME_JSON_NAME", '"n"', "put the name back"
    ),
    "reused number": request(
        f"{REQUEST_FIELD} string note = 3;", "compile", "already been used", "valid protobuf"
    ),
    "of a view removed": Edit(
        CART_VIEWS,
        "uint32 version = 6;",
        "",
        "deprecate-first",
        "`uint32 version = 6` is gone",
        "reserve its number",
    ),
    "of a view removed and reserved": Edit(
        CART_VIEWS,
        "uint32 version = 6;",
        'reserved 6; reserved "version";',
        "deprecate-first",
        "was not deprecated",
        "release that",
    ),
    "of the envelope removed": Edit(
        ENVELOPE,
        "string traceparent = 10;",
        "",
        "deprecate-first",
        "`string traceparent = 10`",
        "reserve its number",
    ),
    "of the envelope retyped": Edit(
        ENVELOPE,
        "bytes data = 11",
        "string data = 11",
        "FIELD_SAME_TYPE",
        '"bytes" to "string"',
        "old replicas",
    ),
    "of the envelope out of its oneof": Edit(
        ENVELOPE,
        "oneof entry {\n    Commit commit = 1;",
        "Commit commit = 1;\n  oneof entry {",
        "FIELD_SAME_ONEOF",
        "outside",
        "back",
    ),
    "of a map retyped": Edit(
        ENVELOPE,
        "map<string, Progress>",
        "map<string, CommitPointer>",
        "FIELD_SAME_TYPE",
        "CommitPointer",
        "Add a new",
    ),
    "of an option renumbered": Edit(
        OPTIONS,
        "string successor = 1",
        "string successor = 9",
        "renumbered",
        "number 1 -> 9",
        "put the number back",
    ),
    "option renumbered": Edit(
        OPTIONS,
        "EventOptions event = 50003",
        "EventOptions event = 50013",
        "option-changed",
        "50003 -> 50013",
        "put it back",
    ),
}

VALUES = {
    "renamed": Edit(
        CART_VIEWS, "CHECKED_OUT = 2", "CLOSED = 2", "ENUM_VALUE_SAME_NAME", '"CLOSED"', "JSON shows it"
    ),
    "renumbered": Edit(
        CART_VIEWS, "CHECKED_OUT = 2", "CHECKED_OUT = 3", "renumbered", "2 -> 3", "put the number back"
    ),
    "removed": Edit(
        CART_VIEWS, "CHECKED_OUT = 2;", "", "deprecate-first", "CHECKED_OUT = 2", "reserve its number"
    ),
    "twice": Edit(
        CART_VIEWS,
        "CHECKED_OUT = 2;",
        "option allow_alias = true; CHECKED_OUT = 2; CLOSED = 2;",
        "ENUM_NO_ALLOW_ALIAS",
        "allow_alias",
        "follow the rule",
    ),
}

REQUESTS = {
    "smaller bound": Edit(
        CART_COMMANDS,
        "lte: 999",
        "lte: 99",
        "released-request",
        "int32.lte: 999 -> 99 (sent to AddItemToCart",
        "take the",
    ),
    "newly required": request(
        "int32 quantity = 3 [(buf.validate.field).required = true, (buf.validate.field).int32 = {gte: 1 lte: 999}];",
        "released-request",
        "required: True is new",
        "let the aggregate reject",
    ),
    "another pattern": Edit(
        CART_COMMANDS,
        "{1,64}",
        "{1,32}",
        "released-request",
        "string.pattern: '^[A-Za-z0-9_-]{1,64}$' ->",
        "take the",
    ),
    "a rule of the whole": Edit(
        CART_COMMANDS,
        "message AddItemToCart {",
        'message AddItemToCart { option (buf.validate.message).cel = {id: "n" message: "n" expression: "this.quantity > 3"};',
        "released-request",
        "this.quantity > 3",
        "let the aggregate reject",
    ),
    "of a part": Edit(
        MONEY,
        "lte: 1000000000000",
        "lte: 1000",
        "released-request",
        "CheckOutCart, PayOrder",
        "let the aggregate",
    ),
    "a new field required": request(
        f"{REQUEST_FIELD} optional string note = 4 [(buf.validate.field).required = true];",
        "released-request",
        "do not have the new field",
        "make it `optional`",
    ),
    "a new field not empty": request(
        f"{REQUEST_FIELD} string note = 4 [(buf.validate.field).string.min_len = 1];",
        "released-request",
        "string.min_len refuses them",
        "make it `optional`",
    ),
    "a rule that is wrong": Edit(
        CART_COMMANDS,
        "message AddItemToCart {",
        'message AddItemToCart { option (buf.validate.message).cel = {id: "n" message: "n" expression: "this.n > 3"};',
        "PROTOVALIDATE",
        "fails to compile",
        "follow the rule",
    ),
}

CALLS = {
    "another path": Edit(
        CART_COMMANDS,
        '/items" body',
        '/lines" body',
        "released-call",
        "-> POST /v1/carts/{cart_id}/lines",
        "add a new rpc",
    ),
    "another verb": Edit(
        CART_COMMANDS, "{patch:", "{put:", "released-call", "-> PUT /v1/carts", "add a new rpc"
    ),
    "no body": Edit(
        CART_COMMANDS, '/items" body: "*"', '/items"', "released-call", "body * ->", "put it back"
    ),
    "another stream": Edit(
        CART_COMMANDS,
        '"cart-{cart_id}"',
        '"cart-{product_id}"',
        "released-call",
        "by another stream",
        "put it back",
    ),
    "another role": Edit(
        CART_COMMANDS,
        '["shopper"]',
        '["merchant"]',
        "released-call",
        "lose what they could do: shopper",
        "put",
    ),
    "not public": Edit(
        PRODUCT_VIEWS, "public: true}", "}", "released-call", "who has no token", "put it back"
    ),
    "a role to read": Edit(
        CART_VIEWS,
        'view: "cart" partition',
        'roles: ["merchant"] view: "cart" partition',
        "released-call",
        "everyone but merchant",
        "put",
    ),
    "renamed": Edit(
        CART_COMMANDS,
        "rpc CheckOutCart",
        "rpc BuyCart",
        "deprecate-first",
        "released rpc is gone",
        "deprecated = true",
    ),
    "in a service renamed": Edit(
        CART_COMMANDS, "service CartCommands", "service Carts", "deprecate-first", "rpc is gone", "deprecated"
    ),
    "another request": Edit(
        CART_COMMANDS,
        "(prism.cart.v1.AddItemToCart)",
        "(prism.cart.v1.ChangeItemQuantity)",
        "RPC_SAME_REQUEST_TYPE",
        "changed",
        "new rpc",
    ),
    "of operators streaming": Edit(
        ADMIN,
        "(StatusResponse)",
        "(stream StatusResponse)",
        "RPC_SAME_SERVER_STREAMING",
        "streaming",
        "new rpc",
    ),
    "of operators removed": Edit(
        ADMIN,
        "rpc Resume(ResumeRequest) returns (ResumeResponse);",
        "",
        "deprecate-first",
        "rpc is gone",
        "deprecated = true",
    ),
}

VIEWS = {
    "renamed": Edit(
        CART_VIEWS, 'name: "cart"', 'name: "basket"', "released-view", "view 'cart' is gone", "put it back"
    ),
    "topic gone": Edit(
        CART_VIEWS,
        '["cart/{cart_id}"]',
        "[]",
        "released-view",
        "subscribers of cart/{cart_id}",
        "put it back",
    ),
    "another owner": Edit(
        CART_VIEWS, '"owner_id"', '"cart_id"', "released-view", "other people would see", "put it back"
    ),
    "message gone": Edit(
        ENVELOPE,
        "message Update {",
        "message Changed {",
        "compile",
        '"Update" is not defined',
        "valid protobuf",
    ),
}

UPCASTERS = {
    "not registered": Edit(
        "upcasters/__init__.py",
        "cart.item_added_to_cart_v1",
        "",
        "upcaster-missing",
        "no upcaster to it",
        "upcasters.ALL",
    ),
    "twice": Edit(
        "upcasters/__init__.py",
        "_v1]",
        "_v1, cart.item_added_to_cart_v1]",
        "upcaster-chain",
        "has 2 upcasters",
        "keep one",
    ),
    "to something else": Edit(
        "upcasters/cart.py",
        "-> v2.ItemAddedToCart",
        "-> v1.ItemAddedToCart",
        "upcaster-chain",
        "gives prism.cart.v1",
        "let it return",
    ),
    "of what needs none": Edit(
        CART_EVENTS,
        f"{REMOVED}}};",
        f'{REMOVED}successor: "prism.cart.v1.Nothing"}};',
        "upcaster-chain",
        "does not exist",
        "full name",
    ),
    "missing for a new step": Edit(
        CART_EVENTS,
        f"{REMOVED}}};",
        f'{REMOVED}successor: "prism.cart.v1.CartCheckedOut"}};',
        "upcaster-missing",
        "no upcaster",
        "write it",
    ),
    "to no event": Edit(
        ORDER_EVENTS,
        "message OrderPlaced {\n  option (prism.options.v1.event) = {",
        'message OrderPlaced {\n  option (prism.options.v1.event) = {successor: "prism.order.v1.OrderRef"',
        "upcaster-chain",
        "is no event",
        "full name",
    ),
    "to another aggregate": Edit(
        CART_EVENTS,
        f"{REMOVED}}};",
        f'{REMOVED}successor: "prism.order.v1.OrderPlaced"}};',
        "upcaster-chain",
        "another aggregate",
        "same aggregate",
    ),
    "with another result": Edit(
        "upcasters/cart.py",
        '"EUR"',
        '"USD"',
        "golden-bytes",
        "stored bytes read otherwise: unitPrice",
        "an upcaster of its own",
    ),
    "that raises": Edit(
        "upcasters/cart.py",
        "return v2",
        'raise ValueError("no")\n    return v2',
        "golden-bytes",
        "do not read: ValueError: no",
        "read whatever",
    ),
    "that do not import": Edit(
        "upcasters/cart.py", "return v2", "retur v2", "upcaster-chain", "SyntaxError", "import upcasters"
    ),
}


def refused(tree: Tree, edit: Edit) -> None:
    """By the whole check where lint, upcasters or protoc say it, by the comparison with the release where that does."""
    tree.edit(edit.path, edit.old, edit.new)
    answer = told(tree.check() if edit.law in WHOLE else tree.step())
    assert f"{edit.law}: " in answer
    assert edit.problem in answer
    assert edit.advice in answer


@pytest.mark.parametrize("case", EVENTS)
def test_a_released_event_keeps_its_shape_and_meaning(tree: Tree, case: str) -> None:
    refused(tree, EVENTS[case])


@pytest.mark.parametrize("case", FIELDS)
def test_fields_stay_readable_both_ways(tree: Tree, case: str) -> None:
    refused(tree, FIELDS[case])


@pytest.mark.parametrize("case", VALUES)
def test_values_of_enums_stay(tree: Tree, case: str) -> None:
    refused(tree, VALUES[case])


@pytest.mark.parametrize("case", REQUESTS)
def test_what_was_accepted_is_accepted(tree: Tree, case: str) -> None:
    refused(tree, REQUESTS[case])


@pytest.mark.parametrize("case", CALLS)
def test_calls_keep_their_routes_streams_and_roles(tree: Tree, case: str) -> None:
    refused(tree, CALLS[case])


@pytest.mark.parametrize("case", VIEWS)
def test_views_keep_their_names_topics_and_owners(tree: Tree, case: str) -> None:
    refused(tree, VIEWS[case])


@pytest.mark.parametrize("case", UPCASTERS)
def test_old_events_lead_to_current_ones(tree: Tree, case: str) -> None:
    refused(tree, UPCASTERS[case])


def test_an_error_names_the_file_and_the_line(tree: Tree) -> None:
    tree.edit(CART_EVENTS, EVENT_FIELD, "int32 amount = 3;")
    [finding] = tree.check().findings
    line = (tree.root / CART_EVENTS).read_text().partition("message ItemQuantityChanged")[0].count("\n") + 1
    assert finding.where == f"{CART_EVENTS}:{line}"
    assert finding.subject == "prism.cart.v1.ItemQuantityChanged.quantity"


def test_a_package_keeps_its_name(tree: Tree) -> None:
    for path in [*(tree.root / "proto").rglob("*.proto")]:
        path.write_text(
            path.read_text()
            .replace("prism.stock.v1", "prism.stock.v2")
            .replace("prism/stock/v1", "prism/stock/v2")
        )
    (tree.root / "proto/prism/stock/v1").rename(tree.root / "proto/prism/stock/v2")
    answer = told(tree.check())
    assert (
        "prism.stock.v1.StockReceived\n    released-event: is an event of the last release and is gone"
        in answer
    )
    assert "prism.stock.v2.StockReceived is another type" in answer
    assert "prism.stock.v1.StockCommands.ReceiveStock\n    deprecate-first" in answer


def test_an_event_does_not_move_to_another_package(tree: Tree) -> None:
    text = (tree.root / CART_EVENTS).read_text()
    start = text.index("message ItemRemovedFromCart")
    moved = text[start : text.index("}\n", text.index("string product_id", start)) + 2]
    tree.edit(CART_EVENTS, moved, "").append("proto/prism/cart/v2/events.proto", moved)
    answer = told(tree.check())
    assert "prism.cart.v1.ItemRemovedFromCart\n    released-event" in answer
    assert "prism.cart.v2.ItemRemovedFromCart is another type" in answer


def test_a_chain_does_not_end_in_a_cycle(tree: Tree) -> None:
    tree.edit(CART_EVENTS, f"{REMOVED}}};", f'{REMOVED}successor: "prism.cart.v1.ItemDropped"}};')
    tree.append(
        CART_EVENTS,
        'message ItemDropped { option (prism.options.v1.event) = {successor: "prism.cart.v1.ItemRemovedFromCart"}; }',
    )
    answer = told(tree.check())
    assert "prism.cart.v1.ItemRemovedFromCart\n    upcaster-chain: its successors lead back to it" in answer
    assert "let the chain end in a current event" in answer


def test_a_new_shape_is_named_by_its_predecessor(tree: Tree) -> None:
    tree.append(
        "proto/prism/cart/v2/events.proto",
        "message ItemRemovedFromCart { option (prism.options.v1.event) = {}; string cart_id = 1; }",
    )
    answer = told(tree.check())
    assert "prism.cart.v2.ItemRemovedFromCart\n    upcaster-chain: shares its short name" in answer
    assert "name it as `successor` in the option of prism.cart.v1.ItemRemovedFromCart" in answer


def test_two_calls_do_not_claim_one_route(tree: Tree) -> None:
    tree.edit(
        CART_VIEWS,
        "  // One's own cart.",
        """  // Another way to read it.
  rpc ReadCart(prism.cart.v1.GetCart) returns (CartView) {
    option (google.api.http) = {get: "/v1/carts/{cart_id}"};
    option (prism.options.v1.query) = {view: "cart" partition: "{cart_id}" key: "{cart_id}"};
  }
  // One's own cart.""",
    )
    assert "prism.cart.v1.CartQueries.ReadCart\n    route-taken: claims the route of" in told(tree.check())


def test_what_is_gone_never_comes_back(owned: Tree) -> None:
    owned.edit(ENVELOPE, "message DeadLetter {", "message DeadLetter {\n  option deprecated = true;").release(
        "9.1.0"
    )
    text = (owned.root / ENVELOPE).read_text()
    start = text.index("message DeadLetter {")
    gone = text[start : text.index("}\n", start) + 2]
    owned.edit(ENVELOPE, gone, "").release("9.2.0")
    owned.append(ENVELOPE, "message DeadLetter { string other = 1; }")
    answer = told(owned.check())
    assert "prism.envelope.v1.DeadLetter\n    retired-name: had another meaning" in answer
    assert "choose another name" in answer


def test_a_reservation_is_for_ever(owned: Tree) -> None:
    deprecated = REQUEST_FIELD.replace("];", ", deprecated = true];")
    reserved = 'reserved 3; reserved "quantity";'
    owned.edit(CART_COMMANDS, REQUEST_FIELD, deprecated).release("9.1.0")
    assert "FIELD_NO_DELETE_UNLESS_NUMBER_RESERVED" in told(owned.edit(CART_COMMANDS, deprecated, "").check())
    owned.edit(
        CART_COMMANDS, "\n}\n\nmessage ChangeItemQuantity", f"\n{reserved}\n}}\n\nmessage ChangeItemQuantity"
    ).release("9.2.0")
    owned.edit(CART_COMMANDS, reserved, f"{reserved} string note = 3;")
    assert 'Field "note" uses reserved number 3' in told(owned.check())
    owned.edit(CART_COMMANDS, reserved, "")
    answer = told(owned.check())
    assert "RESERVED_MESSAGE_NO_DELETE" in answer
    assert "put the reservation back" in answer

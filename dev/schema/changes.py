"""What differs between two versions of the contracts, as a list: laws judge it, the report tells it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor, MethodDescriptor
from google.protobuf.descriptor_pb2 import FieldDescriptorProto
from google.protobuf.message import Message

from dev.schema import rules
from dev.schema.contracts import OPTIONS, Contracts, deprecated

Kind = Literal["added", "changed", "deprecated", "removed"]
Thing = Literal[
    "message", "enum", "rpc", "extension", "field", "value", "option", "route", "event", "view", "rule"
]


@dataclass(frozen=True, slots=True)
class Change:
    """One difference."""

    kind: Kind
    thing: Thing
    # Full name of the message, enum, rpc or extension that it belongs to.
    owner: str
    # The field, value or option of the owner; empty when the owner itself changed.
    part: str
    # The difference, for people: what it was and is, or what it is that was added.
    text: str = ""
    before: Any = None
    after: Any = None

    @property
    def name(self) -> str:
        """The full name of what changed."""
        return (
            f"{self.owner}.{self.part}"
            if self.part and self.thing in ("field", "value", "rule")
            else self.owner
        )


def changes(base: Contracts, tree: Contracts) -> list[Change]:
    """Everything that differs. What is renamed or moved is one thing removed and another one added."""
    found = list(_whole("message", base.messages, tree.messages))
    found += _whole("enum", base.enums, tree.enums)
    found += _whole("rpc", base.methods, tree.methods)
    found += _whole("extension", base.extensions, tree.extensions)
    for name in base.messages.keys() & tree.messages.keys():
        found += _message(base, tree, name)
    for name in base.enums.keys() & tree.enums.keys():
        found += _enum(base.enums[name], tree.enums[name])
    for name in base.methods.keys() & tree.methods.keys():
        found += _rpc(base, tree, name)
    for name in base.extensions.keys() & tree.extensions.keys():
        found += _facets("changed", "extension", name, "", base.extensions[name], tree.extensions[name])
    return sorted(found, key=lambda change: (change.owner, change.thing, change.part))


def shape(field: FieldDescriptor) -> dict[str, str]:
    """Everything about a field that its bytes, its JSON and its readers depend on."""
    oneof = field.containing_oneof
    # `optional` is a oneof of its own to protobuf, named after its field.
    optional = oneof is not None and oneof.name == f"_{field.name}"
    return {
        "number": str(field.number),
        "name": field.name,
        "JSON name": field.json_name,
        "type": type_of(field),
        "cardinality": "repeated" if field.is_repeated else "optional" if optional else "singular",
        "oneof": "none" if oneof is None or optional else oneof.name,
        "presence": "tracked" if field.has_presence else "none",
        **(
            {"extends": field.containing_type.full_name}
            if field.is_extension and field.containing_type
            else {}
        ),
    }


def type_of(field: FieldDescriptor) -> str:
    """A field's type as a contract spells it."""
    message = field.message_type
    if message and message.GetOptions().map_entry:
        key, value = (message.fields_by_name[name] for name in ("key", "value"))
        return f"map<{type_of(key)}, {type_of(value)}>"
    named = message or field.enum_type
    return named.full_name if named else FieldDescriptorProto.Type.keys()[field.type - 1][5:].lower()


def route_of(contracts: Contracts, method: MethodDescriptor) -> str:
    """An rpc's route, as `POST /v1/products, body *`. Empty without one."""
    rule = contracts.option(method, "google.api.http")
    if rule is None:
        return ""
    verb = rule.WhichOneof("pattern") or ""
    if verb == "custom":
        return f"{rule.custom.kind} {rule.custom.path}"
    return f"{verb.upper()} {getattr(rule, verb)}" + (f", body {rule.body}" if rule.body else "")


def _whole(thing: Thing, base: Mapping[str, Any], tree: Mapping[str, Any]) -> Iterator[Change]:
    for name in base.keys() - tree.keys():
        yield Change("removed", thing, name, "")
    for name in tree.keys() - base.keys():
        yield Change("added", thing, name, "")
    for name in base.keys() & tree.keys():
        if deprecated(tree[name]) and not deprecated(base[name]):
            yield Change("deprecated", thing, name, "")


def _message(base: Contracts, tree: Contracts, name: str) -> Iterator[Change]:
    old, new = base.messages[name], tree.messages[name]
    yield from _fields(old, new)
    for change in rules.changes((base, old), (tree, new)):
        part = change.subject.removeprefix(name).lstrip(".")
        yield Change("changed", "rule", name, part, str(change), change.before, change.tightened)
    before, after = base.events.get(name), tree.events.get(name)
    if before != after:
        kind: Kind = "added" if before is None else "removed" if after is None else "changed"
        yield Change(kind, "event", name, "", _arrow(before, after), before, after)
    yield from _views(name, base.views.get(name, []), tree.views.get(name, []))


def _fields(old: Descriptor, new: Descriptor) -> Iterator[Change]:
    matched = {}
    for field in old.fields:
        same = new.fields_by_number.get(field.number)
        # A name that lives on under another number is the same field, renumbered.
        moved = new.fields_by_name.get(field.name)
        match = moved or same
        # A name that took another field's number over is that other field.
        if match is None or (moved is None and match.name in old.fields_by_name):
            yield Change("removed", "field", old.full_name, field.name, _declared(field))
            continue
        matched[match.name] = field
        yield from _facets("changed", "field", old.full_name, field.name, field, match)
        if deprecated(match) and not deprecated(field):
            yield Change("deprecated", "field", old.full_name, field.name, _declared(field))
    for field in new.fields:
        if field.name not in matched:
            yield Change("added", "field", new.full_name, field.name, _declared(field))


def _facets(
    kind: Kind, thing: Thing, owner: str, part: str, old: FieldDescriptor, new: FieldDescriptor
) -> Iterator[Change]:
    before, after = shape(old), shape(new)
    for facet, was in before.items():
        if after[facet] != was:
            yield Change(kind, thing, owner, part, f"{facet} {was} -> {after[facet]}", was, after[facet])


def _declared(field: FieldDescriptor) -> str:
    told = shape(field)
    cardinality = "" if told["cardinality"] == "singular" else f"{told['cardinality']} "
    return f"{cardinality if 'map<' not in told['type'] else ''}{told['type']} {field.name} = {field.number}"


def _enum(old: EnumDescriptor, new: EnumDescriptor) -> Iterator[Change]:
    before = {value.name: value for value in old.values}
    after = {value.name: value for value in new.values}
    # Who took the number of a name that is gone over is that value, renamed.
    taken = {value.number: value.name for value in new.values if value.name not in before}
    for name in before.keys() - after.keys():
        renamed = taken.pop(before[name].number, "")
        if renamed:
            yield Change("changed", "value", old.full_name, name, f"name {name} -> {renamed}")
        else:
            yield Change("removed", "value", old.full_name, name, f"{name} = {before[name].number}")
    for number, name in taken.items():
        yield Change("added", "value", old.full_name, name, f"{name} = {number}")
    for name in before.keys() & after.keys():
        was, now = before[name], after[name]
        if was.number != now.number:
            yield Change("changed", "value", old.full_name, name, f"number {was.number} -> {now.number}")
        if now.GetOptions().deprecated and not was.GetOptions().deprecated:
            yield Change("deprecated", "value", old.full_name, name, f"{name} = {now.number}")


def _rpc(base: Contracts, tree: Contracts, name: str) -> Iterator[Change]:
    old, new = base.methods[name], tree.methods[name]
    before, after = route_of(base, old), route_of(tree, new)
    if before != after:
        yield Change("changed", "route", name, "", _arrow(before, after), before, after)
    for side in ("input_type", "output_type"):
        was, now = getattr(old, side).full_name, getattr(new, side).full_name
        if was != now:
            yield Change("changed", "rpc", name, side, _arrow(was, now), was, now)
    for side in ("client_streaming", "server_streaming"):
        was, now = getattr(old, side), getattr(new, side)
        if was != now:
            yield Change("changed", "rpc", name, side, f"{side} {was} -> {now}", was, now)
    for option in ("command", "query"):
        yield from _options(
            name, option, base.option(old, f"{OPTIONS}.{option}"), tree.option(new, f"{OPTIONS}.{option}")
        )


def _views(name: str, old: list[Any], new: list[Any]) -> Iterator[Change]:
    before, after = {view.name: view for view in old}, {view.name: view for view in new}
    for view in before.keys() - after.keys():
        yield Change("removed", "view", name, view)
    for view in after.keys() - before.keys():
        yield Change("added", "view", name, view)
    for view in before.keys() & after.keys():
        yield from _options(name, f"view {view}", before[view], after[view])


def _options(owner: str, prefix: str, old: Message | None, new: Message | None) -> Iterator[Change]:
    """Every field of an option that differs, as `command.roles`; the option itself when it came or went."""
    if old is None or new is None:
        if old is not new:
            yield Change("removed" if new is None else "added", "option", owner, prefix)
        return
    before, after = _values(old), _values(new)
    for field in before.keys() | after.keys():
        was, now = before.get(field), after.get(field)
        if was != now:
            yield Change("changed", "option", owner, f"{prefix}.{field}", _arrow(was, now), was, now)


def _values(option: Message) -> dict[str, Any]:
    return {field.name: list(value) if field.is_repeated else value for field, value in option.ListFields()}


def _arrow(before: object, after: object) -> str:
    return f"{before if before else 'none'} -> {after if after else 'none'}"

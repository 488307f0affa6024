"""Validation rules: what a request may hold, and whether a change of that refuses what was accepted.

A rule that is gone, or a bound that is wider, accepts everything that it accepted before. Of any other change
nobody can tell without looking at every request that was ever sent, so that it counts as tightened.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import protovalidate
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from dev.schema.contracts import Contracts

Rules = dict[str, Any]
UPPER = {"lt", "lte", "max_len", "max_bytes", "max_items", "max_pairs"}
LOWER = {"gt", "gte", "min_len", "min_bytes", "min_items", "min_pairs"}
# These say nothing about what is accepted.
UNCHECKED = {"example"}


@dataclass(frozen=True, slots=True)
class RuleChange:
    """One rule that is not what it was."""

    # The full name of the field or message that it is about, and the rule's path.
    subject: str
    rule: str
    before: object
    after: object
    tightened: bool

    def __str__(self) -> str:
        """As a clause: `int32.lte: 999 -> 10`."""
        if self.before is None:
            return f"{self.rule}: {_shown(self.after)} is new"
        if self.after is None:
            return f"{self.rule}: {_shown(self.before)} is gone"
        return f"{self.rule}: {_shown(self.before)} -> {_shown(self.after)}"


def changes(old: tuple[Contracts, Descriptor], new: tuple[Contracts, Descriptor]) -> list[RuleChange]:
    """What differs between the rules of two versions of a message, on what both have."""
    (base, before), (tree, after) = old, new
    found = _compare(before.full_name, _rules(base, before, "message"), _rules(tree, after, "message"))
    for field in before.fields:
        same = after.fields_by_name.get(field.name)
        if same is not None:
            found += _compare(field.full_name, _rules(base, field, "field"), _rules(tree, same, "field"))
    for oneof in before.oneofs:
        other = after.oneofs_by_name.get(oneof.name)
        if other is not None:
            found += _compare(oneof.full_name, _rules(base, oneof, "oneof"), _rules(tree, other, "oneof"))
    return found


def refused_when_absent(contracts: Contracts, message: Descriptor, field: FieldDescriptor) -> str:
    """The rule of a field that refuses a message without the field; empty if such a message passes."""
    try:
        # A validator knows messages by name, and must not know this one from another version.
        violations = protovalidate.Validator().collect_violations(contracts.new(message))
    except Exception as error:  # noqa: BLE001 # a rule that does not compile is refused, whatever is wrong with it
        return f"does not compile: {error}"
    for violation in violations:
        path = violation.proto.field
        if path and path.elements and path.elements[0].field_name == field.name:
            return str(violation.proto.rule_id)
    return ""


def _compare(subject: str, before: Rules, after: Rules) -> list[RuleChange]:
    # An `ignore` that goes brings a rule back.
    return [
        RuleChange(
            subject,
            rule,
            before.get(rule),
            after.get(rule),
            _tightens(rule, before.get(rule), after.get(rule)),
        )
        for rule in sorted(before.keys() | after.keys())
        if before.get(rule) != after.get(rule) and rule.rpartition(".")[2] not in UNCHECKED
    ]


def _tightens(rule: str, before: Any, after: Any) -> bool:  # noqa: ANN401 # values of every rule
    name = rule.rpartition(".")[2]
    if name == "ignore":
        return after is None or before is not None
    if after is None or after is False:
        return False
    if before is None:
        return True
    if name in UPPER and not isinstance(after, Message):
        return bool(after < before)
    if name in LOWER and not isinstance(after, Message):
        return bool(after > before)
    if name == "in":
        return not set(before) <= set(after)
    if name == "not_in":
        return not set(after) <= set(before)
    return True


def _rules(contracts: Contracts, of: Any, kind: str) -> Rules:  # noqa: ANN401 # a message, field or oneof
    option = contracts.option(of, f"buf.validate.{kind}")
    return dict(_flat(option, "")) if option is not None else {}


def _flat(rules: Message, prefix: str) -> Iterator[tuple[str, Any]]:
    for field, value in rules.ListFields():
        path = f"{prefix}{field.name}"
        if field.name in ("cel", "cel_expression"):
            # Each expression is a rule of its own, whatever its place.
            yield from ((f"{path}[{getattr(one, 'expression', one)}]", True) for one in value)
        elif field.is_repeated:
            # Values of `in` are compared as a set; messages in a list, such as a oneof's, as text.
            yield path, tuple(str(one) if isinstance(one, Message) else one for one in value)
        elif field.message_type and not field.message_type.file.name.startswith("google/"):
            yield from _flat(value, f"{path}.")
        else:
            yield path, value


def _shown(value: object) -> str:
    return str(value).strip() if not isinstance(value, str) else repr(value)

"""Sums: what the parts of a row come to (`parts` in the contract's options of views)."""

from collections.abc import Sequence
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from kernel.contract import View

NUMBERS = {
    FieldDescriptor.CPPTYPE_INT32,
    FieldDescriptor.CPPTYPE_INT64,
    FieldDescriptor.CPPTYPE_UINT32,
    FieldDescriptor.CPPTYPE_UINT64,
    FieldDescriptor.CPPTYPE_DOUBLE,
    FieldDescriptor.CPPTYPE_FLOAT,
}


def whole_key(view: View, key: str) -> str:
    """The key of the row that a stored row is a part of: its own in a view without parts."""
    return key.partition("~")[0] if view.parts else key


def summed(parts: Sequence[Message]) -> Message:
    """The sum of parts; the part itself, if it is one."""
    total, *others = parts
    for part in others:
        _add(total, part)
    return total


def _add(total: Message, part: Message) -> None:
    for field, value in part.ListFields():
        if field.is_repeated:
            _add_items(getattr(total, field.name), value)
        elif field.message_type:
            _add(getattr(total, field.name), value)
        elif field.cpp_type in NUMBERS:
            setattr(total, field.name, getattr(total, field.name) + value)
        else:
            setattr(total, field.name, value)


def _add_items(items: Any, more: Sequence[Message]) -> None:  # noqa: ANN401 # a repeated field of messages
    """Adds items to those with the same first field, and sorts them by it."""
    by_name = {_name(item): item for item in items}
    for item in more:
        if known := by_name.get(_name(item)):
            _add(known, item)
        else:
            by_name[_name(item)] = item
    merged = [by_name[name] for name in sorted(by_name)]
    # Copies, for emptying the list takes what is in it along.
    kept = [type(item).FromString(item.SerializeToString()) for item in merged]
    del items[:]
    items.extend(kept)


def _name(item: Message) -> str:
    return str(getattr(item, item.DESCRIPTOR.fields[0].name))

"""A stored event to read, where nobody gave one: every field set, and no two numbers alike.

Better bytes come from a real stream: put them into the event's folder before the release, and they are kept.
"""

from collections.abc import Iterator
from itertools import count
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from dev.schema.contracts import Contracts

# 2026-01-02T03:04:05Z.
SECONDS = 1767323045
# Fields of which not every string is one.
WORDS = {"currency": "EUR"}
# Recursive messages end here.
DEEPEST = 4


def sample(contracts: Contracts, message: Descriptor) -> bytes:
    """The bytes of a message with every field set, the same ones every time; of a oneof, the last."""
    made = contracts.new(message)
    _fill(made, count(101), 0)
    return made.SerializeToString(deterministic=True)


def _fill(message: Message, numbers: Iterator[int], depth: int) -> None:
    if message.DESCRIPTOR.full_name in ("google.protobuf.Timestamp", "google.protobuf.Duration"):
        message.seconds = SECONDS + next(numbers)  # type: ignore[attr-defined] # both have it
        return
    for field in message.DESCRIPTOR.fields:
        value: Any = getattr(message, field.name)
        if field.message_type and depth == DEEPEST:
            continue
        if field.message_type and field.message_type.GetOptions().map_entry:
            _fill_map(value, field.message_type, numbers, depth)
        elif field.message_type and field.is_repeated:
            for _ in range(2):
                _fill(value.add(), numbers, depth + 1)
        elif field.message_type:
            _fill(value, numbers, depth + 1)
        elif field.is_repeated:
            value.extend([_value(field, numbers), _value(field, numbers)])
        else:
            setattr(message, field.name, _value(field, numbers))


def _fill_map(entries: Any, entry: Any, numbers: Iterator[int], depth: int) -> None:  # noqa: ANN401 # a map has no public type
    key, value = _value(entry.fields_by_name["key"], numbers), entry.fields_by_name["value"]
    if value.message_type:
        _fill(entries[key], numbers, depth + 1)
    else:
        entries[key] = _value(value, numbers)


def _value(field: Any, numbers: Iterator[int]) -> Any:  # noqa: ANN401 # the stubs have two types of a field; a value of its type
    if field.enum_type:
        return field.enum_type.values[-1].number
    if field.type == FieldDescriptor.TYPE_BYTES:
        return field.name.encode()
    if field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        return WORDS.get(field.name, field.name.replace("_", "-"))
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        return True
    if field.cpp_type in (FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT):
        return next(numbers) + 0.5
    return next(numbers)

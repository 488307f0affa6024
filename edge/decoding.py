"""JSON as messages: strict, and every refusal is the client's to mend."""

import json
import re
from functools import cache
from typing import Any, NoReturn

from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message

from edge.descriptors import descriptor_of
from edge.problems import malformed

MAX_DEPTH = 32
MAX_DETAIL_CHARS = 300
_FIELD_IN_FIELD = re.compile(r"Failed to parse (\w+) field: ")
_UNKNOWN_FIELD = re.compile('has no field named "(.*?)" at ', re.DOTALL)


def load_json(body: bytes) -> Any:  # noqa: ANN401 JSON is any value
    """The JSON value. A malformed Problem for what is not JSON, or names a member twice."""
    try:
        return json.loads(body.decode(), object_pairs_hook=_once, parse_constant=_no_constant)
    except RecursionError:
        raise malformed("the JSON is nested too deeply") from None
    except UnicodeDecodeError:
        raise malformed("the body is not UTF-8") from None
    except ValueError as error:
        raise malformed(f"the body is not JSON: {_brief(error)}") from None


def load_object(body: bytes) -> dict[str, Any]:
    """The JSON object. A malformed Problem for anything else."""
    value = load_json(body)
    if not isinstance(value, dict):
        raise malformed("the body must be a JSON object")
    return value


def fill_message(message: Message, value: object) -> None:
    """Sets the message's fields from a JSON object. A malformed Problem if one does not fit."""
    if not isinstance(value, dict):
        raise malformed("the body must be a JSON object")
    try:
        _check_shape(descriptor_of(message), value)
        json_format.ParseDict(value, message, max_recursion_depth=MAX_DEPTH)
    except json_format.ParseError as error:
        unknown = _UNKNOWN_FIELD.search(str(error))
        raise malformed(f"unknown field: {_printed(unknown[1])}" if unknown else _misfit(error)) from None
    except (ValueError, TypeError, AttributeError, RecursionError, OverflowError, SystemError):
        # What json_format lets through: lone surrogates, as names too, and numbers past every limit.
        raise malformed("a value does not fit its field") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("an object names a member twice")
    return members


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _check_shape(descriptor: Descriptor, value: dict[str, Any]) -> None:
    """Refuses what json_format would take: a field in both of its spellings, an empty list as an object."""
    spelled_twice, nested = _spellings(descriptor)
    for names in spelled_twice:
        if names[0] in value and names[1] in value:
            raise ValueError(names[0])
    for name, inner, repeated in nested:
        below = value.get(name)
        if isinstance(below, list) != repeated and below is not None:
            raise ValueError(name)
        for item in below if repeated and below else (below,):
            if isinstance(item, dict):
                _check_shape(inner, item)


@cache
def _spellings(descriptor: Descriptor) -> tuple[list[tuple[str, str]], list[tuple[str, Descriptor, bool]]]:
    """The fields with two spellings; and those that hold messages, by each spelling, and if repeated."""
    twins = [(field.name, field.json_name) for field in descriptor.fields if field.name != field.json_name]
    nested = [
        (name, field.message_type, field.is_repeated)
        for field in descriptor.fields
        if field.message_type and not field.message_type.GetOptions().map_entry
        for name in {field.name, field.json_name}
    ]
    return twins, nested


def _misfit(error: json_format.ParseError) -> str:
    """Which field's value cannot be read. Not what json_format says of it, which repeats the value."""
    path, end = [], 0
    while found := _FIELD_IN_FIELD.match(str(error), end):
        path.append(found[1])
        end = found.end()
    return (
        f"the value of {'.'.join(path)} does not fit its field" if path else "a value does not fit its field"
    )


def _printed(name: str) -> str:
    """A name as a client sent it: half a character is none, and no answer can carry it."""
    return name[:60].encode(errors="backslashreplace").decode()


def _brief(error: Exception) -> str:
    """The first line of an error that json worded for people; it repeats nothing of the text."""
    return str(error).partition("\n")[0][:MAX_DETAIL_CHARS]

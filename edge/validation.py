"""The rules in the contracts, checked before anything is queued or read."""

import re
from collections.abc import Iterable
from functools import cache

import protovalidate
from google.protobuf.message import Message
from protovalidate import FieldPathElementPb

from edge.problems import invalid

_FAILED_RULE = re.compile(r"error evaluating ([\w.]+)")
_UNDERSCORE = re.compile(r"_([a-z0-9])")


def check(message: Message) -> None:
    """Returns if the message keeps its rules; else raises a Problem that lists what it breaks."""
    violations = violations_of(message)
    if violations:
        raise invalid(violations)


def violations_of(message: Message) -> list[dict[str, str]]:
    """Each broken rule as `{field, rule, message}`; the field as the client spells it."""
    try:
        return [
            {
                "field": _path(found.field.elements) if found.field else "",
                "rule": found.rule_id,
                "message": found.message,
            }
            for found in (violation.proto for violation in _validator().collect_violations(message))
        ]
    except protovalidate.EvaluationError as error:
        # A rule came upon a value that it cannot compute with, as the 31st of February.
        rule = _FAILED_RULE.match(str(error))
        return [{"field": "", "rule": rule[1] if rule else "value", "message": "a value is out of its range"}]


def warm(message: Message) -> None:
    """Compiles the rules of a message's type, so that no request waits for it."""
    violations_of(message)


@cache
def _validator() -> protovalidate.Validator:
    return protovalidate.Validator()


def _path(elements: Iterable[FieldPathElementPb]) -> str:
    """The field as the client spells it: `lines[2].unitPrice`."""
    return ".".join(
        _UNDERSCORE.sub(lambda match: match[1].upper(), element.field_name)
        + (f"[{element.subscript.value}]" if element.subscript else "")
        for element in elements
    )

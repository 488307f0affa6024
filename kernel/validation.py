"""The rules in the contracts, checked wherever a message comes in: at the edge, and again behind the queue."""

import re
from collections.abc import Iterable
from functools import cache

import protovalidate
from google.protobuf.message import Message
from protovalidate import FieldPathElementPb

_FAILED_RULE = re.compile(r"error evaluating ([\w.]+)")
_UNDERSCORE = re.compile(r"_([a-z0-9])")


def violations_of(message: Message) -> list[dict[str, str]]:
    """Each broken rule as `{field, rule, message}`; the field as clients spell it."""
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


def told(violations: list[dict[str, str]]) -> str:
    """The first of them in a sentence."""
    return "; ".join(f"{item['field'] or 'request'}: {item['message']}" for item in violations[:3])


def warm(message: Message) -> None:
    """Compiles the rules of a message's type, so that nobody waits for it."""
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

"""Messages as JSON Schema: what a request may hold, and what an answer holds.

The two differ: a request names what it must give and takes 64-bit numbers as numbers too; an answer
always has every field that cannot be absent, and such numbers are texts.
"""

import re
from collections.abc import Collection
from typing import Any

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor, MethodDescriptor

from buf.validate import validate_pb2
from edge.openapi.comments import comment

Schema = dict[str, Any]

WELL_KNOWN: dict[str, Schema] = {"google.protobuf.Timestamp": {"type": "string", "format": "date-time"}}
_TYPES: dict[int, Schema] = {
    FieldDescriptor.TYPE_STRING: {"type": "string"},
    FieldDescriptor.TYPE_BOOL: {"type": "boolean"},
    FieldDescriptor.TYPE_INT32: {"type": "integer", "format": "int32"},
    FieldDescriptor.TYPE_UINT32: {"type": "integer", "format": "int32", "minimum": 0},
    FieldDescriptor.TYPE_BYTES: {"type": "string", "contentEncoding": "base64"},
    FieldDescriptor.TYPE_DOUBLE: {"type": "number", "format": "double"},
}
_ABOVE_ZERO = re.compile(r"this\.(\w+) > 0")
_DATE = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
_LONG = {FieldDescriptor.TYPE_INT64, FieldDescriptor.TYPE_UINT64}


class Schemas:
    """Gathers the schemas that an API's description refers to, in `components`."""

    def __init__(self) -> None:
        self.components: dict[str, Schema] = {}

    def answer(self, descriptor: Descriptor) -> Schema:
        """A reference to what an answer of this type holds."""
        if descriptor.full_name in WELL_KNOWN:
            return WELL_KNOWN[descriptor.full_name]
        name = descriptor.name
        if name not in self.components:
            self.components[name] = schema = _object(descriptor)
            schema["properties"] = {f.json_name: self._field(f, request=False) for f in descriptor.fields}
            schema["required"] = [f.json_name for f in descriptor.fields if not f.has_presence]
        return {"$ref": f"#/components/schemas/{name}"}

    def request(self, descriptor: Descriptor, suffix: str = "Input", without: Collection[str] = ()) -> Schema:
        """A reference to what a request of this type may hold, but for the fields that its path has."""
        name = descriptor.name + suffix
        if name not in self.components:
            fields = [field for field in descriptor.fields if field.name not in without]
            self.components[name] = schema = _object(descriptor)
            schema["properties"] = {
                f.json_name: self._field(f, request=True)
                if is_required(f)
                else _or_null(self._field(f, request=True))
                for f in fields
            }
            schema["additionalProperties"] = False
            if required := [f.json_name for f in fields if is_required(f)]:
                schema["required"] = required
        return {"$ref": f"#/components/schemas/{name}"}

    def parameter(self, field: FieldDescriptor) -> Schema:
        """What a parameter in a path or a query string may hold."""
        schema = self._field(field, request=True)
        schema.pop("description", None)
        return schema

    def _field(self, field: FieldDescriptor, *, request: bool) -> Schema:
        schema = self._value(field, request=request)
        if field.is_repeated:
            schema = {"type": "array", "items": schema}
        elif request:
            schema = self._above_zero(field, schema) | constraints(field)
            if field.type in _LONG:
                schema["pattern"] = _digits(schema)
        if text := describe(field):
            schema = schema | {"description": text}
        return schema | deprecation(field)

    def _above_zero(self, field: FieldDescriptor, schema: Schema) -> Schema:
        """The one rule over a message's field that a schema can state: `this.minor_units > 0`."""
        matches = [_ABOVE_ZERO.fullmatch(rule.expression) for rule in _rules(field).cel]
        inner = [
            field.message_type.fields_by_name[match[1]] for match in matches if match and field.message_type
        ]
        if not inner:
            return schema
        limited = self._field(inner[0], request=True) | {"minimum": 1}
        limited["pattern"] = _digits(limited)
        name, whole = inner[0].json_name, self.components[schema["$ref"].rpartition("/")[2]]
        return whole | {
            "required": sorted({*whole.get("required", ()), name}),
            "properties": whole["properties"] | {name: limited},
        }

    def _value(self, field: FieldDescriptor, *, request: bool) -> Schema:
        if field.message_type:
            inner = field.message_type
            return (
                self.request(inner) if request and inner.full_name not in WELL_KNOWN else self.answer(inner)
            )
        if field.enum_type:
            return {"type": "string", "enum": enum_names(field.enum_type)}
        if field.type in _LONG:
            return {"type": ["string", "integer"] if request else "string", "format": "int64"}
        return dict(_TYPES[field.type])


def _or_null(schema: Schema) -> Schema:
    """The schema of what may be absent: in JSON of protobuf, null says just that."""
    if "type" not in schema:
        return {"anyOf": [schema, {"type": "null"}]}
    types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    return schema | {"type": [*types, "null"]}


def enum_names(enum: EnumDescriptor) -> list[str]:
    """The values that an enum has in answers: the zero is nobody's."""
    return [value.name for value in enum.values if value.number]


def deprecation(of: FieldDescriptor | MethodDescriptor) -> Schema:
    """Says of what the contract calls deprecated that it will go."""
    return {"deprecated": True} if of.GetOptions().deprecated else {}


def describe(field: FieldDescriptor) -> str:
    """The field's comment, and its rules that no schema can state."""
    rules = _rules(field)
    texts = [comment(field.full_name), *(_sentence(rule.message) for rule in rules.cel)]
    return " ".join(text for text in texts if text)


def message_rules(descriptor: Descriptor) -> list[str]:
    """The rules over several fields of a message."""
    options: Any = descriptor.GetOptions().Extensions[validate_pb2.message]  # type: ignore[index] # the stubs want the extension's exact type
    return [_sentence(rule.message) for rule in options.cel]


def constraints(field: FieldDescriptor) -> Schema:
    """The field's rules that a schema can state."""
    rules = _rules(field)
    found: Schema = {}
    if rules.HasField("string"):
        found |= _present(rules.string, pattern="pattern", min_len="minLength", max_len="maxLength")
    for kind in ("int32", "uint32", "int64"):
        if rules.HasField(kind):
            found |= _present(getattr(rules, kind), gte="minimum", lte="maximum", gt="exclusiveMinimum")
    if found.get("pattern") == _DATE:
        found["format"] = "date"
    return found


def _digits(limits: Schema) -> str:
    """The same limits for a long number that is written as a text."""
    least, most = limits.get("minimum", -1), str(limits.get("maximum", ""))
    places = len(most) - 1 if re.fullmatch("10+", most) else 18
    digits = (
        f"[1-9][0-9]{{0,{places - 1}}}" if least > 0 else f"{'' if least == 0 else '-?'}[0-9]{{1,{places}}}"
    )
    return f"^({digits}|{most})$" if places < 18 else f"^{digits}$"


def is_required(field: FieldDescriptor) -> bool:
    """Whether a request without the field breaks a rule."""
    rules = _rules(field)
    if rules.required:
        return True
    if field.has_presence:
        return False
    found = constraints(field)
    return (
        found.get("minLength", 0) > 0
        or found.get("minimum", 0) > 0
        or found.get("exclusiveMinimum", -1) >= 0
        or ("pattern" in found and not re.search(found["pattern"], ""))
    )


def _object(descriptor: Descriptor) -> Schema:
    schema: Schema = {"type": "object"}
    if text := comment(descriptor.full_name):
        schema["description"] = text
    return schema


def _rules(field: FieldDescriptor) -> Any:  # noqa: ANN401 generated classes have no types here
    return field.GetOptions().Extensions[validate_pb2.field]  # type: ignore[index] # the stubs want the extension's exact type


def _present(rules: Any, **names: str) -> Schema:  # noqa: ANN401 the same
    return {ours: getattr(rules, theirs) for theirs, ours in names.items() if rules.HasField(theirs)}


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + "."

"""Comparing: the fields in which a stored row and what the events say of it differ."""

from collections.abc import Iterator
from typing import Any

import msgspec

from kernel.encoding import to_document
from prism.admin.v1.projections_pb2 import FieldDifference
from projector_svc.rows import LiveRow

MAX_FIELDS = 100
# The path of a difference that no field shows: bytes that mean the same, or that today's contract cannot read.
ENCODING = "(encoding)"


def differences(live: LiveRow | None, rebuilt: LiveRow | None) -> list[FieldDifference]:
    """The fields that differ, at most MAX_FIELDS; all there are where one of the rows is missing."""
    ours, theirs = fields_of(live), fields_of(rebuilt)
    found = [
        FieldDifference(path=path, live=ours.get(path, ""), rebuilt=theirs.get(path, ""))
        for path in [*ours, *(path for path in theirs if path not in ours)]
        if ours.get(path) != theirs.get(path)
    ]
    return found[:MAX_FIELDS] or [FieldDifference(path=ENCODING)]


def fields_of(row: LiveRow | None) -> dict[str, str]:
    """Every leaf of a row as JSON, by its path."""
    if row is None:
        return {}
    fields = {path: msgspec.json.encode(value).decode() for path, value in _leaves("", to_document(row.view))}
    for stream, (version, number) in sorted(row.progress.items()):
        fields[f"progress[{stream}]"] = str(version)
        fields[f"progress[{stream}].number"] = str(number)
    return fields


def _leaves(path: str, value: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 # any JSON
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _leaves(f"{path}.{name}" if path else name, item)
    elif isinstance(value, list):
        for place, item in enumerate(value):
            yield from _leaves(f"{path}[{place}]", item)
    else:
        yield path, value

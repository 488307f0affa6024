"""Commands and events as the admin plane opens them."""

from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from prism.admin.v1.decoded_pb2 import Decoded
from prismctl.output import as_dict, clean, day_and_time, indented, parsed, pretty, short


def document(item: Decoded) -> dict[str, Any]:
    """For programs: the envelope, `data` opened where it decodes and in base64 where not."""
    opened = as_dict(item.envelope)
    if item.json:
        opened["data"] = parsed(item.json)
    if item.problem:
        opened["problem"] = item.problem
    return opened


def drawn(item: Decoded) -> RenderableType:
    """For people: what it is, who sent it, and its fields."""
    envelope = item.envelope
    facts = [
        ("id", envelope.id),
        ("stream", envelope.stream),
        ("by", envelope.subject),
        ("follows", envelope.causation_id),
        ("trace", envelope.traceparent),
    ]
    lines = [Text(f"{name:8} {clean(value)}") for name, value in facts if value]
    if envelope.HasField("time"):
        lines.append(Text(f"{'time':8} {day_and_time(envelope.time)}"))
    if envelope.HasField("expected_version"):
        lines.append(Text(f"{'if at':8} version {envelope.expected_version}"))
    if item.json:
        lines.append(Text(pretty(item.json), "cyan"))
    if item.problem:
        size = len(envelope.data)
        lines.append(Text(f"does not decode: {clean(item.problem)} ({size} bytes)", "red"))
    title = Text.assemble((short(envelope.type) or "no type", "bold"), f"  {clean(envelope.type)}")
    return Group(title, indented(*lines))

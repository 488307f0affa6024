"""W3C trace context, as envelopes carry it: `00-<trace id>-<span id>-<flags>`."""

import os
import random
import re
from collections.abc import Mapping
from typing import Literal

_TRACEPARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")

# Of a span.
Attributes = Mapping[str, str | int | float | bool]
Kind = Literal["SERVER", "CONSUMER", "PRODUCER"]


def is_traceparent(text: str) -> bool:
    """Whether a text is a trace context."""
    return _TRACEPARENT.fullmatch(text) is not None


def trace_of(header: str | None) -> str:
    """A request's trace context if it is one, else a new one."""
    if header and is_traceparent(header):
        return header
    drawn = os.urandom(24).hex()
    return f"00-{drawn[:32]}-{drawn[32:]}-01"


def trace_id_of(traceparent: str) -> str:
    """The trace's id; empty for no context."""
    return traceparent[3:35]


def is_sampled(traceparent: str) -> bool:
    """Whether whoever began the trace wants its spans."""
    return is_traceparent(traceparent) and int(traceparent[53:], 16) & 1 == 1


def next_span(traceparent: str) -> str:
    """The context of a new span under this one."""
    return f"{traceparent[:36]}{random.getrandbits(64) or 1:016x}{traceparent[52:]}"

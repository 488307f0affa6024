"""What is printed: tables for people, JSON for programs, and how times, spans and sizes read."""

import json
import os
import sys
import unicodedata
from datetime import UTC, datetime
from typing import Any

from google.protobuf.duration_pb2 import Duration
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

# Nobody knows how wide a pipe is: nothing is broken into lines there.
PIPE_WIDTH = 240
UNKNOWN = "-"


class Output:
    """Where a command prints: results on stdout, notes on stderr. With `as_json` stdout has JSON alone."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json
        self.console = _console(sys.stdout)
        self._errors = _console(sys.stderr)

    @property
    def is_terminal(self) -> bool:
        """True where people watch: bars may move."""
        return self.console.is_terminal

    def print(self, *things: RenderableType) -> None:
        """Prints for people: nothing where JSON is wanted. Text is taken as it is, without markup."""
        if not self.as_json:
            for thing in things or ("",):
                # A sentence is copied from, and longer than a line: the terminal breaks it, we don't.
                self.console.print(thing, soft_wrap=isinstance(thing, str))

    def document(self, document: object) -> None:
        """Prints the one JSON document of a command; nothing where it was not asked for."""
        if self.as_json:
            sys.stdout.write(json.dumps(document, indent=2) + "\n")
            sys.stdout.flush()

    def line(self, document: object) -> None:
        """Prints one of many JSON documents, on a line of its own."""
        if self.as_json:
            sys.stdout.write(json.dumps(document) + "\n")
            sys.stdout.flush()

    def note(self, text: str) -> None:
        """Tells what is beside the answer."""
        self._errors.print(Text(clean(text), "yellow"), soft_wrap=True)


def _console(file: Any) -> Console:  # noqa: ANN401 # whichever stream it is
    width = None if file.isatty() or os.environ.get("COLUMNS") else PIPE_WIDTH
    return Console(file=file, width=width, markup=False, highlight=False, emoji=False)


def plain_table(*columns: str, **options: Any) -> Table:  # noqa: ANN401 # rich's own
    """A table without lines, for narrow terminals. A column `>name` is a number's."""
    table = Table(box=None, header_style="dim", pad_edge=False, padding=(0, 2, 0, 0), **options)
    for name in columns:
        numeric = name.startswith(">")
        table.add_column(name.lstrip(">"), justify="right" if numeric else "left", overflow="fold")
    return table


def indented(*things: RenderableType, by: int = 2) -> Padding:
    """Things below each other, set in from the left."""
    return Padding(Group(*things), (0, 0, 0, by), expand=False)


def clean(text: str) -> str:
    """The text on one line, harmless to a terminal: what it cannot show is shown as an escape.

    Names, reasons and events come from anybody, and a terminal obeys control characters.
    """
    return "".join(_escaped(char) if unicodedata.category(char)[0] == "C" else char for char in text)


def clean_lines(text: str) -> str:
    """The same, with its lines kept."""
    return "\n".join(clean(line) for line in text.split("\n"))


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode()


def as_dict(message: Message) -> dict[str, Any]:
    """A message in the proto3 JSON mapping, with fields that have their default."""
    return MessageToDict(message, always_print_fields_with_no_presence=True)


def parsed(text: str) -> Any:  # noqa: ANN401 # JSON
    """JSON as a value; the text itself if it is none, None for an empty one."""
    try:
        return json.loads(text) if text else None
    except ValueError:
        return text


def pretty(text: str) -> str:
    """JSON, indented; the text itself if it is none."""
    value = parsed(text)
    shown = text if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
    return clean_lines(shown)


def compact(text: str) -> str:
    """JSON on one line; the text itself if it is none, or empty."""
    value = parsed(text) if text else ""
    return clean(text if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def short(full_name: str) -> str:
    """`AddItemToCart` of `prism.cart.v1.AddItemToCart`."""
    return clean(full_name.rpartition(".")[2])


def seconds_of(duration: Duration) -> float:
    """A span in seconds."""
    return duration.seconds + duration.nanos / 1e9


def instant(timestamp: Timestamp) -> float:
    """A time in seconds since the epoch."""
    return timestamp.seconds + timestamp.nanos / 1e9


def day_and_time(timestamp: Timestamp) -> str:
    """`2026-11-23 15:04:05.123Z`."""
    return f"{_utc(timestamp):%Y-%m-%d} {clock(timestamp)}Z"


def clock(timestamp: Timestamp) -> str:
    """`15:04:05.123`, in UTC."""
    return f"{_utc(timestamp):%H:%M:%S}.{timestamp.nanos // 1_000_000:03}"


def _utc(timestamp: Timestamp) -> datetime:
    return datetime.fromtimestamp(timestamp.seconds, UTC)


def span(seconds: float) -> str:
    """`250ms`, `3.1s`, `12m`, `2h 3m`, `4d 1h`."""
    if seconds < 1:
        return f"{seconds * 1000:.0f}ms"
    if seconds < 10:
        return f"{seconds:.1f}s"
    if seconds < 60:
        return f"{seconds:.0f}s"
    minutes, hours, days = int(seconds // 60), int(seconds // 3600), int(seconds // 86400)
    if hours == 0:
        return f"{minutes}m" if minutes >= 10 else f"{minutes}m {int(seconds) % 60}s"
    return f"{hours}h {minutes % 60}m" if days == 0 else f"{days}d {hours % 24}h"


def size(count: int) -> str:
    """`61 MB`."""
    return f"{count / 1e6:.0f} MB" if count >= 1e6 else f"{count / 1e3:.0f} kB"


def counted(count: int, name: str) -> str:
    """`1 commit`, `2 commits`."""
    return f"{count} {name}{'' if count == 1 else 's'}"

"""Logs: one JSON object a line on stderr, or readable text where a person looks on.

    {"time":"2026-11-23T15:58:15.123Z","level":"INFO","service":"domain_svc","logger":"domain_svc.telemetry",
     "message":"decided","command_id":"…","stream":"cart-c1","trace_id":"…"}

What is said about a command has the same names in every service: `command_id`, `event_id`, `stream`,
`trace_id`. A worker handles batches, so one record can carry the fields of many lines:

    logger.info("decided", extra=each([{"command_id": …}, {"command_id": …}]))

which costs a fraction of a record a line. An exception is told by its type and frames. Its text may hold
what a client sent, so it is left out.
"""

import logging
import os
import re
import sys
import threading
import traceback
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from kernel.settings import Settings

Fields = dict[str, Any]
Style = Literal["json", "text"]

# What the system writes to a pipe in one piece, whoever else writes to it: lines of several processes
# are not mixed.
ATOMIC_BYTES = 4096
# Of a process that writes alone: a batch's lines at once, which halves what writing costs.
ALONE_BYTES = 65536
# The frames of an exception that are told: the outermost say how it came there, the innermost what failed.
MAX_FRAMES = 40
_FIELDS = "prism_fields"
# What would look like several lines, or like another field, on a terminal.
_PLAIN = re.compile(r'[^\s"=\x00-\x1f\x7f]+')
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def fields(**values: Any) -> dict[str, list[Fields]]:  # noqa: ANN401 # whatever JSON has
    """`extra` of a record that is one line with these fields."""
    return {_FIELDS: [values]}


def each(lines: Sequence[Fields]) -> dict[str, Sequence[Fields]]:
    """`extra` of a record that is a line for each of these sets of fields; none for none."""
    return {_FIELDS: lines}


def set_up(settings: Settings, service: str, *, alone: bool = False) -> None:
    """Sends everything that this process logs to stderr. A process that is forked off does the same.

    `alone`: none is, so lines need not be kept apart from another's.
    """
    style = settings.prism_log_format
    if style == "auto":
        style = "text" if sys.stderr.isatty() else "json"
    root = logging.getLogger()
    for handler in list(root.handlers):
        if isinstance(handler, LineHandler):
            root.removeHandler(handler)
    piece_bytes = ALONE_BYTES if alone else ATOMIC_BYTES
    root.addHandler(LineHandler(sys.stderr.fileno(), service, style, piece_bytes))
    root.setLevel(settings.prism_log_level)
    # The Azure SDK logs every request at INFO.
    logging.getLogger("azure").setLevel(logging.WARNING)
    logging.captureWarnings(True)
    sys.excepthook = _log_end
    threading.excepthook = _log_end_of_thread


class LineHandler(logging.Handler):
    """Writes records to a file descriptor, as lines. One that cannot be written is lost, and stops nothing."""

    def __init__(self, descriptor: int, service: str, style: Style, piece_bytes: int = ATOMIC_BYTES) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._piece_bytes = piece_bytes
        self._render = _Json(service).render if style == "json" else render_text

    def emit(self, record: logging.LogRecord) -> None:
        """Writes a record's lines, a piece of them at once."""
        try:
            lines = self._render(record)
        except Exception as error:  # noqa: BLE001 # a line that cannot be rendered must stop nobody's work
            lines = [f'{{"level":"ERROR","message":"unloggable: {type(error).__name__}"}}\n'.encode()]
        try:
            for piece in pieces(lines, self._piece_bytes):
                while piece:
                    piece = piece[os.write(self._descriptor, piece) :]
        except OSError:
            # Nobody reads any more, or the disk is full.
            return


def pieces(lines: Sequence[bytes], limit: int) -> list[bytes]:
    """The lines joined, in pieces of so many bytes at most; a longer line is one of its own."""
    joined: list[bytes] = []
    batch: list[bytes] = []
    size = 0
    for line in lines:
        if batch and size + len(line) > limit:
            joined.append(b"".join(batch))
            batch, size = [], 0
        batch.append(line)
        size += len(line)
    if batch:
        joined.append(b"".join(batch))
    return joined


class _Json:
    """Renders records as JSON. What all lines of a record share is encoded once."""

    def __init__(self, service: str) -> None:
        self._service = service
        self._encode = msgspec.json.Encoder(enc_hook=str).encode

    def render(self, record: logging.LogRecord) -> list[bytes]:
        shared: Fields = {
            "time": time_of(record),
            "level": record.levelname,
            "service": self._service,
            "logger": record.name,
            "message": _encodable(record.getMessage()),
        }
        if told := exception_of(record):
            shared["exception"] = told
        head = self._encode(shared)[:-1]
        sets = getattr(record, _FIELDS, None)
        if sets is None:
            return [head + b"}\n"]
        encode = self._encode
        return [head + b"," + encode(each)[1:] + b"\n" if each else head + b"}\n" for each in sets]


def render_text(record: logging.LogRecord) -> list[bytes]:
    """A record for people: time, level, message, fields; an exception's frames below."""
    head = f"{time_of(record)} {record.levelname:<7} {record.name}: {_CONTROL.sub(' ', record.getMessage())}"
    lines = []
    sets: Sequence[Fields] = getattr(record, _FIELDS, ({},))
    for item in sets:
        told = "".join(f" {name}={_readable(value)}" for name, value in item.items())
        lines.append(f"{head}{told}\n")
    if exception := exception_of(record):
        lines.append(_frames_of(exception))
    return [line.encode(errors="backslashreplace") for line in lines]


def time_of(record: logging.LogRecord) -> str:
    """When it happened: RFC 3339, UTC, to the millisecond."""
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def exception_of(record: logging.LogRecord) -> Fields | None:
    """The record's exception by its types and frames, without its text; None where there is none."""
    return told(record.exc_info[1]) if record.exc_info and record.exc_info[1] else None


def told(error: BaseException) -> Fields:
    """An exception as it may be logged: its type, its frames (innermost last), and what caused it."""
    frames = traceback.extract_tb(error.__traceback__)
    if len(frames) > MAX_FRAMES:
        frames = traceback.StackSummary.from_list([*frames[: MAX_FRAMES // 2], *frames[-MAX_FRAMES // 2 :]])
    described: Fields = {
        "type": type(error).__name__,
        "frames": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
    }
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None and cause is not error:
        # One step: more would say where the first came from, which its frames do.
        described["cause"] = type(cause).__name__
    return described


def _frames_of(exception: Fields) -> str:
    cause = f" (from {exception['cause']})" if "cause" in exception else ""
    return "".join(f"    {line}\n" for line in [*exception["frames"], exception["type"] + cause])


def _readable(value: object) -> str:
    text = value if isinstance(value, str) else _encode_value(value)
    return text if _PLAIN.fullmatch(text) else _encode_value(text)


def _encode_value(value: object) -> str:
    return msgspec.json.encode(value, enc_hook=str).decode()


def _encodable(text: str) -> str:
    """The text with what is no character (half of a pair) escaped."""
    return text.encode("utf-8", "backslashreplace").decode() if not text.isascii() else text


def _log_end(kind: type[BaseException], error: BaseException, _trace: object) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    logging.getLogger(__name__).critical(
        "the process ends: %s", kind.__name__, exc_info=(kind, error, error.__traceback__)
    )


def _log_end_of_thread(ended: threading.ExceptHookArgs) -> None:
    name = ended.thread.name if ended.thread else "?"
    error = ended.exc_value
    logging.getLogger(__name__).critical(
        "a thread ends: %s: %s",
        name,
        ended.exc_type.__name__,
        exc_info=(type(error), error, error.__traceback__) if error else None,
    )

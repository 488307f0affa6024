"""What the ids and names of the system look like: what breaks these is none of ours."""

import re

_COMMAND_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_STREAM = re.compile(r"[a-z][a-z0-9_]*-[A-Za-z0-9_-]{1,128}")
_TYPE = re.compile(r"[a-z][a-z0-9_]*(\.[A-Za-z][A-Za-z0-9_]*){1,15}")
MAX_TYPE_CHARS = 255


def is_command_id(text: str) -> bool:
    """Whether a text can be a command's id."""
    return _COMMAND_ID.fullmatch(text) is not None


def is_stream(text: str) -> bool:
    """Whether a text can name a stream, `<aggregate>-<id>`, of an aggregate known here or not."""
    return _STREAM.fullmatch(text) is not None


def is_type(text: str) -> bool:
    """Whether a text can be the full name of a message, known here or not."""
    return len(text) <= MAX_TYPE_CHARS and _TYPE.fullmatch(text) is not None

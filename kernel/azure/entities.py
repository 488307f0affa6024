"""How keys and bytes rest in an entity of Table Storage."""

from collections.abc import Mapping
from itertools import count, takewhile
from typing import Any

# A binary property holds up to 64 KiB.
PROPERTY_BYTES = 64 * 1024

# Keys must not contain / \ # ? or control characters, and % breaks some clients. `|` parts a key of
# ours in two. Each is written as the character before it and 1, and that one as itself and 0: so
# two keys are different, and in the same order, as the texts that they stand for.
ESCAPES = {}
for _forbidden in "#%/?\\|":
    _before = chr(ord(_forbidden) - 1)
    ESCAPES[_before], ESCAPES[_forbidden] = f"{_before}0", f"{_before}1"
# Table Storage orders keys by UTF-16 units, where the characters from U+E000 to U+FFFF come after
# those above U+FFFF. U+D7FF, which is no character yet, brings them before.
_LAST_BELOW = "\ud7ff"
ESCAPES[_LAST_BELOW] = f"{_LAST_BELOW}0"
ESCAPES |= {chr(code): f"{_LAST_BELOW}{chr(code)}" for code in range(0xE000, 0x10000)}
_TABLE = str.maketrans(ESCAPES)
_BACK = {escaped: character for character, escaped in ESCAPES.items()}
_LEADS = {escaped[0] for escaped in _BACK}


def encode(text: str) -> str:
    """The text as a key: injective, keeps the order of code points, at most 2 UTF-16 units a character."""
    return text.translate(_TABLE)


def decode(key: str) -> str:
    """The text of a key that `encode` made."""
    if _LEADS.isdisjoint(key):
        return key
    characters = iter(key)
    return "".join(_BACK[c + next(characters)] if c in _LEADS else c for c in characters)


def entity(partition: str, row: str, data: bytes) -> dict[str, Any]:
    """An entity that holds the data, spread over `d0`, `d1`, ... as its properties are small."""
    starts = range(0, max(len(data), 1), PROPERTY_BYTES)
    properties = {f"d{i}": data[start : start + PROPERTY_BYTES] for i, start in enumerate(starts)}
    return {"PartitionKey": partition, "RowKey": row, **properties}


def data_of(stored: Mapping[str, Any]) -> bytes:
    """The data of an entity that `entity` made."""
    names = takewhile(stored.__contains__, (f"d{i}" for i in count()))
    return b"".join(stored[name] for name in names)


def quoted(text: str) -> str:
    """The text as a literal of a query."""
    return "'" + text.replace("'", "''") + "'"

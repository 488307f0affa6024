"""Lists of rows: pages with opaque tokens, ranges, and the search by words."""

import base64
import hashlib
import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from edge.problems import malformed
from kernel.ports import Row, ViewStore

DEFAULT_SIZE = 20
READ_AT_ONCE = 500
CHECKSUM_BYTES = 6

Keep = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Range:
    """Rows of one partition, from `first` to `last`, both included; empty means no bound."""

    view: str
    partition: str
    first: str = ""
    last: str = ""

    def rows(self, views: ViewStore, after: str = "", read_at_once: int = READ_AT_ONCE) -> Iterator[Row]:
        """The rows above the key `after`, sorted by key, read as they are wanted."""
        while True:
            rows = views.page(
                self.view, self.partition, first=self.first, last=self.last, after=after, limit=read_at_once
            )
            yield from rows
            if len(rows) < read_at_once:
                return
            after = rows[-1].id.key


def write_token(key: str, scope: str) -> str:
    """The token of the page that follows a key. It is good for lists of the same scope alone."""
    data = key.encode()
    return base64.urlsafe_b64encode(_checksum(data, scope) + data).decode().rstrip("=")


def read_token(token: str, scope: str) -> str:
    """The key that the token's page follows. A malformed Problem for a token of no such list."""
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        checksum, data = raw[:CHECKSUM_BYTES], raw[CHECKSUM_BYTES:]
        if data and checksum == _checksum(data, scope):
            return data.decode()
    except ValueError:
        pass
    raise malformed("the page token is not one of this list")


def _checksum(data: bytes, scope: str) -> bytes:
    """Tells a token that was given from one that was made up; it protects nothing else."""
    return hashlib.blake2b(
        data, digest_size=CHECKSUM_BYTES, key=hashlib.sha256(scope.encode()).digest()
    ).digest()


def word_search(query: str) -> Keep | None:
    """Whether a text holds all words of the query as prefixes of its words; None for no words."""
    words = set(re.findall(r"\w+", _folded(query)))
    if not words:
        return None
    patterns = [re.compile(r"(?<!\w)" + re.escape(word)) for word in words]
    return lambda text: all(pattern.search(text) for pattern in patterns)


def folded_text(parts: list[str]) -> str:
    """The text of several fields as a search sees it."""
    return _folded("\n".join(parts))


def _folded(text: str) -> str:
    if text.isascii():
        return text.lower()
    # Composed and decomposed letters are the same to a reader, as are cases.
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())

"""Access: who asks for a stream, for which topics, and whether the token may see them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from flask import Request

from kernel.contract import Contract, Query, View, fill
from kernel.errors import StorageUnavailable
from kernel.generations import LiveNames
from kernel.issuer import KeysUnavailable
from kernel.ports import RowId, ViewStore
from kernel.tokens import SESSION_COOKIE, Caller, InvalidToken, NoToken, Tokens, caller_of
from prism.envelope.v1.envelope_pb2 import ViewRow
from stream_svc.items import ACTIVITY, COMMANDS
from stream_svc.problems import forbidden, malformed, unauthenticated, unavailable

MAX_TOPICS = 50
# The ids that clients choose, as the contract has them.
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)


def identify(request: Request, tokens: Tokens) -> Caller:
    """Who asks. A Problem (400, 401) for a token in the address, and for none that is valid.

    503 while nobody can tell whether it is.
    """
    if {"token", "access_token"} & set(request.args):
        raise malformed(
            "A token in an address ends up in logs: send it as `Authorization: Bearer`, or the cookie."
        )
    given = request.headers.get("Authorization") or f"Bearer {request.cookies.get(SESSION_COOKIE, '')}"
    try:
        return caller_of(given, tokens)
    except NoToken:
        if given.partition(" ")[0].lower() != "bearer":
            raise unauthenticated("The scheme of `Authorization` is `Bearer`.") from None
        raise unauthenticated(
            f"A token is needed: `Authorization: Bearer`, or the cookie `{SESSION_COOKIE}`."
        ) from None
    except InvalidToken as error:
        raise unauthenticated(f"The token is not valid: {error}") from None
    except KeysUnavailable:
        raise unavailable(
            "TOKEN_KEYS_UNAVAILABLE", "The keys of the token's issuer are out of reach."
        ) from None


@dataclass(frozen=True, slots=True)
class _Row:
    """The row of an owned view that a topic names."""

    view: View
    query: Query
    id: str

    def at(self, name: str) -> RowId:
        """Where it rests in a generation. The templates of such a query name nothing but the row's id."""
        partition = fill(self.query.partition, lambda _: self.id)
        return RowId(name, partition, fill(self.query.key, lambda _: self.id))


class Topics:
    """The topics of the contract's views (`cart/<id>`, `orders`), and `commands` and `activity`."""

    def __init__(self, contract: Contract, views: ViewStore) -> None:
        self._store = views
        self._live = LiveNames(views)
        templates = {template: view for view in contract.views.values() for template in view.topics}
        queries = {query.view.name: query for query in contract.queries.values() if query.key}
        self._names = {t for t in templates if "/" not in t} | {COMMANDS, ACTIVITY}
        # By the word before the id: the view, and the query that reads one row of it.
        self._rows = {
            template.partition("/")[0]: (view, queries[view.name])
            for template, view in templates.items()
            if "/" in template
        }

    def authorize(self, names: Sequence[str], caller: Caller) -> tuple[str, ...]:
        """The topics of a request, each once, all of which the caller may see. May read the view store.

        A Problem for none, for too many and for an unknown one (400), for one that the caller may
        not see (403), and when it cannot be found out (503). A row that does not exist yet may be
        asked for: whose it will be shows at delivery.
        """
        topics = tuple(dict.fromkeys(names))
        if not 0 < len(topics) <= MAX_TOPICS:
            raise malformed(f"A stream has 1 to {MAX_TOPICS} topics: `?topic=cart/c1&topic=orders`.")
        owned = [row for topic in topics if (row := self._parse(topic)) is not None]
        if ACTIVITY in topics and "operator" not in caller.roles:
            raise forbidden("`activity` is for operators.")
        for row in self._foreign(owned, caller.subject):
            raise forbidden(f"The {row.view.name} {row.id} is someone else's.")
        return topics

    def _parse(self, topic: str) -> _Row | None:
        """The owned row that a topic names; None for a topic that anyone with a token may have."""
        if topic in self._names:
            return None
        word, _, id_ = topic.partition("/")
        if word not in self._rows or not _ID.fullmatch(id_):
            raise malformed(f"There is no topic {topic[:80]!r}.")
        view, query = self._rows[word]
        return _Row(view, query, id_) if view.owner_field else None

    def _foreign(self, rows: Sequence[_Row], subject: str) -> list[_Row]:
        """Those of the rows that have another owner."""
        if not rows:
            return []
        try:
            found = self._store.get([row.at(self._live.of(row.view.name)) for row in rows])
        except StorageUnavailable:
            raise unavailable("STORAGE_UNAVAILABLE", "Storage is out of reach for now.") from None
        return [
            row
            for row, stored in zip(rows, found, strict=True)
            if stored is not None and _owner(row.view, stored.data) != subject
        ]


def _owner(view: View, stored: bytes) -> str:
    owner: str = getattr(view.message.FromString(ViewRow.FromString(stored).data), view.owner_field)
    return owner

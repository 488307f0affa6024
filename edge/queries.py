"""The queries' routes: rows of views as JSON."""

import hashlib
import logging
from collections.abc import Callable
from itertools import groupby

import msgspec
from flask import Flask, Response
from google.protobuf.message import Message

from edge.callers import caller_of_request, require_role
from edge.commands import flask_rule
from edge.descriptors import descriptor_of
from edge.headers import none_match
from edge.memory import Memory
from edge.pages import DEFAULT_SIZE, READ_AT_ONCE, Range, folded_text, read_token, word_search, write_token
from edge.parameters import Parameters
from edge.problems import NOT_FOUND, Problem, check
from edge.sums import summed, whole_key
from kernel.contract import Contract, Query, View, fill
from kernel.encoding import to_document
from kernel.errors import Poison
from kernel.generations import LiveNames
from kernel.ports import Row, RowId, Storage
from kernel.stored import read_row
from kernel.tokens import Tokens
from kernel.updates import UpdateLog

logger = logging.getLogger(__name__)

# The fields that a list's request and answer have, whatever they list.
PAGE_SIZE = "page_size"
PAGE_TOKEN = "page_token"  # noqa: S105 the field's name
NEXT_PAGE_TOKEN = "next_page_token"  # noqa: S105 the field's name
SEARCH = "query"


class Views:
    """Answers queries from stored views."""

    def __init__(self, storage: Storage, memory: Memory, namespace: str) -> None:
        self._views = storage.views
        self._live = LiveNames(storage.views)
        self._memory = memory
        self._log = UpdateLog(memory.quick, namespace)

    def cursor(self) -> str | None:
        """The place in the updates that views show at least, if read after this; None without Redis."""
        position = self._memory.ask(self._log.position)
        return str(position) if position else None

    def one(self, query: Query, message: Message, subject: str) -> tuple[Message, str]:
        """The row that a query names, and its entity tag. A not-found Problem where none is seen."""
        fill_in = values_of(message, subject)
        id_ = RowId(self._live.of(query.view.name), fill(query.partition, fill_in), fill(query.key, fill_in))
        [row] = self._views.get([id_])
        seen = visible(query.view, row, subject) if row else None
        if seen is None:
            raise Problem(NOT_FOUND, "there is no such thing, or not for you")
        return seen, entity_tag(seen)

    def many(self, query: Query, message: Message, subject: str) -> Message:
        """The page or the range of rows that a query asks for."""
        fill_in = values_of(message, subject)
        rows = Range(
            self._live.of(query.view.name),
            *(fill(template, fill_in) for template in (query.partition, query.first_key, query.last_key)),
        )
        if PAGE_TOKEN in query.message.DESCRIPTOR.fields_by_name:
            return self._page(query, message, rows, subject)
        answer = query.answer()
        # The parts of a row are neighbours.
        for _, parts in groupby(rows.rows(self._views), key=lambda row: whole_key(query.view, row.id.key)):
            found = (visible(query.view, row, subject) for row in parts)
            if items := [item for item in found if item is not None]:
                getattr(answer, query.list_field).append(summed(items))
        return answer

    def _page(self, query: Query, message: Message, rows: Range, subject: str) -> Message:
        text = getattr(message, SEARCH) if query.search_fields else ""
        scope = "\0".join((query.name, rows.partition, text))
        token = getattr(message, PAGE_TOKEN)
        after = read_token(token, scope) if token else ""
        size = getattr(message, PAGE_SIZE) if message.HasField(PAGE_SIZE) else DEFAULT_SIZE
        keep = word_search(text)
        answer = query.answer()
        items = getattr(answer, query.list_field)
        last_key = ""
        for row in rows.rows(self._views, after, size + 1 if keep is None else READ_AT_ONCE):
            item = visible_on_page(query.view, row, subject)
            if item is None or (keep and not keep(searched(query, item))):
                continue
            if len(items) == size:
                setattr(answer, NEXT_PAGE_TOKEN, write_token(last_key, scope))
                break
            items.append(item)
            last_key = row.id.key
        return answer


def add_queries(app: Flask, contract: Contract, tokens: Tokens, views: Views) -> None:
    """Adds a route for every query."""
    for query in contract.queries.values():
        rule = flask_rule(query.route)
        app.add_url_rule(
            rule, endpoint=query.name, view_func=query_view(query, tokens, views), methods=["GET"]
        )


def query_view(query: Query, tokens: Tokens, views: Views) -> Callable[..., Response]:
    """The view of one query's route."""
    parameters = Parameters(descriptor_of(query.message), query.route.fields)

    def view(**path: str) -> Response:
        subject = "" if query.public else subject_of_request(query, tokens)
        message = query.message()
        parameters.fill(message)
        for name, value in path.items():
            setattr(message, name, value)
        check(message)
        cursor = views.cursor()
        if query.key:
            found, etag = views.one(query, message, subject)
            answer = resource(query.view, found, etag)
        else:
            answer = respond(query.view, views.many(query, message, subject))
        if cursor:
            answer.headers["Prism-Stream-Cursor"] = cursor
        return answer

    return view


def subject_of_request(query: Query, tokens: Tokens) -> str:
    """Whoever asks, if they may."""
    caller = caller_of_request(tokens)
    require_role(caller, query.roles)
    return caller.subject


def resource(view: View, found: Message, etag: str) -> Response:
    """A single resource, or a 304 where the client has this state of it."""
    if none_match(etag):
        answer = Response(status=304)
        del answer.headers["Content-Type"]
        answer.headers["Cache-Control"] = caching(view)
    else:
        answer = respond(view, found)
    answer.headers["ETag"] = f'"{etag}"'
    return answer


def respond(view: View, message: Message) -> Response:
    """A message as an answer."""
    body = msgspec.json.encode(to_document(message))
    answer = Response(body, content_type="application/json")
    answer.headers["Cache-Control"] = caching(view)
    return answer


def caching(view: View) -> str:
    """What caches may do: a view of several aggregates can change under the same version."""
    return "no-store" if len(view.aggregates) > 1 else "private, no-cache"


def values_of(message: Message, subject: str) -> Callable[[str], object]:
    """What the templates of a query may name."""
    return lambda name: subject if name == "subject" else getattr(message, name)


def visible(view: View, row: Row, subject: str) -> Message | None:
    """The row's message; None for one that is not the asker's, or has nothing to show yet."""
    _, message = read_row(row, view.message)
    if view.owner_field and getattr(message, view.owner_field) != subject:
        return None
    # Fed by a secondary stream alone: its own stream has not begun.
    return None if getattr(message, "version", None) == 0 else message


def visible_on_page(view: View, row: Row, subject: str) -> Message | None:
    """The same; a row that cannot be read is left out of a page, for the others would be gone with it."""
    try:
        return visible(view, row, subject)
    except Poison as error:
        logger.error("left out of a list: %s", error)  # noqa: TRY400 # the text says it all
        return None


def entity_tag(message: Message) -> str:
    """The row's version; of a row without one, what tells its states apart."""
    version = getattr(message, "version", None)
    if version is not None:
        return str(version)
    return hashlib.blake2b(message.SerializeToString(deterministic=True), digest_size=8).hexdigest()


def searched(query: Query, item: Message) -> str:
    """The text of a row that a search looks at."""
    return folded_text([getattr(item, name) for name in query.search_fields])

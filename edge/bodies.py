"""Request bodies: bounded, and of one media type."""

from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

from flask import request
from gunicorn.http.errors import ParseException  # type: ignore[import-untyped] # gunicorn ships no types
from werkzeug.exceptions import ClientDisconnected

from edge.problems import PAYLOAD_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE, Problem, malformed

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

MAX_BYTES = 64 * 1024
MEDIA_TYPE = "application/json"
# What is read of a body that nobody wanted, so that its connection can be kept.
MAX_DISCARDED_BYTES = 4 * 1024 * 1024
DISCARDED_AT_ONCE = 64 * 1024


def read_body(limit: int = MAX_BYTES) -> bytes:
    """The body, at most `limit` bytes whether or not a length came with it; else a Problem."""
    if (request.content_length or 0) > limit:
        raise _too_large(limit)
    try:
        body = (
            request.get_data(cache=False) if request.content_length is not None else _read_chunks(limit + 1)
        )
    except (ClientDisconnected, ParseException, OSError):
        raise malformed("the body ends before it is complete") from None
    if len(body) > limit:
        raise _too_large(limit)
    return body


def _read_chunks(limit: int) -> bytes:
    """A body of no stated length, up to `limit` bytes of it."""
    if not request.environ.get("wsgi.input_terminated"):
        return b""
    return bytes(request.environ["wsgi.input"].read(limit))


def consumed(inner: "WSGIApplication") -> "WSGIApplication":
    """Reads what a refused request leaves of its body before its answer goes out.

    gunicorn promises to keep the connection and discards no more than 64 KiB: it would break that
    promise to a client that already sends its next request.
    """

    def outer(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        answer = inner(environ, start_response)
        body, left = environ["wsgi.input"], MAX_DISCARDED_BYTES
        # Cut off or malformed: gunicorn closes such a connection itself.
        with suppress(ParseException, OSError):
            while left > 0 and (part := body.read(DISCARDED_AT_ONCE)):
                left -= len(part)
        return answer

    return outer


def _too_large(limit: int) -> Problem:
    return Problem(PAYLOAD_TOO_LARGE, f"the body may have {limit} bytes")


def require_json() -> None:
    """Returns if the request says that its body is JSON; else a Problem."""
    if request.mimetype != MEDIA_TYPE:
        raise Problem(UNSUPPORTED_MEDIA_TYPE, f"the body must be {MEDIA_TYPE}")


def json_body(limit: int = MAX_BYTES, *, may_be_empty: bool = False) -> bytes:
    """The JSON text of the request, unparsed; `{}` where the body may be empty and is."""
    body = read_body(limit)
    if not body and may_be_empty and request.mimetype in ("", MEDIA_TYPE):
        return b"{}"
    require_json()
    return body

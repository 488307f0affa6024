"""Request bodies: bounded, and of one media type."""

from flask import request
from gunicorn.http.errors import ParseException  # type: ignore[import-untyped] # gunicorn ships no types
from werkzeug.exceptions import ClientDisconnected

from edge.problems import PAYLOAD_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE, Problem, malformed

MAX_BYTES = 64 * 1024
MEDIA_TYPE = "application/json"


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

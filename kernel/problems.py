"""Problems as RFC 9457 has them: what every HTTP port of Prism answers for an error."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flask import Response

MEDIA_TYPE = "application/problem+json"


def document(status: int, code: str, detail: str, more: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """A problem as a JSON object. `code` is stable; `more` holds members of its own."""
    return {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": int(status),
        "detail": detail,
        "code": code,
        **(more or {}),
    }


def response(
    status: int,
    code: str,
    detail: str,
    more: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> "Response":
    """A problem as a Flask application answers it."""
    # A worker that serves no HTTP but /metrics has no use for Flask.
    from flask import Response

    body = json.dumps(document(status, code, detail, more), separators=(",", ":"))
    answer = Response(body, int(status), content_type=MEDIA_TYPE)
    answer.headers.update(headers or {})
    answer.headers["Cache-Control"] = "no-store"
    return answer

"""The answers of operations, as the API's description states them."""

from collections.abc import Sequence
from typing import Any

from edge import problems
from edge.problems import Kind
from kernel.problems import MEDIA_TYPE

Json = dict[str, Any]


def ref(kind: str, name: str) -> Json:
    """A reference into `components`."""
    return {"$ref": f"#/components/{kind}/{name}"}


def header_refs(*names: str) -> Json:
    """References to answers' headers."""
    return {HEADER_NAMES[name]: ref("headers", name) for name in names}


def json_answer(status: int, description: str, schema: Json, *headers: str) -> Json:
    """One answer with a JSON body."""
    answer: Json = {"description": description, "content": {"application/json": {"schema": schema}}}
    if headers:
        answer["headers"] = header_refs(*headers)
    return {str(status): answer}


def problem_answers(*kinds: Kind, rejections: Sequence[str] = ()) -> Json:
    """The answers that these kinds of problems and a command's rejections make, by status."""
    statuses = sorted({int(kind.status) for kind in kinds} | ({409} if rejections else set()))
    return {
        str(status): _problem_answer(
            [kind for kind in kinds if kind.status == status], rejections if status == 409 else (), status
        )
        for status in statuses
    }


def _problem_answer(kinds: list[Kind], rejections: Sequence[str], status: int) -> Json:
    texts = [f"`{kind.code}`: {kind.meaning}" for kind in kinds]
    if rejections:
        named = ", ".join(f"`{code}`" for code in rejections)
        texts.append(f"Waited for, and rejected: {named}.")
    codes = [*(kind.code for kind in kinds), *rejections]
    schema = {"allOf": [ref("schemas", "Problem"), {"properties": {"code": {"enum": codes}}}]}
    answer: Json = {"description": " ".join(texts), "content": {MEDIA_TYPE: {"schema": schema}}}
    headers = [name for kind in kinds for name in PROBLEM_HEADERS.get(kind, ())]
    if rejections:
        headers.append("PreferenceApplied")
    if headers:
        answer["headers"] = header_refs(*headers)
    return answer


def answers_of_any(has_path_fields: bool) -> Json:
    """The answers that any operation may give: what HTTP itself forbids, and a path that is another route's."""
    statuses = [name for name in SHARED_ANSWERS if has_path_fields or name != "404"]
    return {status: ref("responses", status) for status in statuses}


def _text(description: str) -> Json:
    return {"description": description, "schema": {"type": "string"}}


PROBLEM_HEADERS = {
    problems.UNAUTHENTICATED: ("WWWAuthenticate",),
    problems.KEYS_UNAVAILABLE: ("RetryAfter",),
    problems.KEY_IN_FLIGHT: ("RetryAfter",),
    problems.RATE_LIMITED: ("RetryAfter",),
    problems.QUEUE_UNAVAILABLE: ("RetryAfter",),
    problems.BACKLOG_FULL: ("RetryAfter",),
    problems.ACCEPTANCE_UNKNOWN: ("RetryAfter",),
    problems.STORAGE_UNAVAILABLE: ("RetryAfter",),
}
HEADER_NAMES = {
    "ETag": "ETag",
    "Location": "Location",
    "PreferenceApplied": "Preference-Applied",
    "Replayed": "Idempotency-Replayed",
    "RetryAfter": "Retry-After",
    "SetCookie": "Set-Cookie",
    "StreamCursor": "Prism-Stream-Cursor",
    "WWWAuthenticate": "WWW-Authenticate",
}
HEADERS: Json = {
    "ETag": _text('The version that the view shows, as `"7"`.'),
    "Location": _text("Where to read what became of the command."),
    "PreferenceApplied": _text("`wait=N`, when the edge waited."),
    "Replayed": _text("`true`, when this request was accepted before."),
    "RetryAfter": _text("Seconds until a new try is worth it."),
    "SetCookie": _text("`prism_session`, HttpOnly and SameSite=Strict, for the event stream alone."),
    "StreamCursor": _text("Where the event stream goes on from this state. Absent: unknown."),
    "WWWAuthenticate": _text("`Bearer`."),
}

SHARED_ANSWERS = problem_answers(
    # An id with a slash in it, or none.
    problems.ROUTE_NOT_FOUND,
    problems.URI_TOO_LONG,
    problems.HEADERS_TOO_LARGE,
)

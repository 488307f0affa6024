"""Problems: every error that the edge answers, as RFC 9457 has it, each with a stable `code`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from flask import Response
from google.protobuf.message import Message

from kernel.problems import document, response
from kernel.validation import told, violations_of

# What a client waits before it tries again what storage or a doubled request refused.
RETRY_AFTER_S = 1


@dataclass(frozen=True)
class Kind:
    """A kind of problem: its code, its status, and what it tells, for the API's documentation."""

    code: str
    status: HTTPStatus
    meaning: str


MALFORMED_REQUEST = Kind(
    "MALFORMED_REQUEST",
    HTTPStatus.BAD_REQUEST,
    "The request cannot be read: bad JSON, an unknown field or parameter, a value of a wrong type, or a "
    "header that breaks its syntax.",
)
UNAUTHENTICATED = Kind("UNAUTHENTICATED", HTTPStatus.UNAUTHORIZED, "There is no token, or it is not valid.")
KEYS_UNAVAILABLE = Kind(
    "TOKEN_KEYS_UNAVAILABLE",
    HTTPStatus.SERVICE_UNAVAILABLE,
    "The keys of the token's issuer are out of reach, so nobody can say whether it is valid.",
)
FORBIDDEN = Kind("FORBIDDEN", HTTPStatus.FORBIDDEN, "The token has none of the roles that may do this.")
NOT_FOUND = Kind("NOT_FOUND", HTTPStatus.NOT_FOUND, "There is no such thing, or not for this caller.")
ROUTE_NOT_FOUND = Kind("ROUTE_NOT_FOUND", HTTPStatus.NOT_FOUND, "There is no such route.")
UNKNOWN_COMMAND = Kind("UNKNOWN_COMMAND", HTTPStatus.NOT_FOUND, "No command of this type can be sent.")
METHOD_NOT_ALLOWED = Kind(
    "METHOD_NOT_ALLOWED", HTTPStatus.METHOD_NOT_ALLOWED, "The route has other methods: see `Allow`."
)
KEY_IN_FLIGHT = Kind(
    "IDEMPOTENCY_KEY_IN_FLIGHT",
    HTTPStatus.CONFLICT,
    "The first request with this key is still being accepted; try again.",
)
PAYLOAD_TOO_LARGE = Kind(
    "PAYLOAD_TOO_LARGE", HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The body is over the limit."
)
UNSUPPORTED_MEDIA_TYPE = Kind(
    "UNSUPPORTED_MEDIA_TYPE", HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "The body must be application/json."
)
# Refused before any route is known: kernel.broken_http answers them.
URI_TOO_LONG = Kind(
    "MALFORMED_REQUEST", HTTPStatus.REQUEST_URI_TOO_LONG, "The path and the query string are over the limit."
)
HEADERS_TOO_LARGE = Kind(
    "MALFORMED_REQUEST",
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    "There are too many headers, or one is over the limit.",
)
VALIDATION_FAILED = Kind(
    "VALIDATION_FAILED",
    HTTPStatus.UNPROCESSABLE_ENTITY,
    "The request is well-formed and breaks rules of its contract, which `violations` lists.",
)
KEY_REUSED = Kind(
    "IDEMPOTENCY_KEY_REUSED",
    HTTPStatus.UNPROCESSABLE_ENTITY,
    "This key was used for another request.",
)
RATE_LIMITED = Kind(
    "RATE_LIMITED",
    HTTPStatus.TOO_MANY_REQUESTS,
    "The caller sends more commands than one may; nothing was accepted.",
)
COMMAND_FAILED = Kind(
    "COMMAND_FAILED",
    HTTPStatus.INTERNAL_SERVER_ERROR,
    "The command was accepted and could not be decided; it is set aside for an operator.",
)
INTERNAL_ERROR = Kind("INTERNAL_ERROR", HTTPStatus.INTERNAL_SERVER_ERROR, "A defect of the service.")
QUEUE_UNAVAILABLE = Kind(
    "QUEUE_UNAVAILABLE",
    HTTPStatus.SERVICE_UNAVAILABLE,
    "The command could not be queued; nothing was accepted.",
)
BACKLOG_FULL = Kind(
    "BACKLOG_FULL",
    HTTPStatus.SERVICE_UNAVAILABLE,
    "Too many commands wait to be processed; nothing was accepted.",
)
ACCEPTANCE_UNKNOWN = Kind(
    "ACCEPTANCE_UNKNOWN",
    HTTPStatus.GATEWAY_TIMEOUT,
    "The queue gave no answer: the command may have been accepted. Sent again with the same idempotency "
    "key, it happens once.",
)
STORAGE_UNAVAILABLE = Kind(
    "STORAGE_UNAVAILABLE", HTTPStatus.SERVICE_UNAVAILABLE, "Storage is out of reach for now."
)

# Of every route that needs a token.
TOKEN_PROBLEMS = (UNAUTHENTICATED, KEYS_UNAVAILABLE)
KINDS = [kind for kind in list(globals().values()) if isinstance(kind, Kind)]


@dataclass
class Problem(Exception):
    """An error to answer. `more` holds members of its own, as `violations` or `commandId`."""

    kind: Kind
    detail: str
    more: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """The problem as a JSON object."""
        return document(self.kind.status, self.kind.code, self.detail, self.more)

    def response(self) -> Response:
        """The problem as an answer of its own."""
        return response(self.kind.status, self.kind.code, self.detail, self.more, self.headers)


def malformed(detail: str) -> Problem:
    """A request that cannot be read."""
    return Problem(MALFORMED_REQUEST, detail)


def invalid(violations: list[dict[str, str]]) -> Problem:
    """A request that breaks rules: `[{field, rule, message}]`."""
    return Problem(VALIDATION_FAILED, told(violations), {"violations": violations})


def check(message: Message) -> None:
    """Returns if the message keeps its rules; else raises a Problem that lists what it breaks."""
    violations = violations_of(message)
    if violations:
        raise invalid(violations)


def unavailable(kind: Kind) -> Problem:
    """Something that will work again."""
    return Problem(kind, kind.meaning, headers={"Retry-After": str(RETRY_AFTER_S)})

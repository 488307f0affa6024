"""The parts of the API's description that no contract of an aggregate gives."""

from typing import Any

from edge import problems
from edge.batch import MAX_COMMANDS
from edge.openapi.responses import header_refs, json_answer, problem_answers, ref
from kernel.tokens import ROLES

Json = dict[str, Any]

TEXT: Json = {"type": "string"}
EVENTS: Json = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["eventId", "type"],
        "properties": {"eventId": TEXT, "type": TEXT},
    },
}
OPERATIONS = "operations"
ACCESS = "access"


def fixed_paths(*, dev: bool) -> Json:
    """The paths of the batch, of outcomes, sessions, health and documents."""
    paths = {
        "/v1/commands": {"post": BATCH},
        "/v1/commands/{stream}/{command_id}": {"get": OUTCOME},
        "/v1/session": {"post": OPEN_SESSION, "delete": CLOSE_SESSION},
        "/healthz": {
            "get": _open("healthz", "Whether the edge is alive.", json_answer(200, "It is.", _ref("Health")))
        },
        "/readyz": {
            "get": _open(
                "readyz",
                "Whether the edge, the workers, storage and Redis serve.",
                json_answer(200, "All do.", _ref("Readiness"))
                | json_answer(503, "One does not, or is about to end.", _ref("Readiness")),
            )
        },
        "/metrics": {"get": METRICS},
        "/openapi.json": {
            "get": _open("openapi", "This document.", _plain("OpenAPI 3.1.", "application/json"))
        },
        "/docs": {"get": _open("docs", "This document, for people.", _plain("A page.", "text/html"))},
    }
    return paths | ({"/v1/dev/tokens": {"post": DEV_TOKEN}} if dev else {})


def command_schemas(command_names: list[str]) -> Json:
    """The schemas that commands of every kind share."""
    applied = _object(
        commandId=_uuid(),
        status={"const": "APPLIED"},
        stream=TEXT,
        version={"type": "integer"},
        events=EVENTS,
    )
    return {
        "Problem": PROBLEM,
        "Receipt": _object(commandId=_uuid(), status={"const": "ACCEPTED"}, stream=TEXT),
        "Applied": applied,
        "Outcome": _object(
            commandId=TEXT,
            status={"enum": ["ACCEPTED", "APPLIED", "REJECTED", "FAILED"]},
            stream=TEXT,
            version={"type": "integer"},
            code=TEXT,
            detail=TEXT,
            events=EVENTS,
        ),
        "Batch": _batch(command_names),
        "BatchResults": _object(
            results={"type": "array", "items": {"oneOf": [_ref("Receipt"), _ref("Problem")]}}
        ),
        "TokenRequest": TOKEN_REQUEST,
        "Token": _object(token=TEXT),
        "Health": _object(status={"const": "ok"}),
        "Readiness": _object(
            status={"enum": ["ready", "not ready"]}, parts={"type": "object", "additionalProperties": TEXT}
        ),
    }


def _batch(command_names: list[str]) -> Json:
    entry = {
        "type": "object",
        "required": ["type"],
        "additionalProperties": False,
        "properties": {
            "type": {"enum": sorted(command_names)},
            "idempotencyKey": {"type": "string", "minLength": 1, "maxLength": 255},
            "body": {"type": "object", "description": "The command's fields, those of its path included."},
        },
    }
    commands = {"type": "array", "maxItems": MAX_COMMANDS, "items": entry}
    return _object(commands=commands) | {"additionalProperties": False}


def _uuid() -> Json:
    return {"type": "string", "format": "uuid"}


def _object(**properties: Json) -> Json:
    return {"type": "object", "required": list(properties), "properties": properties}


def _ref(name: str) -> Json:
    return ref("schemas", name)


def _plain(description: str, media_type: str) -> Json:
    return {"200": {"description": description, "content": {media_type: {}}}}


def _open(name: str, summary: str, responses: Json) -> Json:
    return {
        "operationId": name,
        "tags": [OPERATIONS],
        "summary": summary,
        "security": [],
        "responses": responses | problem_answers(problems.INTERNAL_ERROR),
    }


def _body(schema: str) -> Json:
    return {"required": True, "content": {"application/json": {"schema": _ref(schema)}}}


def _path_text(name: str) -> Json:
    return {"name": name, "in": "path", "required": True, "schema": TEXT}


UNREADABLE = (
    problems.MALFORMED_REQUEST,
    problems.PAYLOAD_TOO_LARGE,
    problems.UNSUPPORTED_MEDIA_TYPE,
    problems.VALIDATION_FAILED,
    problems.INTERNAL_ERROR,
)
PROBLEM: Json = {
    **_object(type=TEXT, title=TEXT, status={"type": "integer"}, detail=TEXT, code=TEXT),
    "description": "RFC 9457. `code` is stable; `detail` is for people.",
}
PROBLEM["properties"] |= {
    "violations": {
        "type": "array",
        "description": "With `VALIDATION_FAILED`: each broken rule.",
        "items": _object(field=TEXT, rule=TEXT, message=TEXT),
    },
    "commandId": {"type": "string", "description": "Of a command that was accepted and then rejected."},
    "stream": {"type": "string", "description": "Its stream."},
}
BATCH: Json = {
    "operationId": "postCommands",
    "tags": ["commands"],
    "summary": f"Up to {MAX_COMMANDS} commands, each accepted or refused on its own, by its own roles.",
    "description": "`results` has one entry a command, as they were sent: a receipt or a problem. Commands of one "
    "stream keep their sequence within one queue message (48 KiB).",
    "requestBody": _body("Batch"),
    "responses": {
        **json_answer(202, "Each command's answer.", _ref("BatchResults")),
        **problem_answers(
            *UNREADABLE,
            *problems.TOKEN_PROBLEMS,
            problems.RATE_LIMITED,
            problems.QUEUE_UNAVAILABLE,
            problems.BACKLOG_FULL,
            problems.ACCEPTANCE_UNKNOWN,
        ),
    },
}
OUTCOME: Json = {
    "operationId": "getOutcome",
    "tags": ["commands"],
    "summary": "What became of a command, for its sender or an operator.",
    "parameters": [_path_text("stream"), _path_text("command_id")],
    "responses": {
        **json_answer(200, "What is known now.", _ref("Outcome")),
        **problem_answers(
            *problems.TOKEN_PROBLEMS,
            problems.FORBIDDEN,
            problems.NOT_FOUND,
            problems.ROUTE_NOT_FOUND,
            problems.INTERNAL_ERROR,
            problems.STORAGE_UNAVAILABLE,
        ),
    },
}
OPEN_SESSION: Json = {
    "operationId": "openSession",
    "tags": [ACCESS],
    "summary": "Sets the HttpOnly cookie by which a browser's EventSource is known to the event stream.",
    "responses": {
        "204": {"description": "The cookie is set.", "headers": header_refs("SetCookie")},
        **problem_answers(
            problems.MALFORMED_REQUEST,
            *problems.TOKEN_PROBLEMS,
            problems.PAYLOAD_TOO_LARGE,
            problems.INTERNAL_ERROR,
        ),
    },
}
CLOSE_SESSION: Json = {
    "operationId": "closeSession",
    "tags": [ACCESS],
    "summary": "Clears the cookie.",
    "security": [],
    "responses": {
        "204": {"description": "The cookie is gone.", "headers": header_refs("SetCookie")},
        **problem_answers(problems.INTERNAL_ERROR),
    },
}
METRICS: Json = {
    "operationId": "metrics",
    "tags": [OPERATIONS],
    "summary": "Prometheus metrics of the edge, for operators.",
    "responses": {
        **_plain("Prometheus text.", "text/plain"),
        **problem_answers(*problems.TOKEN_PROBLEMS, problems.FORBIDDEN, problems.INTERNAL_ERROR),
    },
}
TOKEN_REQUEST: Json = {
    **_object(
        subject={"type": "string", "minLength": 1, "maxLength": 128},
        roles={"type": "array", "items": {"enum": sorted(ROLES)}},
    ),
    "required": ["subject"],
    "additionalProperties": False,
}
DEV_TOKEN: Json = {
    "operationId": "issueToken",
    "tags": [ACCESS],
    "summary": "A token of a development stack, for anyone. Not there with an issuer's tokens.",
    "security": [],
    "requestBody": _body("TokenRequest"),
    "responses": json_answer(200, "The token.", _ref("Token")) | problem_answers(*UNREADABLE),
}

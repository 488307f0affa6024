"""The API's description (OpenAPI 3.1), from the same contract that the routes are made of."""

from typing import Any

from edge import problems
from edge.batch import MAX_COMMANDS
from edge.commands import takes_empty_body
from edge.descriptors import descriptor_of
from edge.openapi.comments import comment
from edge.openapi.fixed_paths import command_schemas, fixed_paths
from edge.openapi.responses import HEADERS, SHARED_ANSWERS, answers_of_any, json_answer, problem_answers, ref
from edge.openapi.schemas import Schemas, deprecation, describe, is_required, message_rules
from kernel import VERSION
from kernel.contract import Command, Contract, Query, Route

Json = dict[str, Any]

ABOUT = f"""Commands are accepted with 202 once they are durably queued; what became of one is told by its
`Location`, by the event stream, or at once with `Prefer: wait=N`. Every error is
`application/problem+json` with a stable `code`. Up to {MAX_COMMANDS} commands go into one
`POST /v1/commands`."""
WAITED = ("PreferenceApplied", "Replayed")
COMMAND_PROBLEMS = (
    problems.MALFORMED_REQUEST,
    *problems.TOKEN_PROBLEMS,
    problems.FORBIDDEN,
    problems.KEY_IN_FLIGHT,
    problems.PAYLOAD_TOO_LARGE,
    problems.UNSUPPORTED_MEDIA_TYPE,
    problems.VALIDATION_FAILED,
    problems.KEY_REUSED,
    problems.RATE_LIMITED,
    problems.COMMAND_FAILED,
    problems.INTERNAL_ERROR,
    problems.QUEUE_UNAVAILABLE,
    problems.BACKLOG_FULL,
    problems.ACCEPTANCE_UNKNOWN,
)


def build_document(contract: Contract, *, dev: bool) -> Json:
    """The whole description. `dev` adds the route that issues tokens."""
    schemas = Schemas()
    schemas.components |= command_schemas([c.name for c in contract.commands.values() if c.route])
    paths: Json = {}
    for query in contract.queries.values():
        _add(paths, query.route, query_operation(query, schemas))
    for command in contract.commands.values():
        if command.route:
            _add(paths, command.route, command_operation(command, command.route, schemas))
    for path, operations in fixed_paths(dev=dev).items():
        paths.setdefault(path, {}).update(operations)
    for path, operations in paths.items():
        for operation in operations.values():
            operation["responses"] = answers_of_any("{" in path) | operation["responses"]
    return {
        "openapi": "3.1.0",
        "info": {"title": "Prism", "version": VERSION, "description": " ".join(ABOUT.split())},
        "security": [{"bearer": []}],
        "paths": {path: paths[path] for path in sorted(paths)},
        "components": {
            "schemas": dict(sorted(schemas.components.items())),
            "headers": HEADERS,
            "responses": SHARED_ANSWERS,
            "parameters": PARAMETERS,
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


def command_operation(command: Command, route: Route, schemas: Schemas) -> Json:
    """The operation of one command."""
    operation: Json = {
        "operationId": command.name,
        "tags": [command.aggregate],
        "summary": comment(command.descriptor.full_name),
        "description": _roles(command.roles),
        "parameters": [
            *_path_parameters(route, command, schemas),
            *(ref("parameters", name) for name in ("IdempotencyKey", "Prefer", "IfMatch")),
        ],
        "responses": {
            **json_answer(200, "Applied, and shown by the views.", ref("schemas", "Applied"), *WAITED),
            **json_answer(202, "Durably queued.", ref("schemas", "Receipt"), "Location", *WAITED),
            **problem_answers(*COMMAND_PROBLEMS, rejections=rejection_codes(command)),
        },
    }
    operation |= deprecation(command.descriptor)
    if route.has_body:
        schema = schemas.request(descriptor_of(command.message), "", route.fields)
        operation["requestBody"] = {
            "required": not takes_empty_body(command, route),
            "content": {"application/json": {"schema": schema}},
        }
    return operation


def query_operation(query: Query, schemas: Schemas) -> Json:
    """The operation of one query."""
    single = bool(query.key)
    answer = schemas.answer(descriptor_of(query.answer))
    texts = [_roles(query.roles), *message_rules(descriptor_of(query.message))]
    headers = ["StreamCursor"] + (["ETag"] if single else [])
    kinds = [problems.MALFORMED_REQUEST, problems.VALIDATION_FAILED, problems.INTERNAL_ERROR]
    kinds += [problems.STORAGE_UNAVAILABLE] + (
        [problems.NOT_FOUND, problems.ROUTE_NOT_FOUND] if single else []
    )
    if not query.public:
        kinds += [*problems.TOKEN_PROBLEMS] + ([problems.FORBIDDEN] if query.roles else [])
    operation: Json = {
        "operationId": query.name,
        "tags": [query.view.aggregates[0]],
        "summary": comment(query.descriptor.full_name),
        "description": " ".join(text for text in texts if text),
        "parameters": _path_parameters(query.route, query, schemas) + _query_parameters(query, schemas),
        "responses": json_answer(200, "What the view shows.", answer, *headers) | problem_answers(*kinds),
    }
    operation |= deprecation(query.descriptor)
    if single:
        operation["parameters"].append(ref("parameters", "IfNoneMatch"))
        operation["responses"]["304"] = {"description": "The client has this state."}
    if query.public:
        operation["security"] = []
    return operation


def rejection_codes(command: Command) -> list[str]:
    """The codes that the command can be rejected with."""
    return sorted({*command.rejects, "VERSION_MISMATCH"})


def _add(paths: Json, route: Route, operation: Json) -> None:
    paths.setdefault(route.path, {})[route.verb.lower()] = operation


def _path_parameters(route: Route, part: Command | Query, schemas: Schemas) -> list[Json]:
    fields = descriptor_of(part.message).fields_by_name
    return [
        {"name": name, "in": "path", "required": True, "schema": schemas.parameter(fields[name])}
        for name in route.fields
    ]


def _query_parameters(query: Query, schemas: Schemas) -> list[Json]:
    return [
        {
            "name": field.json_name,
            "in": "query",
            "required": is_required(field),
            # `?pageSize=` asks for nothing in particular.
            "allowEmptyValue": not is_required(field),
            "description": describe(field),
            "schema": schemas.parameter(field),
        }
        for field in descriptor_of(query.message).fields
        if field.name not in query.route.fields
    ]


def _roles(roles: frozenset[str]) -> str:
    return f"For the role {' or '.join(sorted(roles))}." if roles else ""


PARAMETERS: Json = {
    "IdempotencyKey": {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "Quoted or not; of this caller alone; kept for 24 hours. The same key and request "
        "again has no further effect and answers the same.",
        # Printable ASCII; at its ends no space, for HTTP drops it.
        "schema": {"type": "string", "maxLength": 255, "pattern": '^(?!""$)[!-~]([ -~]*[!-~])?$'},
    },
    "Prefer": {
        "name": "Prefer",
        "in": "header",
        "description": "`wait=N`, 1 to 30 seconds: answer the outcome if it is known by then.",
        "schema": {"type": "string"},
    },
    "IfMatch": {
        "name": "If-Match",
        "in": "header",
        "description": 'Apply only at this version of the stream, as `"7"`; else rejected with '
        "`VERSION_MISMATCH`.",
        "schema": {"type": "string", "pattern": '^("[0-9]{1,9}"|[0-9]{1,9})$'},
    },
    "IfNoneMatch": {
        "name": "If-None-Match",
        "in": "header",
        "description": "Entity tags that the client has: 304 if one of them is current.",
        "schema": {"type": "string"},
    },
}

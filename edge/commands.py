"""The commands' routes: each reads its message, has it accepted, and waits if asked to."""

from collections.abc import Callable

import msgspec
from flask import Flask, Response

from edge import headers, outcomes
from edge.acceptance import Acceptance, Intent, Receipt
from edge.bodies import json_body
from edge.callers import caller_of_request, require_role
from edge.decoding import fill_message, load_object
from edge.outcomes import Outcomes
from edge.problems import COMMAND_FAILED, FORBIDDEN, Problem, check
from edge.telemetry import traceparent
from kernel.contract import Command, Contract, Route
from kernel.problems import response
from kernel.tokens import Tokens
from kernel.validation import violations_of
from prism.envelope.v1.envelope_pb2 import Outcome


def add_commands(
    app: Flask, contract: Contract, tokens: Tokens, acceptance: Acceptance, known: Outcomes
) -> None:
    """Adds a route for every command that has one, and the route of their outcomes."""
    for command in contract.commands.values():
        if command.route:
            view = command_view(command, command.route, tokens, acceptance, known)
            rule = flask_rule(command.route)
            app.add_url_rule(rule, endpoint=command.type, view_func=view, methods=[command.route.verb])

    @app.get("/v1/commands/<stream>/<command_id>")
    def get_outcome(stream: str, command_id: str) -> Response:
        caller = caller_of_request(tokens)
        outcome = known.find(stream, command_id)
        if outcome.subject != caller.subject and "operator" not in caller.roles:
            raise Problem(FORBIDDEN, "only its sender, or an operator, reads what became of a command")
        return json_response(outcomes.document(outcome))


def command_view(
    command: Command, route: Route, tokens: Tokens, acceptance: Acceptance, known: Outcomes
) -> Callable[..., Response]:
    """The view of one command's route."""
    may_be_empty = takes_empty_body(command, route)

    def view(**path: str) -> Response:
        caller = caller_of_request(tokens)
        require_role(caller, command.roles)
        body = json_body(may_be_empty=may_be_empty)
        key, version = headers.idempotency_key(), headers.expected_version()
        message = command.message()
        fill_message(message, load_object(body))
        # After the body, which may spell a field in two ways and would address another stream.
        for name, value in path.items():
            setattr(message, name, value)
        check(message)
        intent = Intent(command, message, key, version)
        [answer] = acceptance.accept(caller, [intent], traceparent())
        if isinstance(answer, Problem):
            raise answer
        return respond(answer, headers.wait_preference(), known)

    return view


def respond(receipt: Receipt, wait_s: int | None, known: Outcomes) -> Response:
    """The answer to an accepted command: the outcome if it was waited for and came, else the receipt."""
    waited = None
    if wait_s:
        waited = known.wait(receipt.stream, receipt.command_id, wait_s, repeated=receipt.replayed)
    answer = decided(waited.outcome) if waited and waited.outcome else accepted(receipt)
    if waited:
        answer.headers["Preference-Applied"] = f"wait={wait_s}"
    if receipt.replayed:
        answer.headers["Idempotency-Replayed"] = "true"
    return answer


def accepted(receipt: Receipt) -> Response:
    """The receipt of a command that is queued."""
    answer = json_response(receipt.document(), 202)
    answer.headers["Location"] = f"/v1/commands/{receipt.stream}/{receipt.command_id}"
    return answer


def decided(outcome: Outcome) -> Response:
    """The answer to a command whose outcome is known."""
    if outcome.status == Outcome.APPLIED:
        return json_response(outcomes.applied_document(outcome))
    more = {"commandId": outcome.command_id, "stream": outcome.stream}
    if outcome.status == Outcome.REJECTED:
        return response(409, outcome.code, outcome.detail, more)
    return Problem(COMMAND_FAILED, COMMAND_FAILED.meaning, more).response()


def json_response(body: object, status: int = 200) -> Response:
    """An answer that no cache keeps."""
    answer = Response(msgspec.json.encode(body), status=status, content_type="application/json")
    answer.headers["Cache-Control"] = "no-store"
    return answer


def flask_rule(route: Route) -> str:
    """The route's path as Flask writes it."""
    return route.path.replace("{", "<").replace("}", ">")


def takes_empty_body(command: Command, route: Route) -> bool:
    """Whether the path alone can make a message that keeps its rules."""
    broken = {violation["field"] for violation in violations_of(command.message())}
    of_path = {command.message.DESCRIPTOR.fields_by_name[name].json_name for name in route.fields}
    return broken <= of_path

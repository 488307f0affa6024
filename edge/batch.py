"""Many commands in one request, each with an answer of its own."""

from typing import Any

from flask import Flask, Response

from edge.acceptance import Acceptance, Intent
from edge.bodies import json_body
from edge.callers import caller_of_request, require_role
from edge.commands import json_response
from edge.decoding import fill_message, load_object
from edge.idempotency import parse_key
from edge.problems import UNKNOWN_COMMAND, Problem, check, invalid, malformed
from edge.telemetry import traceparent
from kernel.contract import Command, Contract
from kernel.tokens import Caller, Tokens

MAX_BYTES = 1024 * 1024
MAX_COMMANDS = 100
MEMBERS = {"type", "idempotencyKey", "body"}


def add_batch(app: Flask, contract: Contract, tokens: Tokens, acceptance: Acceptance) -> None:
    """Adds the route that takes every command that has a route of its own."""
    commands = {command.name: command for command in contract.commands.values() if command.route}

    @app.post("/v1/commands")
    def post_batch() -> Response:
        caller = caller_of_request(tokens)
        entries = read_entries(load_object(json_body(MAX_BYTES)))
        read = [_read(entry, commands, caller) for entry in entries]
        intents = [intent for intent in read if isinstance(intent, Intent)]
        answers = iter(acceptance.accept(caller, intents, traceparent()))
        results = [next(answers) if isinstance(entry, Intent) else entry for entry in read]
        return json_response({"results": [result.document() for result in results]}, 202)


def read_entries(body: dict[str, Any]) -> list[Any]:
    """The batch's entries, unread. A Problem when it is no batch, or too long."""
    if body.keys() - {"commands"}:
        raise malformed("a batch has one member: `commands`")
    entries = body.get("commands")
    if not isinstance(entries, list):
        raise malformed("`commands` must be a list")
    if len(entries) > MAX_COMMANDS:
        message = f"must have at most {MAX_COMMANDS} items"
        raise invalid([{"field": "commands", "rule": "repeated.max_items", "message": message}])
    return entries


def _read(entry: object, commands: dict[str, Command], caller: Caller) -> Intent | Problem:
    try:
        return read_intent(entry, commands, caller)
    except Problem as problem:
        return problem


def read_intent(entry: object, commands: dict[str, Command], caller: Caller) -> Intent:
    """One entry's command. A Problem if it is none, or not the caller's to send, or breaks its rules."""
    if not isinstance(entry, dict) or entry.keys() - MEMBERS:
        raise malformed("an entry is an object with `type`, `body` and, if wanted, `idempotencyKey`")
    name, key = entry.get("type"), entry.get("idempotencyKey")
    if not isinstance(name, str) or not isinstance(key, str | None):
        raise malformed("`type` and `idempotencyKey` are texts")
    command = commands.get(name)
    if command is None:
        raise Problem(UNKNOWN_COMMAND, UNKNOWN_COMMAND.meaning)
    require_role(caller, command.roles)
    message = command.message()
    fill_message(message, entry.get("body", {}))
    check(message)
    return Intent(command, message, None if key is None else parse_key(key))

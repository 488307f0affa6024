"""The edge, wired: what a worker process opens, and the WSGI application over it."""

import logging
from threading import Event

from flask import Flask, Response
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound

from edge.acceptance import Acceptance
from edge.backlog import Backlog
from edge.batch import add_batch
from edge.bodies import consumed
from edge.commands import add_commands
from edge.health import add_health
from edge.limits import limit_of
from edge.memory import Memory
from edge.openapi.docs import add_docs
from edge.outcomes import Outcomes
from edge.problems import (
    INTERNAL_ERROR,
    MALFORMED_REQUEST,
    METHOD_NOT_ALLOWED,
    ROUTE_NOT_FOUND,
    STORAGE_UNAVAILABLE,
    Problem,
    unavailable,
)
from edge.queries import Views, add_queries
from edge.session import add_session
from edge.telemetry import add_metrics, add_telemetry
from kernel import contract, tokens
from kernel.browsers import read_origins, secured, shared
from kernel.doorbell import Bell
from kernel.errors import Poison, StorageUnavailable
from kernel.problems import response
from kernel.queues import COMMANDS
from kernel.settings import Settings
from kernel.storage import open_storage
from kernel.validation import warm

logger = logging.getLogger(__name__)


def create_app(settings: Settings, draining: Event) -> Flask:
    """The application with all it needs, opened. To be called in the process that serves (after fork).

    Once `draining` is set it lets no request wait.
    """
    shop = contract.load()
    checker = tokens.open_tokens(settings)
    storage = open_storage(settings)
    memory = Memory(settings)
    bell = Bell(settings, settings.domain_target, COMMANDS)
    queue = storage.queue(COMMANDS)
    backlog = Backlog(queue, settings.prism_backlog_limit)
    acceptance = Acceptance(memory, settings.prism_namespace, queue, bell, backlog, limit_of(settings))
    app = bare_app(read_origins(settings))
    add_telemetry(app)
    add_commands(app, shop, checker, acceptance, Outcomes(settings, memory, draining))
    add_batch(app, shop, checker, acceptance)
    add_queries(app, shop, checker, Views(storage, memory, settings.prism_namespace))
    add_session(app, settings, checker)
    add_health(app, settings, storage, memory, draining)
    add_metrics(app, checker)
    add_docs(app, shop, dev=settings.prism_auth == "dev")
    for message in {part.message for part in shop.commands.values()}:
        warm(message())
    for message in {part.message for part in shop.queries.values()}:
        warm(message())
    return app


def bare_app(origins: frozenset[str]) -> Flask:
    """An application without routes, whose every error is a problem and whose answers pages of the origins
    may read."""
    app = Flask("edge", static_folder=None)
    # A path that is not exactly a route's is none: no redirects.
    app.url_map.merge_slashes = False
    app.url_map.redirect_defaults = False
    app.register_error_handler(Problem, lambda problem: problem.response())
    app.register_error_handler(StorageUnavailable, lambda _: unavailable(STORAGE_UNAVAILABLE).response())
    app.register_error_handler(Poison, unreadable)
    app.register_error_handler(HTTPException, http_problem)
    app.register_error_handler(Exception, defect)
    app.wsgi_app = consumed(shared(secured(app.wsgi_app), origins))  # type: ignore[assignment, method-assign] # as Flask's documentation has it
    return app


def http_problem(error: HTTPException) -> Response:
    """What Flask itself refuses, as a problem."""
    if isinstance(error, NotFound):
        return Problem(ROUTE_NOT_FOUND, ROUTE_NOT_FOUND.meaning).response()
    if isinstance(error, MethodNotAllowed):
        allow = ", ".join(sorted(error.valid_methods or ()))
        return Problem(METHOD_NOT_ALLOWED, METHOD_NOT_ALLOWED.meaning, headers={"Allow": allow}).response()
    status = error.code or 500
    code = MALFORMED_REQUEST.code if status == 400 else error.name.upper().replace(" ", "_")
    return response(status, code, error.description or error.name)


def unreadable(error: Poison) -> Response:
    """Stored bytes that nobody can read. The log says which: they are an operator's to mend."""
    logger.error("a request failed: %s", error)
    return Problem(INTERNAL_ERROR, INTERNAL_ERROR.meaning).response()


def defect(error: Exception) -> Response:
    """Anything else is ours. Logged without the error's text, which may hold what a client sent."""
    logger.error("a request failed: %s", type(error).__name__, exc_info=error)
    return Problem(INTERNAL_ERROR, INTERNAL_ERROR.meaning).response()

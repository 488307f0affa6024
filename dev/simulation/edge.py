"""The edge with its HTTP, without sockets: its real routes, over the simulated storage and Redis.

The application is built once a Python process. Which edge serves a request is said by the thread, for an
actor is one.
"""

import io
import json
import sys
import threading
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple, cast

import grpc
from flask import Flask

from dev.promises.history import READER
from dev.simulation.processes import CONTRACT, EdgeMemory, Site, acceptance
from domain_svc import shop as write_side
from domain_svc.lookup import Lookup
from domain_svc.streams import Streams
from edge.acceptance import Acceptance, Intent, Receipt
from edge.app import bare_app
from edge.batch import add_batch
from edge.commands import add_commands
from edge.outcomes import Outcomes
from edge.problems import INTERNAL_ERROR, KINDS, Problem
from edge.queries import Views, add_queries
from kernel.contract import fill_from
from kernel.encoding import to_document
from kernel.errors import StorageUnavailable
from kernel.outcomes import OutcomeBoard
from kernel.ports import RowId, Storage
from kernel.tokens import Caller, InvalidToken
from prism.envelope.v1.envelope_pb2 import Outcome, ViewRow

_KINDS = {kind.code: kind for kind in KINDS}
_serving = threading.local()


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: Any


class HttpEdge:
    """A process of the edge: asked as edge.acceptance.Acceptance is, and answers by its routes."""

    def __init__(self, site: Site) -> None:
        memory = EdgeMemory(site.redis)
        self.site = site
        self.acceptance = acceptance(site)
        self.views = Views(cast("Storage", site.storage), memory, site.settings.prism_namespace)
        self.outcomes = _Outcomes(site, memory)

    def accept(
        self, caller: Caller, intents: Sequence[Intent], traceparent: str | None
    ) -> list[Receipt | Problem]:
        """As Acceptance.accept: one on its own route, several by the batch's."""
        if len(intents) == 1:
            return [_receipt(self._send(caller, intents[0]))]
        if any(intent.expected_version is not None for intent in intents):
            # The batch's entries have no conditions.
            return self.acceptance.accept(caller, intents, traceparent)
        entries = [
            {"type": intent.command.name, "body": to_document(intent.message)}
            | ({"idempotencyKey": intent.key} if intent.key else {})
            for intent in intents
        ]
        answer = self.ask("POST", "/v1/commands", caller, {"commands": entries})
        if answer.status != 202:
            _receipt(answer)
        return [_result(result) for result in answer.body["results"]]

    def ask(self, verb: str, path: str, caller: Caller | None, body: object = None, **headers: str) -> Answer:
        """One request."""
        data = b"" if body is None else json.dumps(body).encode()
        environ = {
            "REQUEST_METHOD": verb, "PATH_INFO": path.partition("?")[0], "QUERY_STRING": path.partition("?")[2],
            "SERVER_NAME": "edge", "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1",
            "wsgi.url_scheme": "http", "wsgi.input": io.BytesIO(data), "wsgi.errors": sys.stderr,
            "CONTENT_TYPE": "application/json", "CONTENT_LENGTH": str(len(data)),
        }  # fmt: skip # a group of them a line
        if caller:
            environ["HTTP_AUTHORIZATION"] = f"Bearer {caller.subject} {' '.join(sorted(caller.roles))}"
        environ |= {f"HTTP_{name.upper()}": value for name, value in headers.items()}
        told: list[Any] = []

        def start(status: str, headers: list[tuple[str, str]], error: object = None) -> Any:  # noqa: ANN401 # WSGI's own
            told[:] = [int(status.split()[0]), dict(headers)]

        _serving.edge = self
        text = b"".join(_application().wsgi_app(environ, start))
        return Answer(told[0], told[1], json.loads(text) if text else None)

    def _send(self, caller: Caller, intent: Intent) -> Answer:
        route = intent.command.route
        assert route
        document, luck = to_document(intent.message), self.site.world.current.dice
        path = fill_from(route.path, intent.message)
        for name in route.fields:
            json_name = intent.message.DESCRIPTOR.fields_by_name[name].json_name
            del document[json_name]
            if luck.random() < 0.1:
                # The path says which stream it is, whatever the body says.
                document[luck.choice((name, json_name))] = "elsewhere"
        headers = {}
        if intent.key:
            headers["idempotency_key"] = f'"{intent.key}"' if luck.random() < 0.5 else intent.key
        if intent.expected_version is not None:
            headers["if_match"] = f'"{intent.expected_version}"'
        if luck.random() < 0.3:
            headers["prefer"] = f"wait={luck.choice((1, 5, 30))}"
        answer = self.ask(route.verb, path, caller, document if route.has_body else None, **headers)
        if answer.status == 200:
            self._check_views(answer.body)
        return answer

    def _check_views(self, outcome: Mapping[str, Any]) -> None:
        """Whoever waited sees the effect."""
        aggregate, _, key = outcome["stream"].partition("-")
        row = (
            RowId("product", "catalogue", key)
            if aggregate in ("product", "stock")
            else RowId(aggregate, key, key)
        )
        stored = self.site.storage.views.rows.get(row, (b"", ""))
        if ViewRow.FromString(stored[0]).progress[outcome["stream"]].version < outcome["version"]:
            self.site.complaints.append(f"{outcome} is told, and the views do not show it")


def _receipt(answer: Answer) -> Receipt | Problem:
    """A receipt, or what it was refused for. Raises the Problem of a 503 or 504, as acceptance does."""
    if answer.status in (503, 504):
        raise Problem(_KINDS[answer.body["code"]], answer.body["detail"])
    if "commandId" in answer.body:
        # Waited for, as a rule: applied, or rejected with 409.
        return Receipt(
            answer.body["commandId"], answer.body["stream"], "Idempotency-Replayed" in answer.headers
        )
    return _result(answer.body)


def _result(body: Mapping[str, Any]) -> Receipt | Problem:
    if "commandId" in body:
        return Receipt(body["commandId"], body["stream"], replayed=False)
    return Problem(_KINDS.get(body["code"], INTERNAL_ERROR), str(body))


class _Outcomes(Outcomes):
    """Asks domain_svc without gRPC."""

    def __init__(self, site: Site, memory: EdgeMemory) -> None:
        self._memory = memory
        self._draining = threading.Event()
        self._board = OutcomeBoard(memory.quick, site.settings.prism_namespace)
        self._turns, self._next = threading.Semaphore(3), threading.Lock()
        store = site.storage.events
        self._lookup = Lookup(store, Streams(store, write_side.AGGREGATES, READER, exclusive=False))
        self._stub: Any = self

    def GetOutcome(self, request: Any, **patience: object) -> Outcome:  # noqa: ANN401 # as the stub's
        """As domain_svc answers."""
        try:
            outcome = self._lookup.outcome(request.stream, request.command_id)
        except StorageUnavailable:
            raise _Refused(grpc.StatusCode.UNAVAILABLE) from None
        if outcome is None:
            raise _Refused(grpc.StatusCode.NOT_FOUND)
        return outcome


class _Refused(grpc.RpcError):
    def __init__(self, code: grpc.StatusCode) -> None:
        super().__init__(code)
        self._code = code

    def code(self) -> grpc.StatusCode:
        return self._code


class _Tokens:
    """Whoever a token names, it is."""

    def check(self, token: str) -> Caller:
        subject, *roles = token.split()
        if not subject:
            raise InvalidToken
        return Caller(subject, frozenset(roles), float("inf"))


class _Serving:
    """Stands for a part of the edge that serves this thread's request."""

    def __init__(self, part: str) -> None:
        self._part = part

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 # whatever the part has
        return getattr(getattr(_serving.edge, self._part), name)


@cache
def _application() -> Flask:
    app, tokens = bare_app(frozenset()), _Tokens()
    accepting = cast("Acceptance", _Serving("acceptance"))
    add_commands(app, CONTRACT, tokens, accepting, cast("Outcomes", _Serving("outcomes")))
    add_batch(app, CONTRACT, tokens, accepting)
    add_queries(app, CONTRACT, tokens, cast("Views", _Serving("views")))
    return app

"""An edge in this process over a real engine and a real Redis, and a shop that works its queue off."""

import re
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from threading import Event, Thread
from typing import Any

from werkzeug.test import TestResponse

from edge.app import create_app
from edge.memory import Memory
from kernel.embedded.storage import EmbeddedStorage
from kernel.outcomes import OutcomeBoard
from kernel.redis import connect
from kernel.settings import Settings
from kernel.tokens import issue_dev_token
from kernel.updates import UpdateLog
from prism.envelope.v1.envelope_pb2 import CommandMessage, Envelope
from tests.shop import Shop

ALL_ROLES = ["shopper", "merchant", "operator"]
# What any route may answer: no description repeats them.
EVERYWHERE = {404, 405}


class Edge:
    """An edge and what stands behind it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.draining = Event()
        self.app = create_app(settings, self.draining)
        self.storage = EmbeddedStorage(settings.prism_data_dir)
        self.redis = connect(settings)
        self.board = OutcomeBoard(self.redis, settings.prism_namespace)
        self.log = UpdateLog(self.redis, settings.prism_namespace)
        self.memory = Memory(settings)

    @cached_property
    def document(self) -> Any:  # noqa: ANN401 # JSON
        """The API's description, as it is served."""
        return self.app.test_client().get("/openapi.json").json

    @cached_property
    def shop(self) -> Shop:
        """All other services, in this process."""
        return Shop(self.storage, 900)

    def token(self, subject: str = "alice", roles: list[str] | None = None) -> str:
        return issue_dev_token(self.settings, subject, ALL_ROLES if roles is None else roles)

    def call(
        self,
        verb: str,
        path: str,
        *,
        by: str | None = "alice",
        roles: list[str] | None = None,
        headers: Mapping[str, str] | None = None,
        **more: Any,  # noqa: ANN401 # whatever the test client takes
    ) -> TestResponse:
        """Sends a request; nobody's with `by=None`. Every answer must be one that the description has."""
        sent = dict(headers or {})
        if by is not None:
            sent["Authorization"] = f"Bearer {self.token(by, roles)}"
        answer = self.app.test_client().open(path, method=verb, headers=sent, **more)
        self._check(verb, path, answer)
        return answer

    def get(self, path: str, **more: Any) -> TestResponse:  # noqa: ANN401 # the same
        return self.call("GET", path, **more)

    def post(self, path: str, body: object = None, **more: Any) -> TestResponse:  # noqa: ANN401 # the same
        return (
            self.call("POST", path, json=body, **more)
            if body is not None
            else self.call("POST", path, **more)
        )

    def queued(self) -> list[Envelope]:
        """The commands that wait in the queue."""
        messages = self.storage.queue("commands").peek()
        return [envelope for m in messages for envelope in CommandMessage.FromString(m.body).commands]

    def settle(self) -> None:
        """Has every queued command decided, projected and told, as the other services do."""
        self.shop.settle()
        self.log.publish_facts(self.shop.deliveries)
        self.shop.deliveries.clear()

    def _check(self, verb: str, path: str, answer: TestResponse) -> None:
        if answer.status_code >= 400 and path not in ("/readyz",):
            assert answer.content_type == "application/problem+json"
            problem = answer.json
            assert problem is not None
            assert problem["status"] == answer.status_code
            assert {"type", "title", "detail", "code"} <= problem.keys()
        if answer.status_code in EVERYWHERE:
            return
        operation = operation_at(self.document, verb, path)
        if operation:
            assert str(answer.status_code) in operation["responses"], f"{verb} {path}: {answer.status_code}"


class Workers:
    """The other services at work, until the block ends."""

    def __init__(self, edge: Edge) -> None:
        self._edge = edge
        self._ended = Event()
        self._thread = Thread(target=self._run)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(0.005):
            self._edge.settle()


def operation_at(document: Any, verb: str, path: str) -> Any:  # noqa: ANN401 # JSON
    """The description's operation for a request; None where it has none."""
    for template, operations in document["paths"].items():
        pattern = re.sub(r"{\w+}", "[^/]+", template)
        if re.fullmatch(pattern, path.partition("?")[0]) and verb.lower() in operations:
            return operations[verb.lower()]
    return None


def settings_for(folder: Path, redis_url: str, namespace: str, **more: Any) -> Settings:  # noqa: ANN401 # of any type
    """Settings of an edge of a test's own, whose neighbours answer nowhere."""
    defaults: dict[str, Any] = {
        "prism_data_dir": str(folder),
        "redis_url": redis_url,
        "prism_namespace": namespace,
        "prism_dev_token_key": "0123456789" * 4,
        "prism_doorbell": False,
        "prism_domain_grpc": "127.0.0.1:1",
        "prism_projector_grpc": "127.0.0.1:1",
        "prism_stream_grpc": "127.0.0.1:1",
    }
    return Settings(**(defaults | more))

"""The edge's metrics, of all its worker processes together."""

import os

from flask import Flask, Response
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from edge.callers import caller_of_request, require_role
from edge.counters import VARIABLE
from kernel.tokens import Tokens

OPERATOR = frozenset({"operator"})


def add_metrics(app: Flask, tokens: Tokens) -> None:
    """Adds /metrics, for operators."""

    @app.get("/metrics")
    def metrics() -> Response:
        require_role(caller_of_request(tokens), OPERATOR)
        answer = Response(generate_latest(registry()), content_type=CONTENT_TYPE_LATEST)
        answer.headers["Cache-Control"] = "no-store"
        return answer


def registry() -> CollectorRegistry:
    """What all processes counted where they share a folder, else what this one did."""
    if VARIABLE not in os.environ:
        return REGISTRY
    shared = CollectorRegistry()
    MultiProcessCollector(shared)  # type: ignore[no-untyped-call] # prometheus_client leaves it untyped
    return shared

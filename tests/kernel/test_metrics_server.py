"""/metrics of a worker, over a real socket."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest
from prometheus_client import CollectorRegistry, Counter
from prometheus_client.parser import text_string_to_metric_families

from kernel.settings import load
from kernel.telemetry import metrics_server
from kernel.telemetry.metrics_server import MAX_OPEN, MetricsServer
from kernel.tokens import issue_dev_token, open_tokens
from tests.support import eventually

SETTINGS = load({"PRISM_DEV_TOKEN_KEY": "k" * 40})


@pytest.fixture
def server() -> Iterator[MetricsServer]:
    registry = CollectorRegistry()
    Counter("cups", "Cups of tea", registry=registry).inc(3)
    server = MetricsServer("127.0.0.1", 0, open_tokens(SETTINGS), registry)
    server.start()
    yield server
    server.stop()


def ask(server: MetricsServer, path: str = "/metrics", verb: str = "GET", *roles: str) -> httpx.Response:
    """A request by someone with these roles; by nobody without any."""
    headers = {"Authorization": f"Bearer {issue_dev_token(SETTINGS, 'olga', list(roles))}"} if roles else {}
    url = f"http://127.0.0.1:{server.port}{path}"
    return httpx.request(verb, url, headers=headers, timeout=10, trust_env=False)


def raw(server: MetricsServer, sent: bytes) -> bytes:
    """What comes back for these bytes, until the server hangs up."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
        client.sendall(sent)
        try:
            return b"".join(iter(lambda: client.recv(65536), b""))
        except ConnectionResetError:
            return b""


def test_an_operator_reads_the_metrics(server: MetricsServer) -> None:
    answer = ask(server, "/metrics", "GET", "operator")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    told = {s.name: s.value for family in text_string_to_metric_families(answer.text) for s in family.samples}
    assert told["cups_total"] == 3


@pytest.mark.parametrize(
    ("path", "verb", "roles", "status", "code"),
    [
        ("/metrics", "GET", (), 401, "UNAUTHENTICATED"),
        ("/metrics", "GET", ("merchant", "shopper"), 403, "FORBIDDEN"),
        ("/metrics", "POST", ("operator",), 405, "METHOD_NOT_ALLOWED"),
        ("/", "GET", ("operator",), 404, "ROUTE_NOT_FOUND"),
        ("/metrics/x", "GET", (), 404, "ROUTE_NOT_FOUND"),
    ],
)
def test_nobody_and_nothing_else_is_served(
    server: MetricsServer, path: str, verb: str, roles: tuple[str, ...], status: int, code: str
) -> None:
    answer = ask(server, path, verb, *roles)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert "cups" not in answer.text


def test_a_forged_token_is_none(server: MetricsServer) -> None:
    other = load({"PRISM_DEV_TOKEN_KEY": "o" * 40})
    forged = issue_dev_token(other, "olga", ["operator"])
    answer = raw(server, f"GET /metrics HTTP/1.1\r\nAuthorization: Bearer {forged}\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 401 ")


@pytest.mark.parametrize(
    "sent", [b"NONSENSE\r\n\r\n", b"\r\n\r\n", b"GET /metrics\r\n\r\n", b"\xff \xff \xff\r\n\r\n"]
)
def test_what_is_no_http_is_refused(server: MetricsServer, sent: bytes) -> None:
    assert raw(server, sent).split(b" ")[1] in (b"400", b"404")


def test_a_head_without_end_is_hung_up_on(server: MetricsServer) -> None:
    assert raw(server, b"GET /metrics HTTP/1.1\r\n" + b"X: y\r\n" * 3000) == b""
    assert ask(server, "/metrics", "GET", "operator").status_code == 200


def test_a_client_that_sends_nothing_holds_nobody_up_for_long(
    server: MetricsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics_server, "CLIENT_S", 0.3)
    with ExitStack() as stack:
        for _ in range(3 * MAX_OPEN):
            stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=10))

        def served() -> bool:
            try:
                return ask(server, "/metrics", "GET", "operator").status_code == 200
            except httpx.TransportError:
                return False

        assert eventually(served)


def test_its_port_is_free_once_it_has_stopped(server: MetricsServer) -> None:
    assert ask(server, "/metrics", "GET", "operator").status_code == 200
    server.stop()
    again = MetricsServer("127.0.0.1", server.port, open_tokens(SETTINGS), CollectorRegistry())
    again.stop()


def test_a_defect_of_a_collector_is_a_problem_without_details(server: MetricsServer) -> None:
    class Broken:
        def describe(self) -> list[object]:
            return []

        def collect(self) -> Iterator[object]:
            raise RuntimeError("secret")

    server._registry.register(Broken())  # type: ignore[arg-type] # as broken as it can be
    answer = ask(server, "/metrics", "GET", "operator")
    assert (answer.status_code, answer.json()["code"]) == (500, "INTERNAL_ERROR")
    assert "secret" not in answer.text

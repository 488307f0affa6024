"""token: from the edge of a development stack, over real HTTP."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from kernel.tokens import open_tokens
from tests.edge.test_server import Server
from tests.prismctl.program import Prismctl
from tests.prismctl.workers import SETTINGS, Plane
from tests.support import eventually

JWKS = {
    "PRISM_AUTH": "jwks",
    "PRISM_JWT_ISSUER": "https://issuer.example",
    "PRISM_JWT_AUDIENCE": "prism",
    "PRISM_JWKS_URL": "https://issuer.example/keys",
}


def serving(folder: Path, redis_url: str, env: dict[str, str]) -> Iterator[str]:
    """An edge of its own. Its URL."""
    # The key that the workers of the tests check with.
    server = Server(folder, redis_url, PRISM_DEV_TOKEN_KEY=SETTINGS.prism_dev_token_key, **env)
    server.start()
    eventually(server.up, 30)
    yield f"http://127.0.0.1:{server.port}"
    server.close()


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory, redis_url: str) -> Iterator[str]:
    """Of a development stack."""
    yield from serving(tmp_path_factory.mktemp("edge"), redis_url, {})


@pytest.fixture(scope="module")
def issuers_edge(tmp_path_factory: pytest.TempPathFactory, redis_url: str) -> Iterator[str]:
    """Of a stack whose tokens come from an issuer."""
    yield from serving(tmp_path_factory.mktemp("edge"), redis_url, JWKS)


@pytest.fixture
def nobody() -> Prismctl:
    """Prismctl without a token."""
    return Prismctl({})


def test_a_token_is_all_that_is_printed_and_it_is_an_operators(nobody: Prismctl, edge: str) -> None:
    issued = nobody("token", "--subject", "olga", "--edge", edge)
    assert (issued.exit_code, issued.err) == (0, "")
    caller = open_tokens(SETTINGS).check(issued.out.strip())
    assert (caller.subject, caller.roles) == ("olga", frozenset({"operator"}))


def test_a_token_opens_the_workers(plane: Plane, ctl: Prismctl, edge: str) -> None:
    issued = ctl("token", PRISM_EDGE_URL=f"{edge}/", LOGNAME="mia")
    assert ctl("status", PRISM_TOKEN=issued.out).exit_code == 0
    assert ctl("status", "--token", "nonsense").exit_code == 4
    # What stands after the command's name wins, and either wins over the environment.
    assert ctl("--token", "nonsense", "status", "--token", issued.out.strip()).exit_code == 0
    assert ctl("--token", "nonsense", "status").exit_code == 4


def test_the_port_of_the_environment_is_the_edges(nobody: Prismctl, edge: str) -> None:
    issued = nobody("token", "--json", PRISM_EDGE_PORT=edge.rpartition(":")[2])
    assert list(issued.json) == ["token"]


def test_a_proxy_of_the_environment_is_not_asked(nobody: Prismctl, edge: str) -> None:
    issued = nobody("token", "--edge", edge, http_proxy="http://127.0.0.1:1", HTTP_PROXY="http://127.0.0.1:1")
    assert issued.exit_code == 0


def test_an_issuers_stack_gives_none(nobody: Prismctl, issuers_edge: str) -> None:
    refused = nobody("token", "--edge", issuers_edge)
    assert (refused.exit_code, refused.out) == (5, "")
    assert "PRISM_AUTH=jwks" in refused.err
    assert len(refused.err.splitlines()) == 1


def test_a_subject_that_is_none_is_refused(nobody: Prismctl, edge: str) -> None:
    assert nobody("token", "--subject", "policy:checkout", "--edge", edge).exit_code == 2


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://no-such-host.invalid"])
def test_an_edge_that_does_not_answer(nobody: Prismctl, url: str) -> None:
    failed = nobody("token", "--edge", url, "--timeout", "3")
    assert (failed.exit_code, failed.out) == (3, "")
    assert len(failed.err.splitlines()) == 1


@pytest.mark.parametrize("url", ["nonsense://x", "http://", "http://[::1", "::::", "http://127.0.0.1:port"])
def test_garbage_is_no_url(nobody: Prismctl, url: str) -> None:
    failed = nobody("token", "--edge", url)
    assert (failed.exit_code, failed.out) == (2, "")


def test_what_answers_otherwise_is_no_edge(nobody: Prismctl, plane: Plane) -> None:
    # A gRPC server speaks HTTP/2 alone.
    failed = nobody("token", "--edge", f"http://{plane.domain_server.address}")
    assert (failed.exit_code, failed.out) == (3, "")
    assert len(failed.err.splitlines()) == 1

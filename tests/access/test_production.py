"""A stack as in production, from outside: certificates, an issuer that changes and fails, other origins."""

import os
import socket
import subprocess
import sys
import time

import grpc
import httpx
import pytest

from dev.demo.client import Person
from dev.demo.sse import StreamRefused
from kernel.channels import open_channel
from prism.admin.v1.admin_pb2 import StatusRequest
from prism.admin.v1.admin_pb2_grpc import AdminStub
from tests.access.callers import CALLERS
from tests.access.conftest import ORIGIN, Closed
from tests.e2e.client import applied, document, eur, new_id
from tests.stream.client import address
from tests.support import eventually


def test_with_certificates_everything_works_as_ever(closed: Closed) -> None:
    """Bells, the edge's look at the workers, and outcomes that nobody but the event store still knows."""
    assert closed.shop.http.get("/readyz").json()["status"] == "ready"
    merchant = closed.person("merchant", subject="max")
    body = {"productId": new_id("p"), "name": "Mug", "price": eur(1000)}
    began = time.monotonic()
    outcome = applied(merchant.send("POST", "/v1/products", body, wait_s=10))
    assert time.monotonic() - began < 1, "a bell rang: nobody had to poll"
    closed.shop.forgets_redis()
    path = f"/v1/commands/{outcome['stream']}/{outcome['commandId']}"
    assert document(merchant.get(path))["status"] == "APPLIED"


def test_prismctl_shows_its_certificate(closed: Closed) -> None:
    stack, caller = closed.shop.stack, closed.caller
    token = closed.issuer.sign(roles=["operator"])
    targets = [
        "--domain",
        stack.domain_grpc,
        "--projector",
        stack.projector_grpc,
        "--stream",
        stack.stream_grpc,
    ]
    certificates = {
        "PRISM_GRPC_CERT": caller.prism_grpc_cert,
        "PRISM_GRPC_KEY": caller.prism_grpc_key,
        "PRISM_GRPC_CA": caller.prism_grpc_ca,
    }
    for shown, works in ((certificates, True), ({}, False)):
        words = [sys.executable, "-m", "prismctl", *targets, "--timeout", "3", "status"]
        env = {"PATH": os.environ["PATH"], "PYTHONPATH": ":".join(sys.path), "PRISM_TOKEN": token} | shown
        ended = subprocess.run(words, env=env, capture_output=True, text=True, timeout=60, check=False)
        assert (ended.returncode == 0) == works, ended.stdout + ended.stderr


def at_every_door(closed: Closed, token: str) -> tuple[int, int, grpc.StatusCode]:
    """What the edge, the stream service and a worker's admin plane say to a token of an operator."""
    someone = Person(closed.shop.http, closed.shop.stack.stream_url, "", token)
    edge = someone.get("/v1/orders")
    headers = {"Authorization": f"Bearer {token}"}
    # HEAD opens no stream.
    url = address(closed.shop.stack.stream_url, ["products"])
    stream = httpx.head(url, headers=headers, trust_env=False)
    for answer in (edge, stream):
        if answer.status_code == 503:
            assert int(answer.headers["Retry-After"]) >= 1
    if edge.status_code == 503:
        assert edge.json()["code"] == "TOKEN_KEYS_UNAVAILABLE"
    code = grpc.StatusCode.OK
    with open_channel(closed.caller, closed.workers["domain_svc"]) as channel:
        try:
            AdminStub(channel).Status(
                StatusRequest(), metadata=(("authorization", f"Bearer {token}"),), timeout=9
            )
        except grpc.RpcError as error:
            code = error.code()
    return edge.status_code, stream.status_code, code


@pytest.mark.parametrize("caller", CALLERS)
def test_metrics_are_for_operators_at_every_service(closed: Closed, caller: str) -> None:
    roles = CALLERS[caller]
    token = closed.issuer.sign(roles=sorted({"operator"} if roles is None else roles))
    # A forger has a token for everything, and no key.
    sent = "" if caller == "nobody" else token[:-4] + "AAAA" if roles is None else token
    expected = 401 if roles is None else 200 if "operator" in roles else 403
    assert len(closed.shop.stack.metrics_urls) == 4
    for service, url in closed.shop.stack.metrics_urls.items():
        headers = {"Authorization": f"Bearer {sent}"} if sent else {}
        answer = httpx.get(url, headers=headers, trust_env=False)
        assert answer.status_code == expected, service
        assert ("# HELP prism_" in answer.text) == (expected == 200)


LET_IN = (200, 200, grpc.StatusCode.OK)
UNKNOWN = (401, 401, grpc.StatusCode.UNAUTHENTICATED)
CANNOT_TELL = (503, 503, grpc.StatusCode.UNAVAILABLE)


def test_an_issuer_out_of_reach_is_no_reason_to_send_anyone_away(closed: Closed) -> None:
    issuer = closed.issuer
    assert at_every_door(closed, issuer.sign(roles=["operator"])) == LET_IN
    issuer.add("k2")
    assert at_every_door(closed, issuer.sign("k2", roles=["operator"])) == LET_IN, (
        "a new key, at its first use"
    )
    issuer.add("k3")
    issuer.close()
    try:
        assert at_every_door(closed, issuer.sign("k2", roles=["operator"], sub="bea")) == LET_IN
        assert at_every_door(closed, issuer.sign("k3", roles=["operator"])) == CANNOT_TELL
        unknown = Person(closed.shop.http, closed.shop.stack.stream_url, "", issuer.sign("k3"))
        with pytest.raises(StreamRefused, match="503"):
            unknown.follow("products")
    finally:
        issuer.reopen()
    eventually(lambda: at_every_door(closed, issuer.sign("k3", roles=["operator"])) == LET_IN)


def test_made_up_keys_do_not_make_every_request_a_fetch(closed: Closed) -> None:
    issuer = closed.issuer
    key = issuer.keys["k1"]
    before = issuer.fetches
    for number in range(40):
        assert at_every_door(closed, issuer.sign(f"made-up-{number}", key, roles=["operator"])) == UNKNOWN
    # Three processes: each has an allowance of five, and one more each ten seconds.
    assert issuer.fetches - before <= 3 * 7
    assert at_every_door(closed, issuer.sign(roles=["operator"], sub="cleo")) == LET_IN


def test_no_token_can_be_asked_for(closed: Closed) -> None:
    body = {"subject": "x", "roles": ["operator"]}
    for verb in ("POST", "PUT", "GET", "OPTIONS", "post"):
        assert closed.shop.http.request(verb, "/v1/dev/tokens", json=body).status_code in (404, 400)
    assert "/v1/dev/tokens" not in closed.shop.http.get("/openapi.json").json()["paths"]


def doors(closed: Closed) -> dict[str, str]:
    return {
        f"{closed.shop.stack.edge_url}/v1/orders": "POST",
        str(address(closed.shop.stack.stream_url, ["products"])): "GET",
    }


def test_a_page_of_a_listed_origin_may_call_and_no_other(closed: Closed) -> None:
    for url, method in doors(closed).items():
        asking = {"Access-Control-Request-Method": method, "Access-Control-Request-Headers": "authorization"}
        preflight = httpx.options(url, headers={"Origin": ORIGIN} | asking, trust_env=False)
        assert preflight.status_code == 204
        assert preflight.headers["Access-Control-Allow-Origin"] == ORIGIN
        assert preflight.headers["Access-Control-Allow-Credentials"] == "true"
        answer = httpx.head(url, headers={"Origin": ORIGIN}, trust_env=False)
        assert answer.status_code == 401, "a page needs a token like anyone"
        assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN, "and may read that"
        for other in ("https://evil.example", "null", "http://shop.example", f"{ORIGIN}.evil.example"):
            for sent in ({"Origin": other} | asking, {"Origin": other}):
                answer = httpx.options(url, headers=sent, trust_env=False)
                assert not [name for name in answer.headers if name.startswith("access-control")]


def test_every_answer_says_how_far_to_trust_it_and_none_names_a_version(closed: Closed) -> None:
    stack = closed.shop.stack
    for url in (
        f"{stack.edge_url}/healthz",
        f"{stack.edge_url}/docs",
        f"{stack.edge_url}/nothing",
        f"{stack.edge_url}/v1/orders",
        f"{stack.stream_url}/healthz",
        f"{stack.stream_url}/nothing",
        f"{stack.stream_url}/v1/stream",
    ):
        headers = httpx.get(url, trust_env=False).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "Strict-Transport-Security" not in headers, "over plain HTTP it says nothing"
        assert not any(character.isdigit() for character in headers.get("Server", ""))
        assert "X-Powered-By" not in headers


@pytest.mark.parametrize(
    "request_",
    [b"NONSENSE s3cr3t\r\n\r\n", b"GET / HTTP/1.1\r\ns3cr3t: a\x00b\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n"],
)
def test_broken_http_is_answered_the_same_and_repeated_nowhere(closed: Closed, request_: bytes) -> None:
    for url in (closed.shop.stack.edge_url, closed.shop.stack.stream_url):
        host, _, port = url.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            connection.sendall(request_)
            answer = b"".join(iter(lambda: connection.recv(65536), b"")).decode()
        assert answer.startswith("HTTP/1.1 400 ")
        for expected in ("application/problem+json", "MALFORMED_REQUEST", "nosniff", "default-src 'none'"):
            assert expected in answer
        assert "s3cr3t" not in answer
    for service in ("edge", "stream_svc"):
        assert "s3cr3t" not in closed.shop.stack.logs(service)


def test_behind_a_proxy_that_ends_tls_browsers_are_told_to_come_by_tls_alone(closed: Closed) -> None:
    for url in (closed.shop.stack.edge_url, closed.shop.stack.stream_url):
        headers = httpx.get(f"{url}/healthz", headers={"X-Forwarded-Proto": "https"}, trust_env=False).headers
        assert "max-age" in headers["Strict-Transport-Security"]

"""Tokens: who gets one, which are refused, and the cookie of the event stream."""

import time

import jwt
import pytest

from kernel.tokens import DEV_ISSUER
from tests.edge.client import Edge, settings_for


def test_a_development_stack_gives_tokens_to_anyone(edge: Edge) -> None:
    answer = edge.post("/v1/dev/tokens", {"subject": "zoë", "roles": ["merchant"]}, by=None)
    assert answer.status_code == 200
    assert answer.json
    assert set(answer.json) == {"token"}
    headers = {"Authorization": f"bearer  {answer.json['token']}"}
    path = "/v1/products/mug"
    assert edge.call("DELETE", path, by=None, headers=headers).status_code == 202
    assert edge.queued()[0].subject == "zoë"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"subject": "alice", "roles": []}, 200),
        ({"subject": "a" * 128, "roles": ["shopper"]}, 200),
        ({"subject": "a" * 129, "roles": ["shopper"]}, 422),
        ({"subject": "", "roles": ["shopper"]}, 422),
        ({"subject": " ", "roles": ["shopper"]}, 422),
        ({"subject": "a\nb", "roles": ["shopper"]}, 422),
        ({"subject": "\ud800", "roles": ["shopper"]}, 422),
        ({"subject": "policy:checkout", "roles": ["shopper"]}, 422),
        ({"roles": ["shopper"]}, 422),
        ({"subject": "alice", "roles": ["king"]}, 422),
        ({"subject": "alice", "roles": "shopper"}, 400),
        ({"subject": "alice", "roles": [1]}, 400),
        ({"subject": "alice", "roles": [["shopper"]]}, 400),
        ({"subject": 5, "roles": []}, 400),
        ({"subject": "alice", "roles": [], "exp": 1}, 400),
        ([], 400),
    ],
)
def test_a_token_is_asked_for_properly(edge: Edge, body: object, status: int) -> None:
    assert edge.post("/v1/dev/tokens", body, by=None).status_code == status


def test_only_a_development_stack_gives_tokens(edge: Edge, redis_url: str, namespace: str) -> None:
    settings = settings_for(
        edge.settings.prism_data_dir,  # type: ignore[arg-type] # a text will do
        redis_url,
        namespace,
        prism_auth="jwks",
        prism_jwks_url="http://127.0.0.1:1/keys",
        prism_jwt_issuer="i",
        prism_jwt_audience="a",
    )
    strict = Edge(settings)
    assert strict.post("/v1/dev/tokens", {"subject": "alice", "roles": []}, by=None).status_code == 404
    assert "/v1/dev/tokens" not in strict.document["paths"]


def signed(edge: Edge, **claims: object) -> str:
    whole = {"sub": "alice", "roles": ["shopper"], "iss": DEV_ISSUER, "exp": int(time.time()) + 60} | claims
    return jwt.encode(whole, edge.settings.prism_dev_token_key, "HS256")


def test_a_token_that_is_not_valid_now_is_refused(edge: Edge) -> None:
    good = signed(edge)
    unsigned = jwt.encode({"sub": "alice", "exp": time.time() + 60, "iss": DEV_ISSUER}, "", "none")
    bad = [
        f"Bearer {signed(edge, exp=int(time.time()) - 1)}",
        f"Bearer {signed(edge, iss='other')}",
        f"Bearer {signed(edge, sub='')}",
        f"Bearer {signed(edge, sub='a' * 129)}",
        f"Bearer {signed(edge, sub='policy:checkout')}",
        f"Bearer {signed(edge, roles='shopper')}",
        f"Bearer {good[:-2]}",
        f"Bearer {unsigned}",
        "Bearer",
        "Bearer ",
        "Bearer \u00e9",
        good,
        f"Basic {good}",
        "",
    ]
    for header in bad:
        answer = edge.get("/v1/orders", by=None, headers={"Authorization": header})
        assert answer.status_code == 401, header
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert good[:20] not in answer.get_data(as_text=True)
    assert edge.get("/v1/orders", by=None, headers={"Authorization": f"Bearer {good}"}).status_code == 200


def test_a_session_is_a_cookie_for_the_event_stream_alone(edge: Edge) -> None:
    answer = edge.post("/v1/session")
    assert answer.status_code == 204
    cookie = answer.headers["Set-Cookie"]
    for part in ("prism_session=", "HttpOnly", "SameSite=Strict", "Path=/v1/stream", "Max-Age=43"):
        assert part in cookie
    assert "Secure" not in cookie
    secure = edge.call("POST", "/v1/session", base_url="https://localhost").headers["Set-Cookie"]
    assert "Secure" in secure
    assert edge.post("/v1/session", by=None).status_code == 401


def test_a_session_ends_with_or_without_a_token(edge: Edge) -> None:
    for by in ("alice", None):
        answer = edge.call("DELETE", "/v1/session", by=by)
        assert answer.status_code == 204
        assert "prism_session=;" in answer.headers["Set-Cookie"]
        assert "Max-Age=0" in answer.headers["Set-Cookie"]


def test_the_edge_itself_takes_no_cookie(edge: Edge) -> None:
    cookie = {"Cookie": f"prism_session={edge.token()}"}
    assert edge.get("/v1/orders", by=None, headers=cookie).status_code == 401
    assert edge.call("DELETE", "/v1/products/mug", by=None, headers=cookie).status_code == 401


def test_nothing_but_the_header_carries_a_token(edge: Edge) -> None:
    assert edge.get(f"/v1/orders?token={edge.token()}", by=None).status_code == 401

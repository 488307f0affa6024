"""Who is asking: tokens that are good for nothing, tokens that end, and tokens of an issuer."""

import base64
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from dev.demo.client import Person
from dev.demo.sse import StreamRefused
from kernel.tokens import DEV_ISSUER
from tests.e2e.client import Operator, Shop, Shopper, document, eur, new_id
from tests.e2e.conftest import open_shop
from tests.support import eventually


def claims(subject: str, roles: list[str], **more: object) -> dict[str, Any]:
    return {"sub": subject, "roles": roles, "iss": DEV_ISSUER, "exp": int(time.time()) + 60} | more


def with_token(shop: Shop, token: str) -> Person:
    return Person(shop.http, shop.stack.stream_url, "", token)


def test_a_token_that_is_not_signed_by_the_stack_or_has_ended_is_none(shop: Shop, shopper: Shopper) -> None:
    key = shop.stack.env["PRISM_DEV_TOKEN_KEY"]
    header, _, signature = shopper.token.split(".")
    forged = base64.urlsafe_b64encode(json.dumps(claims("x", ["operator"])).encode()).decode().rstrip("=")
    for token in (
        "x",
        f"{header}.{forged}.{signature}",
        jwt.encode(claims("x", ["shopper"]), "", algorithm="none"),
        jwt.encode(claims("x", ["shopper"]), "another key of thirty-two letters or more", algorithm="HS256"),
        jwt.encode(claims("x", ["shopper"], exp=int(time.time()) - 1), key, algorithm="HS256"),
        jwt.encode(claims("x", ["shopper"], iss="someone"), key, algorithm="HS256"),
        jwt.encode({"sub": "x", "roles": ["shopper"], "iss": DEV_ISSUER}, key, algorithm="HS256"),
    ):
        someone = with_token(shop, token)
        assert someone.get("/v1/orders").status_code == 401
        with pytest.raises(StreamRefused, match="401"):
            someone.follow("products")
    assert document(shopper.get("/v1/orders"))["items"] == []


def test_a_stream_ends_when_its_token_does(shop: Shop) -> None:
    key = shop.stack.env["PRISM_DEV_TOKEN_KEY"]
    token = jwt.encode(claims("x", ["shopper"], exp=int(time.time()) + 2), key, algorithm="HS256")
    someone = with_token(shop, token)
    with someone.follow("products") as stream:
        assert stream.open
        eventually(lambda: not stream.open)
    assert someone.get("/v1/orders").status_code == 401


@contextmanager
def published(key: rsa.RSAPrivateKey) -> Iterator[str]:
    """Serves a key set as an issuer does. Gives its address."""
    one = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key()))
    body = json.dumps({"keys": [one | {"kid": "k1", "alg": "RS256", "use": "sig"}]}).encode()

    class Keys(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # the base class's name
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Keys) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/keys"
        server.shutdown()


def test_with_an_issuer_only_its_tokens_count() -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def sign(by: rsa.RSAPrivateKey = key, **more: object) -> str:
        issued = claims("ada", ["merchant", "operator"], iss="https://issuer.test", aud="prism") | more
        return jwt.encode(issued, by, algorithm="RS256", headers={"kid": "k1"})

    with published(key) as address:
        env = {
            "PRISM_AUTH": "jwks",
            "PRISM_JWT_ISSUER": "https://issuer.test",
            "PRISM_JWT_AUDIENCE": "prism",
            "PRISM_JWKS_URL": address,
        }
        with open_shop("embedded", env) as shop:
            assert shop.http.post("/v1/dev/tokens", json={"subject": "x", "roles": []}).status_code == 404
            ada = with_token(shop, sign())
            body = {"productId": new_id("p"), "name": "Mug", "price": eur(1)}
            with ada.follow("products") as stream:
                assert document(ada.send("POST", "/v1/products", body, wait_s=10))["status"] == "APPLIED"
                assert stream.wait_for(lambda update: update.data["productId"] == body["productId"])
            assert Operator(shop.stack.domain_grpc, ada.token).consumers()
            for token in (
                sign(other),
                sign(iss="https://another.test"),
                sign(aud="another"),
                sign(exp=int(time.time()) - 1),
                jwt.encode(claims("ada", ["merchant"]), "k" * 32, algorithm="HS256", headers={"kid": "k1"}),
            ):
                refused(shop, token)


def refused(shop: Shop, token: str) -> None:
    assert with_token(shop, token).get("/v1/orders").status_code == 401
    with pytest.raises(StreamRefused, match="401"):
        with_token(shop, token).follow("products")
    with pytest.raises(grpc.RpcError):
        Operator(shop.stack.domain_grpc, token).consumers()

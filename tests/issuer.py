"""An issuer of tokens: keys of its own, and a real HTTP server that publishes them."""

import json
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa

ISSUER = "https://issuer.test"
AUDIENCE = "prism"
Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


class Issuer:
    """Publishes its keys while it is open; `port` 0 takes a free one."""

    def __init__(self, port: int = 0) -> None:
        self.keys: dict[str, Key] = {}
        # Published as they are, beside the keys.
        self.more: list[dict[str, Any]] = []
        self.fetches = 0
        # What it answers in place of its keys.
        self.instead: tuple[int, bytes] | None = None
        self.add("k1")
        self._server = self._open(port)
        self.port = self._server.server_port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/keys"

    @property
    def env(self) -> dict[str, str]:
        """Settings of services that take its tokens."""
        return {
            "PRISM_AUTH": "jwks",
            "PRISM_JWT_ISSUER": ISSUER,
            "PRISM_JWT_AUDIENCE": AUDIENCE,
            "PRISM_JWKS_URL": self.url,
        }

    def add(self, name: str, key: Key | None = None) -> None:
        """Publishes another key; RSA unless it is given."""
        self.keys[name] = key or rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def sign(self, kid: str = "k1", key: Key | None = None, **more: Any) -> str:  # noqa: ANN401 # whatever a claim can be
        """A token; a claim that is None is left out. `key` signs in the place of the published one."""
        now = int(time.time())
        good = {
            "sub": "ada",
            "roles": ["shopper"],
            "iss": ISSUER,
            "aud": AUDIENCE,
            "iat": now,
            "exp": now + 600,
        }
        claims = {name: value for name, value in (good | more).items() if value is not None}
        signer = key or self.keys[kid]
        algorithm = "RS256" if isinstance(signer, rsa.RSAPrivateKey) else "ES256"
        # Not `jwt.encode`, which would refuse some wrong claims itself.
        return jwt.PyJWS().encode(json.dumps(claims).encode(), signer, algorithm, headers={"kid": kid})

    def published(self) -> bytes:
        return json.dumps(
            {"keys": [*(_jwk(name, key) for name, key in self.keys.items()), *self.more]}
        ).encode()

    def close(self) -> None:
        """Is out of reach from now on."""
        self._server.shutdown()
        self._server.server_close()

    def reopen(self) -> None:
        """Is back where it was."""
        self._server = self._open(self.port)

    def _open(self, port: int) -> ThreadingHTTPServer:
        issuer = self

        class Keys(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.fetches += 1
                status, body = issuer.instead or (200, issuer.published())
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # the base class's name
                pass

        server = ThreadingHTTPServer(("127.0.0.1", port), Keys)
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        return server


def _jwk(name: str, key: Key) -> dict[str, Any]:
    public = key.public_key()
    if isinstance(public, rsa.RSAPublicKey):
        text, algorithm = jwt.algorithms.RSAAlgorithm.to_jwk(public), "RS256"
    else:
        text, algorithm = jwt.algorithms.ECAlgorithm.to_jwk(public), "ES256"
    return dict(json.loads(text)) | {"kid": name, "alg": algorithm, "use": "sig"}

"""Who is asking: bearer tokens, checked against the stack's own key or an issuer's."""

import time
from dataclasses import dataclass
from threading import Lock
from typing import Protocol

import jwt
from cachetools import TTLCache

from kernel.errors import ConfigurationError
from kernel.settings import Settings

# Carries a token to stream_svc, which browsers cannot send a header to.
SESSION_COOKIE = "prism_session"
ROLES = frozenset({"shopper", "merchant", "operator"})
MAX_SUBJECT_CHARS = 128
# Marks policies as senders of commands: no token may speak for one.
POLICY_PREFIX = "policy:"
DEV_ISSUER = "prism-dev"
DEV_TOKEN_LIFE_S = 12 * 3600
# Checked tokens are remembered this long: a signature costs more than a request's other work.
REMEMBER_S = 60


class InvalidToken(Exception):
    """No valid token; the text says why, without any of the token."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever a valid token speaks for."""

    subject: str
    roles: frozenset[str]
    # When the token ends, in seconds since the epoch.
    expires_at: float


class Tokens(Protocol):
    """Checks tokens."""

    def check(self, token: str) -> Caller:
        """Who the token speaks for. InvalidToken when it is not valid now. May fetch the issuer's keys."""


class JwtTokens:
    """Tokens signed with one of the given algorithms; the key is found by the token's header."""

    def __init__(self, keys: "KeySource", algorithms: list[str], issuer: str, audience: str | None) -> None:
        self._keys = keys
        self._algorithms = algorithms
        self._issuer = issuer
        self._audience = audience
        self._known: TTLCache[str, Caller] = TTLCache(maxsize=4096, ttl=REMEMBER_S)
        self._lock = Lock()

    def check(self, token: str) -> Caller:
        """Who the token speaks for. InvalidToken when it is not valid now. May fetch the issuer's keys."""
        with self._lock:
            known = self._known.get(token)
        if known is None:
            known = self._decode(token)
            with self._lock:
                self._known[token] = known
        if known.expires_at <= time.time():
            raise InvalidToken("the token has expired")
        return known

    def _decode(self, token: str) -> Caller:
        try:
            claims = jwt.decode(
                token,
                self._keys.key_for(token),
                algorithms=self._algorithms,
                issuer=self._issuer,
                audience=self._audience,
                options={"require": ["exp", "sub"], "verify_aud": self._audience is not None},
            )
        except jwt.PyJWKClientError:
            raise InvalidToken("the key that signed the token cannot be found with its issuer") from None
        except jwt.PyJWTError as error:
            raise InvalidToken(str(error) or "the token is not valid") from None
        roles = claims.get("roles", [])
        if not is_subject(claims["sub"]) or not isinstance(roles, list):
            raise InvalidToken("the claims `sub` and `roles` cannot be used here")
        return Caller(claims["sub"], frozenset(map(str, roles)) & ROLES, float(claims["exp"]))


def is_subject(text: str) -> bool:
    """Whether a person or program may be called so: what keys of rows and logs can carry."""
    return (
        0 < len(text) <= MAX_SUBJECT_CHARS
        and text.isprintable()
        and text == text.strip()
        and not text.startswith(POLICY_PREFIX)
    )


class KeySource(Protocol):
    """Finds the key that a token must be signed with."""

    def key_for(self, token: str) -> str | jwt.PyJWK:
        """The key. jwt.PyJWTError when there is none."""


class OwnKey:
    """The one key of a development stack, which signs too."""

    def __init__(self, key: str) -> None:
        self._key = key

    def key_for(self, token: str) -> str:
        """The stack's key, whatever the token."""
        return self._key


class IssuerKeys:
    """An issuer's published keys, fetched anew every five minutes and for a key that is not known yet."""

    def __init__(self, url: str) -> None:
        self._client = jwt.PyJWKClient(url, timeout=5)

    def key_for(self, token: str) -> jwt.PyJWK:
        """The key that the token's header names. May fetch."""
        return self._client.get_signing_key_from_jwt(token)


def open_tokens(settings: Settings) -> Tokens:
    """The checker of tokens that the settings ask for."""
    if settings.prism_auth == "jwks":
        return JwtTokens(
            IssuerKeys(settings.prism_jwks_url),
            ["RS256", "ES256"],
            settings.prism_jwt_issuer,
            settings.prism_jwt_audience,
        )
    return JwtTokens(OwnKey(_dev_key(settings)), ["HS256"], DEV_ISSUER, None)


def issue_dev_token(settings: Settings, subject: str, roles: list[str]) -> str:
    """Signs a token of a development stack, valid for twelve hours. Never in production."""
    now = int(time.time())
    claims = {"sub": subject, "roles": roles, "iss": DEV_ISSUER, "iat": now, "exp": now + DEV_TOKEN_LIFE_S}
    return jwt.encode(claims, _dev_key(settings), algorithm="HS256")


def _dev_key(settings: Settings) -> str:
    if settings.prism_auth != "dev" or len(settings.prism_dev_token_key) < 32:
        raise ConfigurationError(
            "`PRISM_DEV_TOKEN_KEY` is needed when PRISM_AUTH=dev: 32 random characters or more, the same "
            "for every service (`make run` makes one)"
        )
    return settings.prism_dev_token_key

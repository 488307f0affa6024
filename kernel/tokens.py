"""Who is asking: bearer tokens, checked against the stack's own key or an issuer's."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Protocol

import jwt
from cachetools import TTLCache

from kernel.errors import ConfigurationError
from kernel.issuer import IssuerKeys, KeysUnavailable
from kernel.settings import Settings

# Carries a token to stream_svc, which browsers cannot send a header to.
SESSION_COOKIE = "prism_session"
ROLES = frozenset({"shopper", "merchant", "operator"})
MAX_SUBJECT_CHARS = 128
# Marks policies as senders of commands: no token may speak for one.
POLICY_PREFIX = "policy:"
DEV_ISSUER = "prism-dev"
DEV_TOKEN_LIFE_S = 12 * 3600
# How far ahead of ours an issuer's clock may be: for `nbf` and `iat`. An expired token gets nothing.
LEEWAY_S = 5
# As long as a header may be.
MAX_TOKEN_CHARS = 8192
ISSUER_ALGORITHMS = ("RS256", "ES256")
# Checked tokens are remembered this long, and so many: a signature costs more than a request's other work.
REMEMBER_S = 60
REMEMBERED = 4096


class InvalidToken(Exception):
    """No valid token; the text says why, without any of the token."""


class NoToken(InvalidToken):
    """No token at all, or none of the scheme `Bearer`."""


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
        """Who the token speaks for. InvalidToken when it is not valid now. May fetch the issuer's keys.

        KeysUnavailable when they are needed and out of reach.
        """


def bearer_token(authorization: str) -> str:
    """The token, unchecked, in the value of a header `Authorization`. NoToken where there is none."""
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise NoToken("a bearer token is needed")
    return token.strip()


def caller_of(authorization: str, tokens: Tokens) -> Caller:
    """Who is asking, by the value of a header `Authorization`: of HTTP or of gRPC's metadata.

    NoToken without a token, InvalidToken with one that is not valid now, KeysUnavailable while nobody can
    tell. May fetch the issuer's keys.
    """
    return tokens.check(bearer_token(authorization))


class JwtTokens:
    """Tokens signed with one of the given algorithms; the key is found by the token's header."""

    def __init__(
        self, keys: "KeySource", algorithms: Sequence[str], issuer: str, audience: str | None
    ) -> None:
        self._keys = keys
        self._algorithms = algorithms
        self._issuer = issuer
        self._audience = audience
        # With the generation of the keys that they were checked with.
        self._known: TTLCache[str, tuple[int, Caller]] = TTLCache(REMEMBERED, REMEMBER_S)
        self._lock = Lock()

    def check(self, token: str) -> Caller:
        """Who the token speaks for. InvalidToken when it is not valid now. May fetch the issuer's keys.

        KeysUnavailable when they are needed and out of reach.
        """
        generation = self._keys.generation
        with self._lock:
            known, caller = self._known.get(token, (-1, None))
        if caller is None or known != generation:
            caller = self._decode(token)
            with self._lock:
                self._known[token] = generation, caller
        if caller.expires_at <= time.time():
            raise InvalidToken("the token has expired")
        return caller

    def _decode(self, token: str) -> Caller:
        if len(token) > MAX_TOKEN_CHARS:
            raise InvalidToken("the token is too long")
        try:
            claims = jwt.decode(
                token,
                self._keys.key_for(token),
                algorithms=self._algorithms,
                issuer=self._issuer,
                audience=self._audience,
                leeway=LEEWAY_S,
                options={"require": ["exp", "sub"], "verify_aud": self._audience is not None},
            )
            subject, roles, expires_at = claims["sub"], claims.get("roles", []), float(claims["exp"])
        except KeysUnavailable:
            raise
        except jwt.PyJWTError as error:
            raise InvalidToken(str(error) or "the token is not valid") from None
        except Exception:  # noqa: BLE001 what breaks a parser is no token
            raise InvalidToken("the token cannot be read") from None
        if not isinstance(subject, str) or not is_subject(subject) or not isinstance(roles, list):
            raise InvalidToken("the claims `sub` and `roles` cannot be used here")
        return Caller(subject, frozenset(map(str, roles)) & ROLES, expires_at)


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

    @property
    def generation(self) -> int:
        """Changes when keys do: what was checked before has to be checked again."""

    def key_for(self, token: str) -> str | jwt.PyJWK:
        """The key. jwt.PyJWTError when there is none, KeysUnavailable when that cannot be found out."""


class OwnKey:
    """The one key of a development stack, which signs too."""

    generation = 0

    def __init__(self, key: str) -> None:
        self._key = key

    def key_for(self, token: str) -> str:
        """The stack's key, whatever the token."""
        return self._key


def open_tokens(settings: Settings) -> Tokens:
    """The checker of tokens that the settings ask for."""
    if settings.prism_auth == "jwks":
        return JwtTokens(
            IssuerKeys(settings.prism_jwks_url, ISSUER_ALGORITHMS),
            ISSUER_ALGORITHMS,
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

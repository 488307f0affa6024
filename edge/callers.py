"""Who is asking: the bearer token of a request."""

from flask import request

from edge.problems import FORBIDDEN, UNAUTHENTICATED, Problem
from kernel.tokens import Caller, InvalidToken, Tokens

MAX_SUBJECT_CHARS = 128
# Marks policies as senders of commands: no token may speak for one.
POLICY_PREFIX = "policy:"


def bearer_token() -> str:
    """The request's token, unchecked. An unauthenticated Problem where there is none."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise _unauthenticated("a bearer token is needed", "Bearer")
    return token.strip()


def caller_of_request(tokens: Tokens) -> Caller:
    """Whoever the request's token speaks for. An unauthenticated Problem without a valid one."""
    try:
        caller = tokens.check(bearer_token())
    except InvalidToken:
        raise _unauthenticated("the token is not valid", 'Bearer error="invalid_token"') from None
    if not is_subject(caller.subject):
        raise _unauthenticated("the token's subject cannot be used here", 'Bearer error="invalid_token"')
    return caller


def require_role(caller: Caller, roles: frozenset[str]) -> None:
    """Returns if the caller has one of the roles, or none is needed; else a forbidden Problem."""
    if roles and not roles & caller.roles:
        raise forbidden(roles)


def forbidden(roles: frozenset[str]) -> Problem:
    """A caller without any of the roles that are needed."""
    return Problem(FORBIDDEN, f"one of these roles is needed: {', '.join(sorted(roles))}")


def is_subject(text: str) -> bool:
    """Whether a person or program may be called so: what keys of rows and logs can carry."""
    return (
        0 < len(text) <= MAX_SUBJECT_CHARS
        and text.isprintable()
        and text == text.strip()
        and not text.startswith(POLICY_PREFIX)
    )


def _unauthenticated(detail: str, challenge: str) -> Problem:
    return Problem(UNAUTHENTICATED, detail, headers={"WWW-Authenticate": challenge})

"""Who is asking: the bearer token of a request."""

from flask import request

from edge.problems import FORBIDDEN, KEYS_UNAVAILABLE, UNAUTHENTICATED, Problem, unavailable
from kernel.issuer import KeysUnavailable
from kernel.tokens import Caller, InvalidToken, NoToken, Tokens, caller_of


def caller_of_request(tokens: Tokens) -> Caller:
    """Whoever the request's token speaks for. An unauthenticated Problem without a valid one.

    An unavailable one while nobody can tell whether it is.
    """
    try:
        return caller_of(authorization(), tokens)
    except NoToken as error:
        raise _unauthenticated(str(error), "Bearer") from None
    except InvalidToken:
        raise _unauthenticated("the token is not valid", 'Bearer error="invalid_token"') from None
    except KeysUnavailable:
        raise unavailable(KEYS_UNAVAILABLE) from None


def authorization() -> str:
    """The request's header of that name; empty without one."""
    return request.headers.get("Authorization", "")


def require_role(caller: Caller, roles: frozenset[str]) -> None:
    """Returns if the caller has one of the roles, or none is needed; else a forbidden Problem."""
    if roles and not roles & caller.roles:
        raise forbidden(roles)


def forbidden(roles: frozenset[str]) -> Problem:
    """A caller without any of the roles that are needed."""
    return Problem(FORBIDDEN, f"one of these roles is needed: {', '.join(sorted(roles))}")


def _unauthenticated(detail: str, challenge: str) -> Problem:
    return Problem(UNAUTHENTICATED, detail, headers={"WWW-Authenticate": challenge})

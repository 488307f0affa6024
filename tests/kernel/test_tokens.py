import base64
import json
import time
from typing import Any

import jwt
import pytest

from kernel.errors import ConfigurationError
from kernel.settings import Settings, load
from kernel.tokens import DEV_ISSUER, InvalidToken, issue_dev_token, open_tokens

KEY = "k" * 64
SETTINGS = load({"PRISM_DEV_TOKEN_KEY": KEY})


def token(key: str = KEY, algorithm: str = "HS256", **claims: Any) -> str:  # noqa: ANN401 # whatever a claim can be
    good = {"sub": "alice", "roles": ["shopper"], "iss": DEV_ISSUER, "exp": int(time.time()) + 60}
    return jwt.encode(
        {name: value for name, value in (good | claims).items() if value is not None}, key, algorithm
    )


def test_an_issued_token_says_who_it_speaks_for() -> None:
    caller = open_tokens(SETTINGS).check(issue_dev_token(SETTINGS, "alice", ["shopper", "merchant"]))
    assert (caller.subject, set(caller.roles)) == ("alice", {"shopper", "merchant"})
    assert caller.expires_at > time.time() + 3600


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "x.y.z",
        token(key="another key that is long enough for it"),
        token(exp=int(time.time()) - 1),
        token(exp=None),
        token(sub=None),
        token(sub=""),
        token(iss="someone else"),
        token(nbf=int(time.time()) + 600),
        token(roles="operator"),
        token(algorithm="HS512"),
    ],
)
def test_a_token_that_is_not_valid_is_refused(bad: str) -> None:
    with pytest.raises(InvalidToken):
        open_tokens(SETTINGS).check(bad)


def test_an_unsigned_token_is_refused() -> None:
    header, body = (
        {"alg": "none", "typ": "JWT"},
        {"sub": "alice", "exp": int(time.time()) + 60, "iss": DEV_ISSUER},
    )
    parts = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in (header, body)
    ]
    with pytest.raises(InvalidToken):
        open_tokens(SETTINGS).check(".".join([*parts, ""]))


def test_a_remembered_token_still_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = open_tokens(SETTINGS)
    good = token()
    assert tokens.check(good).subject == "alice"
    later = time.time() + 3600
    monkeypatch.setattr(time, "time", lambda: later)
    with pytest.raises(InvalidToken, match="expired"):
        tokens.check(good)


def test_roles_that_prism_does_not_know_give_nothing() -> None:
    assert open_tokens(SETTINGS).check(token(roles=["root", "shopper"])).roles == {"shopper"}


def test_a_short_key_signs_nothing() -> None:
    with pytest.raises(ConfigurationError, match="PRISM_DEV_TOKEN_KEY"):
        open_tokens(load({"PRISM_DEV_TOKEN_KEY": "short"}))


def test_outside_development_nobody_issues_tokens() -> None:
    settings = Settings(prism_auth="jwks", prism_dev_token_key=KEY)
    with pytest.raises(ConfigurationError):
        issue_dev_token(settings, "alice", ["operator"])

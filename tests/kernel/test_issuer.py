"""Tokens of an issuer, whose keys come from a real server: who is let in, and how often it is asked."""

import base64
import hashlib
import hmac
import json
import socket
import time
from collections.abc import Iterator
from threading import Thread
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from kernel import issuer as issuer_module
from kernel.errors import ConfigurationError
from kernel.issuer import ALLOWANCE, FRESH_S, PAUSE_S, REFILL_S, STALE_S, IssuerKeys, KeysUnavailable
from kernel.settings import load
from kernel.tokens import (
    ISSUER_ALGORITHMS,
    LEEWAY_S,
    MAX_TOKEN_CHARS,
    InvalidToken,
    JwtTokens,
    issue_dev_token,
    open_tokens,
)
from tests.issuer import AUDIENCE, ISSUER, Issuer
from tests.support import eventually


class Clock:
    """Moves when it is told to."""

    def __init__(self) -> None:
        self.now = time.monotonic()

    def __call__(self) -> float:
        return self.now

    def pass_by(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    issuer = Issuer()
    yield issuer
    issuer.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tokens(issuer: Issuer, clock: Clock) -> JwtTokens:
    return JwtTokens(IssuerKeys(issuer.url, ISSUER_ALGORITHMS, clock), ISSUER_ALGORITHMS, ISSUER, AUDIENCE)


def assembled(header: object, claims: object, signature: bytes = b"x") -> str:
    parts = [json.dumps(header).encode(), json.dumps(claims).encode(), signature]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def claims(**more: object) -> dict[str, Any]:
    now = int(time.time())
    return {"sub": "ada", "roles": ["operator"], "iss": ISSUER, "aud": AUDIENCE, "exp": now + 600} | more


def test_its_tokens_are_good_whatever_its_kind_of_key(issuer: Issuer, tokens: JwtTokens) -> None:
    issuer.add("k2", ec.generate_private_key(ec.SECP256R1()))
    assert tokens.check(issuer.sign("k1")).subject == "ada"
    assert tokens.check(issuer.sign("k2", roles=["merchant"])).roles == {"merchant"}
    assert tokens.check(issuer.sign(aud=["other", AUDIENCE])).subject == "ada"


def test_a_public_key_is_no_secret_to_sign_with(issuer: Issuer, tokens: JwtTokens) -> None:
    """RS256's public key as HS256's secret, in every form in which one can hold it."""
    public = issuer.keys["k1"].public_key()
    secrets = [
        public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).strip(),
        public.public_bytes(Encoding.PEM, PublicFormat.PKCS1),
        public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        issuer.published(),
        b"",
    ]
    for secret in secrets:
        for algorithm in ("HS256", "HS512", "hs256", "RS256"):
            unsigned = assembled({"alg": algorithm, "kid": "k1"}, claims()).rpartition(".")[0]
            mac = hmac.digest(secret, unsigned.encode(), hashlib.sha256)
            forged = f"{unsigned}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"
            with pytest.raises(InvalidToken):
                tokens.check(forged)


def test_a_secret_among_the_published_keys_signs_nothing(issuer: Issuer, tokens: JwtTokens) -> None:
    secret = b"a secret that should not be there at all"
    k = base64.urlsafe_b64encode(secret).rstrip(b"=").decode()
    issuer.more = [{"kty": "oct", "kid": "s1", "alg": "HS256", "k": k}]
    with pytest.raises(InvalidToken):
        tokens.check(jwt.encode(claims(), secret, "HS256", headers={"kid": "s1"}))


def test_a_key_that_is_for_encryption_signs_nothing(issuer: Issuer, tokens: JwtTokens) -> None:
    other = Issuer()
    [one] = json.loads(other.published())["keys"]
    issuer.more = [one | {"kid": "e1", "use": "enc"}]
    with pytest.raises(InvalidToken):
        tokens.check(issuer.sign("e1", other.keys["k1"]))
    other.close()


@pytest.mark.parametrize(
    "algorithm", ["none", "None", "NONE", "", "RS512", "PS256", "ES256", "EdDSA", None, 5]
)
def test_no_other_algorithm_counts(tokens: JwtTokens, algorithm: object) -> None:
    for signature in (b"", b"x" * 256):
        with pytest.raises(InvalidToken):
            tokens.check(assembled({"alg": algorithm, "kid": "k1"}, claims(), signature))


def test_a_token_brings_no_key_of_its_own(issuer: Issuer, tokens: JwtTokens) -> None:
    """`jwk`, `jku` and `x5u` of a header are a stranger's word."""
    stranger = Issuer()
    [own] = json.loads(stranger.published())["keys"]
    for more in ({"jwk": own}, {"jku": stranger.url}, {"x5u": stranger.url}):
        forged = jwt.encode(claims(), stranger.keys["k1"], "RS256", headers={"kid": "k1"} | more)
        with pytest.raises(InvalidToken):
            tokens.check(forged)
    assert stranger.fetches == 0
    stranger.close()


@pytest.mark.parametrize(
    "wrong",
    [
        {"iss": "https://another.test"},
        {"iss": ISSUER + "/"},
        {"iss": None},
        {"iss": [ISSUER]},
        {"aud": "another"},
        {"aud": None},
        {"aud": []},
        {"aud": {"prism": 1}},
        {"exp": int(time.time()) - 1},
        {"exp": None},
        {"exp": "tomorrow"},
        {"exp": float("inf")},
        {"exp": -1},
        {"nbf": int(time.time()) + 86_400},
        {"nbf": "x"},
        {"iat": int(time.time()) + 86_400},
        {"iat": "x"},
        {"sub": None},
        {"sub": ""},
        {"sub": 5},
        {"sub": ["ada"]},
        {"sub": "policy:checkout"},
        {"sub": "a" * 129},
        {"sub": "a\nb"},
        {"roles": "operator"},
        {"roles": {"operator": True}},
    ],
    ids=str,
)
def test_a_claim_that_does_not_fit_makes_it_no_token(
    issuer: Issuer, tokens: JwtTokens, wrong: dict[str, Any]
) -> None:
    with pytest.raises(InvalidToken):
        tokens.check(issuer.sign(**wrong))


def test_clocks_may_differ_by_a_few_seconds_and_an_end_is_an_end(issuer: Issuer, tokens: JwtTokens) -> None:
    now = int(time.time())
    ahead = LEEWAY_S - 2
    assert tokens.check(issuer.sign(nbf=now + ahead, iat=now + ahead)).subject == "ada"
    wrong: list[dict[str, Any]] = [{"nbf": now + LEEWAY_S + 5}, {"iat": now + LEEWAY_S + 5}, {"exp": now}]
    for late in wrong:
        with pytest.raises(InvalidToken):
            tokens.check(issuer.sign(**late))


@pytest.mark.parametrize(
    "garbage",
    [
        "",
        ".",
        "..",
        "...",
        "a.b.c",
        "é.é.é",
        "\ud800",
        "\x00",
        assembled([], {}),
        assembled("x", "y"),
        assembled({"alg": ["RS256"], "kid": "k1"}, {}),
        assembled({"alg": "RS256", "kid": ["k1"]}, {}),
        assembled({"alg": "RS256", "kid": {}}, {}),
        assembled({"alg": "RS256", "kid": None}, {}),
        assembled({"alg": "RS256"}, {}),
        assembled({"alg": "RS256", "kid": "k1", "crit": ["x"]}, {}),
        assembled({"alg": "RS256", "kid": "k1", "b64": False, "crit": ["b64"]}, {}),
        assembled({"alg": "RS256", "kid": "k1"}, [[[]]]),
        base64.urlsafe_b64encode(b'{"a":' + b"[" * 5000).decode().rstrip("=") + ".e30.e30",
    ],
    ids=lambda text: repr(text[:20]),
)
def test_garbage_is_no_token(tokens: JwtTokens, garbage: str) -> None:
    with pytest.raises(InvalidToken):
        tokens.check(garbage)


def test_signed_claims_that_no_parser_takes_are_no_token(issuer: Issuer, tokens: JwtTokens) -> None:
    signer = jwt.PyJWS()
    for payload in (b"[" * 3000, b"\xff\xfe", b"5", b"[]", b'{"exp": 1e999, "sub": "ada"}', b""):
        token = signer.encode(payload, issuer.keys["k1"], "RS256", headers={"kid": "k1"})
        with pytest.raises(InvalidToken):
            tokens.check(token)


def test_a_huge_token_is_refused_unread(issuer: Issuer, tokens: JwtTokens) -> None:
    huge = issuer.sign(padding="x" * MAX_TOKEN_CHARS)
    with pytest.raises(InvalidToken, match="too long"):
        tokens.check(huge)
    assert issuer.fetches == 0


def test_why_a_token_is_refused_says_nothing_of_it(issuer: Issuer, tokens: JwtTokens) -> None:
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    for token in (
        issuer.sign("s3cr3t", stranger, sub="s3cr3t"),
        issuer.sign(key=stranger, sub="s3cr3t"),
        issuer.sign(iss="s3cr3t", aud="s3cr3t"),
        issuer.sign(aud="s3cr3t"),
        "s3cr3t.s3cr3t.s3cr3t",
        assembled({"alg": "s3cr3t", "kid": "k1"}, claims()),
    ):
        with pytest.raises(InvalidToken) as refusal:
            tokens.check(token)
        assert "s3cr3t" not in str(refusal.value)
        assert token not in str(refusal.value)


def test_a_new_key_counts_with_its_first_token(issuer: Issuer, tokens: JwtTokens) -> None:
    assert tokens.check(issuer.sign("k1"))
    issuer.add("k2")
    assert tokens.check(issuer.sign("k2"))
    assert tokens.check(issuer.sign("k1", sub="bea"))
    assert issuer.fetches == 2


def test_a_key_that_was_taken_back_counts_no_longer(issuer: Issuer, tokens: JwtTokens, clock: Clock) -> None:
    old = issuer.sign("k1")
    assert tokens.check(old)
    issuer.add("k2")
    stolen = issuer.keys.pop("k1")
    assert tokens.check(old), "nobody has asked yet"
    clock.pass_by(FRESH_S + 1)
    # Old keys are fetched anew beside the requests.
    eventually(lambda: refused(tokens, issuer.sign("k1", stolen, sub="eve")))
    assert refused(tokens, old), "though it was checked before"
    assert tokens.check(issuer.sign("k2"))


def unavailable(tokens: JwtTokens, token: str) -> None:
    with pytest.raises(KeysUnavailable):
        tokens.check(token)


def refused(tokens: JwtTokens, token: str) -> bool:
    try:
        tokens.check(token)
    except InvalidToken:
        return True
    return False


def test_a_key_that_changes_under_its_name_counts_as_it_is_now(
    issuer: Issuer, tokens: JwtTokens, clock: Clock
) -> None:
    before = issuer.sign("k1")
    assert tokens.check(before)
    issuer.add("k1")
    clock.pass_by(FRESH_S + 1)
    eventually(lambda: refused(tokens, before) or tokens.check(before) is None)
    assert tokens.check(issuer.sign("k1"))


def test_made_up_keys_cost_no_more_than_an_allowance(issuer: Issuer, tokens: JwtTokens, clock: Clock) -> None:
    assert tokens.check(issuer.sign("k1"))
    before = issuer.fetches
    key = issuer.keys["k1"]
    for number in range(100):
        assert refused(tokens, issuer.sign(f"made-up-{number}", key))
    assert issuer.fetches - before <= ALLOWANCE
    assert tokens.check(issuer.sign("k1", sub="bea")), "nobody else is harmed"
    issuer.add("k2")
    assert refused(tokens, issuer.sign("k2")), "what the attack costs: a new key waits"
    clock.pass_by(REFILL_S + 1)
    assert tokens.check(issuer.sign("k2")), "but not for long"
    assert issuer.fetches - before <= ALLOWANCE + 1


def test_threads_that_miss_the_same_key_share_a_fetch(issuer: Issuer, tokens: JwtTokens) -> None:
    issuer.add("k2")
    found: list[str] = []
    wanted = [issuer.sign("k2", sub=f"s{number}") for number in range(8)]
    threads = [Thread(target=lambda t=token: found.append(tokens.check(t).subject)) for token in wanted]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert issuer.fetches <= 2


def test_with_the_issuer_out_of_reach_what_is_known_goes_on(
    issuer: Issuer, tokens: JwtTokens, clock: Clock
) -> None:
    known = issuer.sign("k1")
    assert tokens.check(known)
    issuer.add("k2")
    issuer.close()
    clock.pass_by(FRESH_S + 1)
    assert tokens.check(issuer.sign("k1", sub="bea")), "a key that is known"
    with pytest.raises(KeysUnavailable):
        tokens.check(issuer.sign("k2"))
    assert tokens.check(known)
    issuer.reopen()
    clock.pass_by(PAUSE_S + 1)
    assert tokens.check(issuer.sign("k2")).subject == "ada"


def test_an_issuer_that_was_never_reached_makes_nobody_a_stranger(
    issuer: Issuer, tokens: JwtTokens, clock: Clock
) -> None:
    issuer.close()
    token = issuer.sign()
    for _ in range(20):
        with pytest.raises(KeysUnavailable):
            tokens.check(token)
        clock.pass_by(PAUSE_S / 4)
    issuer.reopen()
    clock.pass_by(PAUSE_S + 1)
    assert tokens.check(token).subject == "ada"


def test_known_keys_are_not_trusted_for_ever(issuer: Issuer, tokens: JwtTokens, clock: Clock) -> None:
    assert tokens.check(issuer.sign())
    issuer.close()
    clock.pass_by(STALE_S + 1)
    with pytest.raises(KeysUnavailable):
        tokens.check(issuer.sign(sub="bea"))
    issuer.reopen()


@pytest.mark.parametrize(
    "instead",
    [(500, b"{}"), (200, b""), (200, b"<html>"), (200, b"[]"), (200, b'{"keys": []}'), (200, b'{"keys": 5}'),
     (200, b'{"keys": [5]}'), (200, b"[" * 5000), (302, b"")],
)  # fmt: skip # one line a kind
def test_an_answer_without_keys_is_an_outage(
    issuer: Issuer, tokens: JwtTokens, clock: Clock, instead: tuple[int, bytes]
) -> None:
    assert tokens.check(issuer.sign("k1"))
    issuer.add("k2")
    issuer.instead = instead
    with pytest.raises(KeysUnavailable):
        tokens.check(issuer.sign("k2"))
    assert tokens.check(issuer.sign("k1", sub="bea"))


def test_nobody_hangs_on_an_issuer_that_does(
    issuer: Issuer, tokens: JwtTokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that takes connections and never answers."""
    monkeypatch.setattr(issuer_module, "WAIT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        keys = IssuerKeys(f"http://127.0.0.1:{silent.getsockname()[1]}/", ISSUER_ALGORITHMS)
        hanging = JwtTokens(keys, ISSUER_ALGORITHMS, ISSUER, AUDIENCE)
        first = Thread(target=lambda: unavailable(hanging, issuer.sign()))
        first.start()
        eventually(keys._fetching.locked)
        began = time.monotonic()
        with pytest.raises(KeysUnavailable):
            hanging.check(issuer.sign())
        assert time.monotonic() - began < 1
        first.join()


@pytest.mark.parametrize("url", ["file:///etc/passwd", "keys", "ftp://issuer/keys"])
def test_an_address_that_is_none_is_named_at_the_start(url: str) -> None:
    env = {"PRISM_AUTH": "jwks", "PRISM_JWT_ISSUER": "i", "PRISM_JWT_AUDIENCE": "a", "PRISM_JWKS_URL": url}
    with pytest.raises(ConfigurationError, match="PRISM_JWKS_URL"):
        open_tokens(load(env))


def test_with_an_issuer_the_development_key_signs_nothing(issuer: Issuer) -> None:
    key = "k" * 64
    dev = load({"PRISM_DEV_TOKEN_KEY": key})
    tokens = open_tokens(load(issuer.env | {"PRISM_DEV_TOKEN_KEY": key}))
    assert tokens.check(issuer.sign()).subject == "ada"
    for token in (
        issue_dev_token(dev, "ada", ["operator"]),
        jwt.encode(claims(), key, "HS256", headers={"kid": "k1"}),
    ):
        with pytest.raises(InvalidToken):
            tokens.check(token)

"""A stack as in production: an issuer's tokens, certificates between the services, a page of another origin."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from dev.demo.client import Person
from kernel.settings import Settings, load
from tests.certificates import Authority, mtls
from tests.e2e.client import Shop
from tests.e2e.conftest import open_shop
from tests.issuer import Issuer

ORIGIN = "https://shop.example"


@dataclass(frozen=True)
class Closed:
    """The stack, its issuer, and the certificate of whoever comes."""

    shop: Shop
    issuer: Issuer
    authority: Authority
    caller: Settings

    @property
    def workers(self) -> dict[str, str]:
        """The gRPC targets."""
        stack = self.shop.stack
        return {
            "domain_svc": stack.domain_grpc,
            "projector_svc": stack.projector_grpc,
            "stream_svc": stack.stream_grpc,
        }

    def person(self, *roles: str, subject: str = "ada") -> Person:
        """Someone with a token of the issuer."""
        token = self.issuer.sign(sub=subject, roles=list(roles))
        return Person(self.shop.http, self.shop.stack.stream_url, subject, token)


@pytest.fixture(scope="session")
def closed() -> Iterator[Closed]:
    """One for all tests: put right what you change."""
    issuer = Issuer()
    try:
        with tempfile.TemporaryDirectory() as folder:
            authority = Authority(Path(folder))
            more = {"PRISM_CORS_ORIGINS": f"{ORIGIN}, https://other.example", "PRISM_EDGE_WORKERS": "1"}
            env = issuer.env | mtls(authority, authority.issue("services")) | more
            caller = load(mtls(authority, authority.issue("caller")))
            with open_shop("embedded", env) as shop:
                yield Closed(shop, issuer, authority, caller)
    finally:
        issuer.close()

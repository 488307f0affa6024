"""What tests of a worker's gRPC side share."""

import socket

from kernel.settings import load
from kernel.tokens import issue_dev_token

SETTINGS = load({"PRISM_DEV_TOKEN_KEY": "k" * 40})

Metadata = tuple[tuple[str, str | bytes], ...]


def as_(*roles: str) -> Metadata:
    """The metadata of a call by Olga, who has these roles."""
    return (("authorization", f"Bearer {issue_dev_token(SETTINGS, 'olga', list(roles))}"),)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])

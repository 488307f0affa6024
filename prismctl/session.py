"""One run of prismctl: what was asked for, where it prints, whom it talks to."""

import os
import sys
from functools import cached_property
from typing import TYPE_CHECKING

import typer

from kernel import settings
from kernel.certificates import check_files
from kernel.errors import ConfigurationError
from kernel.settings import Settings
from prismctl.errors import Misused
from prismctl.options import Options
from prismctl.output import Output

if TYPE_CHECKING:
    from prismctl.connections import Workers

# Of the services' variables, those that say where they are, and how they know each other.
ADDRESSES = ("prism_domain_grpc", "prism_projector_grpc", "prism_stream_grpc")
CERTIFICATES = ("prism_grpc_cert", "prism_grpc_key", "prism_grpc_ca")
PORTS = ("prism_domain_grpc_port", "prism_projector_grpc_port", "prism_stream_grpc_port", "prism_edge_port")


class Session:
    """What a command works with."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.output = Output(options.json)

    @cached_property
    def workers(self) -> "Workers":
        """The workers. Misused for an address or port that is none, and for certificates that are of no use."""
        # Commands that ask no worker need no gRPC, which takes a tenth of a second to load.
        from prismctl.connections import Workers

        asked, places = self.options, self._places
        targets = {
            "domain_svc": places.domain_target,
            "projector_svc": places.projector_target,
            "stream_svc": places.stream_target,
        }
        try:
            check_files(places)
        except ConfigurationError as error:
            raise Misused(f"configuration: {error}") from None
        return Workers(targets, asked.token, asked.timeout, places)

    @property
    def edge_url(self) -> str:
        """Where the edge is, without a slash at the end."""
        url = self.options.edge or f"http://127.0.0.1:{self._places.prism_edge_port}"
        return url.rstrip("/")

    def confirm(self, question: str, yes: bool) -> None:
        """Returns if `yes`, or if whoever sits at the terminal agrees. Misused where nobody does."""
        if yes:
            return
        if not sys.stdin.isatty():
            raise Misused(f"{question} Nobody is here to confirm it: add --yes")
        typer.confirm(question, abort=True, err=True)

    @cached_property
    def _places(self) -> Settings:
        """The services' own reading of the variables that say where they are, and with which certificates."""
        variables = {name.upper(): os.environ.get(name.upper(), "") for name in (*PORTS, *CERTIFICATES)}
        given = (self.options.domain, self.options.projector, self.options.stream)
        variables |= dict(zip((name.upper() for name in ADDRESSES), given, strict=True))
        try:
            return settings.load(variables)
        except ConfigurationError as error:
            raise Misused(f"configuration: {error}") from None

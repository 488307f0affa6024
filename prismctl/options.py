"""What every command takes, before its name or after it. What stands after it wins."""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any

import typer

PANEL = "Options of every command"
TIMEOUT_S = 5.0
TIMEOUT = float | None


@dataclass(frozen=True, slots=True)
class Options:
    """How to reach a Prism and how to answer. Empty addresses: those of the environment."""

    token: str = ""
    # One target or several with commas between: replicas.
    domain: str = ""
    projector: str = ""
    stream: str = ""
    edge: str = ""
    timeout: float = TIMEOUT_S
    json: bool = False

    def overridden(self, given: Mapping[str, Any]) -> "Options":
        """These, with what was given in their place."""
        return replace(self, **{name: value for name, value in given.items() if value})


@dataclass(frozen=True, slots=True)
class _Option:
    type: Any
    help: str
    variable: str = ""
    metavar: str | None = None
    # In the help of each command, not only in the program's.
    everywhere: bool = False


_OPTIONS = {
    "token": _Option(str | None, "An operator's token.", "PRISM_TOKEN", "TOKEN"),
    "domain": _Option(
        str | None,
        "Where domain_svc is: replicas with commas between, or dns:///NAME:PORT. Default: 127.0.0.1:9101.",
        "PRISM_DOMAIN_GRPC",
        "TARGET",
    ),
    "projector": _Option(
        str | None,
        "The same for projector_svc. Default: 127.0.0.1:9102.",
        "PRISM_PROJECTOR_GRPC",
        "TARGET",
    ),
    "stream": _Option(
        str | None, "The same for stream_svc. Default: 127.0.0.1:9103.", "PRISM_STREAM_GRPC", "TARGET"
    ),
    "edge": _Option(
        str | None, "Where the edge is. Default: http://127.0.0.1:8080.", "PRISM_EDGE_URL", "URL"
    ),
    "timeout": _Option(
        TIMEOUT, f"Seconds to wait for an answer. Default: {TIMEOUT_S:g}.", "", "SECONDS", True
    ),
    "json": _Option(bool, "JSON on stdout, and nothing else there.", everywhere=True),
}


def parameters(*, of_program: bool) -> list[inspect.Parameter]:
    """The options as parameters of a function that typer reads.

    The program's read the environment. A command's do not, or the environment would win over what
    stands before the command's name.
    """
    return [_parameter(name, option, of_program) for name, option in _OPTIONS.items()]


def _parameter(name: str, option: _Option, of_program: bool) -> inspect.Parameter:
    flag = f"--{name}"
    described = typer.Option(
        flag,
        help=option.help,
        envvar=option.variable if of_program and option.variable else None,
        metavar=option.metavar,
        hidden=not of_program and not option.everywhere,
        rich_help_panel=PANEL,
        show_default=False,
        # Longer than a day is a slip.
        min=0.05 if option.type is TIMEOUT else None,
        max=86400 if option.type is TIMEOUT else None,
    )
    default = False if option.type is bool else None
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[option.type, described]
    )

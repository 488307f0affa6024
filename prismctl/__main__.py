"""The program. Its commands are loaded when they are asked for, so that help and completion are fast."""

import importlib
import inspect
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from kernel import VERSION
from prismctl import options
from prismctl.options import Options

# Each is `app` of a module of the same name: one command, or a group of them.
INDEX = {
    "status": "How every worker is, and its consumers.",
    "pause": "Stops a consumer before its next batch; what is queued waits.",
    "resume": "Lets a paused consumer go on.",
    "dead-letters": "What nobody could handle: looked into, put back, thrown away.",
    "stream": "A stream as it is stored; what it came to; published again.",
    "trace": "One command's whole life, and what followed from it.",
    "projection": "Views: listed, built anew, checked against the events.",
    "schema": "The contracts in proto/: checked, reported, released.",
    "token": "An operator's token of a development stack.",
}
EXIT_CODES = (
    'Exit codes: 0 done · 1 the answer is "no" (a difference, an id that is gone, a worker out of reach in '
    "status) · 2 wrong usage · 3 a worker is unreachable or failed · 4 not authorised · 5 no such thing, or "
    "not in a state for it · 130 Ctrl-C. More: docs/operations.md"
)


class Index(TyperGroup):
    """Shows every command by the index, and loads the one that is called."""

    def __init__(self, **given: Any) -> None:  # noqa: ANN401 # whatever typer makes a group of
        super().__init__(**given)
        # As help and completion show them.
        self.commands.update({name: TyperCommand(name, help=text) for name, text in INDEX.items()})

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # noqa: ANN401 # typer's context is its own affair
        """The command as it runs."""
        name, _, rest = super().resolve_command(ctx, args)
        if name is None:
            # Completion, of a name that there is not.
            return name, None, rest
        loaded = typer.main.get_command(importlib.import_module(f"prismctl.{name.replace('-', '_')}").app)
        loaded.name, loaded.help = name, loaded.help or INDEX[name]
        return name, loaded, rest


def program(context: typer.Context, version: bool, **given: Any) -> None:  # noqa: ANN401 # the options of options.py
    """Operates a running Prism: its workers, queues, streams and views.

    First: export PRISM_TOKEN=$(prismctl token); prismctl status
    """
    if version:
        print(VERSION)  # noqa: T201 # it talks to a terminal
        raise typer.Exit
    if context.invoked_subcommand is None:
        print(context.get_help())  # noqa: T201 # the same
        raise typer.Exit
    context.obj = Options().overridden(given)


def _signature() -> inspect.Signature:
    keyword = inspect.Parameter.KEYWORD_ONLY
    version = Annotated[bool, typer.Option("--version", help="The version, and nothing else.")]
    return inspect.Signature(
        [
            inspect.Parameter("context", keyword, annotation=typer.Context),
            inspect.Parameter("version", keyword, annotation=version, default=False),
            *options.parameters(of_program=True),
        ]
    )


vars(program)["__signature__"] = _signature()
program.__annotations__ = {name: p.annotation for name, p in _signature().parameters.items()}
app = typer.Typer(
    name="prismctl",
    cls=Index,
    callback=program,
    invoke_without_command=True,
    epilog=EXIT_CODES,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main() -> None:
    """Runs the program. Ends the process."""
    try:
        app(prog_name="prismctl")
    except KeyboardInterrupt:
        # While it was loading.
        sys.exit(130)


if __name__ == "__main__":
    main()

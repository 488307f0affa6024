"""How a function becomes a command: it gets a session, and what it raises becomes an exit code."""

import inspect
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from prismctl import options
from prismctl.errors import Failed
from prismctl.options import Options
from prismctl.output import clean
from prismctl.session import Session

INTERRUPTED = 130
# Of a defect in prismctl itself.
DEFECT = 70
# The option of what asks before it acts.
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def new_app(*, group: bool = False) -> typer.Typer:
    """For one command, or for a group of them. Its help is in the index."""
    return typer.Typer(add_completion=False, pretty_exceptions_enable=False, no_args_is_help=group)


def command(
    app: typer.Typer, name: str | None = None
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Registers a function `(session, ...)` as a command that also takes the options of every command."""

    def register(function: Callable[..., None]) -> Callable[..., None]:
        own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
        names = {parameter.name for parameter in own}
        # A command's own option wins: `trace --stream` is a stream's name.
        common = [each for each in options.parameters(of_program=False) if each.name not in names]

        def run(context: typer.Context, **given: Any) -> None:  # noqa: ANN401 # whatever the command takes
            overriding = {each.name: given.pop(each.name) for each in common}
            asked = context.obj if isinstance(context.obj, Options) else Options()
            with ending_well():
                function(Session(asked.overridden(overriding)), **given)

        context = inspect.Parameter(
            "context", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context
        )
        keywords = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own]
        taken = [context, *keywords, *common]
        # typer reads a function's signature; this one has the parameters of two.
        vars(run)["__signature__"] = inspect.Signature(taken)
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in taken}
        run.__name__ = function.__name__
        paragraphs = (inspect.getdoc(function) or "").split("\n\n")
        app.command(name, help="\n\n".join(" ".join(each.split()) for each in paragraphs))(run)
        return function

    return register


@contextmanager
def ending_well() -> Iterator[None]:
    """Whatever ends the block, it ends with one line on stderr and an exit code that means something."""
    try:
        yield
    except Failed as failure:
        raise _end(str(failure), failure.exit_code) from None
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    except (typer.Exit, typer.Abort, typer.TyperException, BrokenPipeError):
        raise
    except Exception as error:  # operators are told of a defect, not shown its stack
        if os.environ.get("PRISMCTL_DEBUG"):
            raise
        said = f"{type(error).__name__}: {error}"
        raise _end(f"a defect of prismctl: {said}; PRISMCTL_DEBUG=1 shows where", DEFECT) from None


def _end(text: str, exit_code: int) -> typer.Exit:
    print(f"prismctl: {clean(text)}", file=sys.stderr)  # noqa: T201 # it talks to a terminal
    return typer.Exit(exit_code)

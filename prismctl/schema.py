"""prismctl schema: the registry's verbs, as `make schema-…` has them. In a checkout with its development tools."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Annotated

import typer

from prismctl.commands import command, new_app
from prismctl.errors import No, Unfit
from prismctl.session import Session

# What dev.schema ends with where it could not tell.
COULD_NOT_TELL = 2

app = new_app(group=True)


@command(app)
def check(session: Session) -> None:
    """May the contracts be released after those of the last release?"""
    if not session.output.as_json:
        _run("check")
        return
    with _registry():
        from dev.protos import ROOT
        from dev.schema.check import check as checked

        found = checked(ROOT)
    session.output.document(
        {
            "base": found.base.label if found.base else None,
            "changes": len(found.changes),
            "findings": [asdict(finding) for finding in found.findings],
            "goldenToAdd": sorted(found.golden_to_add),
        }
    )
    if found.findings:
        raise No(f"refused for {len(found.findings)} reasons; docs/schema.md tells how a contract changes")


@command(app)
def report(
    session: Session,
    base: Annotated[
        str,
        typer.Option(help="A git ref, a folder of contracts or a descriptor image. Default: the release."),
    ] = "",
) -> None:
    """What changed in the contracts, for whom, in Markdown for a review."""
    if not session.output.as_json:
        _run("report", "--base", base)
        return
    with _registry():
        from dev.protos import ROOT
        from dev.schema import report as reports

        gathered, markdown = reports.gather(ROOT, base), reports.report(ROOT, base)
    verdict = gathered.verdict if gathered else None
    session.output.document({"verdict": verdict, "markdown": markdown})


@command(app)
def golden(session: Session) -> None:
    """Writes the golden bytes of events that have none yet."""
    if not session.output.as_json:
        _run("golden")
        return
    with _registry():
        from dev.protos import ROOT
        from dev.schema import golden as goldens
        from dev.schema import sources

        written = goldens.write(goldens.look(ROOT, sources.current(ROOT)))
    session.output.document({"written": [str(path.relative_to(ROOT)) for path in written]})


@command(app)
def release(
    session: Session, version: Annotated[str, typer.Argument(metavar="VERSION", help="As 1.2.0.")]
) -> None:
    """Checks, then freezes the contracts in schema/ under a version."""
    if not session.output.as_json:
        _run("release", version)
        return
    with _registry():
        from dev.protos import ROOT
        from dev.schema import release as releases

        try:
            written = releases.release(ROOT, version)
        except releases.Refused as refused:
            raise No(f"nothing was released: {refused}") from None
    session.output.document({"version": version, "written": [str(p.relative_to(ROOT)) for p in written]})


def _run(*arguments: str) -> None:
    """The registry's own program, which prints for people."""
    with _registry():
        from dev.schema.__main__ import main

        ended = main(list(arguments))
    if ended == COULD_NOT_TELL:
        raise typer.Exit(Unfit.exit_code)
    raise typer.Exit(ended)


@contextmanager
def _registry() -> Iterator[None]:
    """Unfit where the registry's tools are not installed, or cannot tell."""
    try:
        from dev.schema.buf import BufFailed
        from dev.schema.compiling import DoesNotCompile
        from dev.schema.sources import NoSuchBase
    except ImportError as error:
        raise _tools_missing(error) from None
    try:
        yield
    except ImportError as error:
        raise _tools_missing(error) from None
    except (BufFailed, DoesNotCompile, NoSuchBase) as error:
        raise Unfit(f"schema: {error}") from None


def _tools_missing(error: ImportError) -> Unfit:
    return Unfit(f"the schema registry needs a checkout with its development tools: make setup ({error})")

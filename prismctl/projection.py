"""prismctl projection: views listed, built anew, and checked against the events."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from prism.admin.v1.projections_pb2 import (
    CancelRebuildRequest,
    ListProjectionsRequest,
    ProjectionStatus,
    RebuildProgress,
    RebuildRequest,
    RowDifference,
    VerifyRequest,
    VerifyResult,
)
from prismctl.commands import INTERRUPTED, command, new_app
from prismctl.completion import views
from prismctl.connections import Worker
from prismctl.errors import Lost, No
from prismctl.output import UNKNOWN, as_dict, clean, compact, counted, day_and_time, indented, plain_table
from prismctl.progress import Bar, Lines, Progress, told
from prismctl.session import Session

PROJECTOR = "projector_svc"
DEFAULT_LIMIT, MAX_LIMIT = 1000, 10000

View = Annotated[str, typer.Argument(metavar="VIEW", help="As list names it.", autocompletion=views)]

app = new_app(group=True)


@command(app, "list")
def list_(session: Session) -> None:
    """Every view: which generation is live, and whether a rebuild runs."""
    request = ListProjectionsRequest()
    answer = session.workers.any_of(PROJECTOR, lambda w: w.call(w.projections.ListProjections, request))
    session.output.document(as_dict(answer))
    table = plain_table("view", "queue", ">live", "since", "fed by", "rebuild")
    for projection in answer.projections:
        table.add_row(*_row(projection))
    session.output.print(table)


@command(app)
def rebuild(
    session: Session,
    view: View,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Begin it, and do not wait.")] = False,
) -> None:
    """Builds a view anew beside the live one, then puts it in its place.

    One that runs already is followed. Ctrl-C ends the following, not the rebuild.
    """
    session.workers.any_of(PROJECTOR, lambda worker: _rebuild(session, worker, view, detach))


@command(app)
def cancel(session: Session, view: View) -> None:
    """Ends a rebuild and drops what it built."""
    request = CancelRebuildRequest(view=view)
    answer = session.workers.any_of(PROJECTOR, lambda w: w.call(w.projections.CancelRebuild, request))
    session.output.document({"view": view, "generation": answer.generation})
    session.output.print(f"the rebuild of {clean(view)} (generation {answer.generation}) is cancelled")


@command(app)
def verify(
    session: Session,
    view: View,
    limit: Annotated[
        int, typer.Option(min=1, max=MAX_LIMIT, help="Show at most so many rows; all are counted.")
    ] = DEFAULT_LIMIT,
) -> None:
    """Builds a view aside and compares: every row and field that differs.

    Exit code 1 when rows differ. Ctrl-C ends it. With --json a document a line: progress, differences, result.
    """
    request = VerifyRequest(view=view, limit=limit)
    result = session.workers.any_of(PROJECTOR, lambda worker: _verify(session, worker, request))
    if not result.differing:
        compared = f"{counted(result.rows, 'row')}, {counted(result.events, 'event')}"
        session.output.print(f"{clean(view)}: is what the events say ({compared})")
        return
    if result.differing > limit:
        session.output.note(f"The first {limit} of {result.differing} are shown: --limit shows more.")
    hint = f"prismctl projection rebuild {view} puts it right"
    differing = f"{result.differing} of {counted(result.rows, 'row')}"
    raise No(f"{view}: not what the events say: {differing}; {hint}")


def _rebuild(session: Session, worker: Worker, view: str, detach: bool) -> None:
    how = f"cancel it: prismctl projection cancel {view}; follow it: prismctl projection rebuild {view}"
    last: RebuildProgress | None = None
    answers = worker.follow(worker.projections.Rebuild, RebuildRequest(view=view))
    try:
        with watching(session, view) as watched:
            for answer in answers:
                last = answer.progress
                session.output.line(as_dict(last))
                watched.show(last)
                if detach:
                    break
    except KeyboardInterrupt:
        session.output.note(f"The rebuild of {view} goes on; {how}")
        raise typer.Exit(INTERRUPTED) from None
    except Lost as error:
        raise Lost(
            f"{error}. The rebuild goes on when a projector is back: prismctl projection list; {how}"
        ) from None
    if last is None or (last.phase != RebuildProgress.LIVE and not detach):
        raise Lost(f"{worker} ended its answers before the view was live: prismctl projection list; {how}")
    if last.phase == RebuildProgress.LIVE:
        events = counted(last.done, "event")
        session.output.print(f"{clean(view)}: generation {last.generation} is live, from {events}")
    else:
        session.output.print(
            f"the rebuild of {clean(view)} (generation {last.generation}) runs; {clean(how)}"
        )


def _verify(session: Session, worker: Worker, request: VerifyRequest) -> VerifyResult:
    result: VerifyResult | None = None
    answers = worker.follow(worker.projections.Verify, request)
    with watching(session, request.view) as watched:
        for answer in answers:
            session.output.line(as_dict(answer))
            match answer.WhichOneof("step"):
                case "progress":
                    watched.show(answer.progress)
                case "difference":
                    watched.above(_difference(answer.difference))
                case "result":
                    result = answer.result
    if result is None:
        raise Lost(f"{worker} ended its answers without a result: nothing is known of {request.view}")
    return result


@contextmanager
def watching(session: Session, view: str) -> Iterator[Progress]:
    """A bar on a terminal, lines elsewhere, nothing where JSON is wanted."""
    if session.output.as_json:
        yield Progress()
    elif session.output.is_terminal:
        with Bar(session.output.console, view) as bar:
            yield bar
    else:
        yield Lines(session.output.console, view)


def _row(projection: ProjectionStatus) -> Iterator[RenderableType]:
    yield Text(clean(projection.view), "bold")
    yield clean(f"events-{projection.subscriber}")
    yield str(projection.generation)
    since = projection.live_since if projection.HasField("live_since") else None
    yield day_and_time(since).rpartition(":")[0] + "Z" if since else "the start"
    yield ", ".join(map(clean, projection.aggregates))
    waiting = f" ({len(projection.retired)} to drop)" if projection.retired else ""
    if projection.HasField("rebuild"):
        generation = f"generation {projection.rebuild.generation}: "
        yield Text(f"{generation}{told(projection.rebuild)}{waiting}", "yellow")
    else:
        yield Text(f"{UNKNOWN}{waiting}", "dim")


def _difference(row: RowDifference) -> RenderableType:
    known = row.kind in RowDifference.Kind.values()
    kind = RowDifference.Kind.Name(row.kind) if known else "?"
    name = clean("/".join(part for part in (row.partition, row.key) if part))
    title = Text.assemble((name, "bold"), "  ", (kind, "bold red"))
    if not row.fields:
        return title
    table = plain_table("field", "live", "from the events")
    for field in row.fields:
        live, rebuilt = (compact(value) or UNKNOWN for value in (field.live, field.rebuilt))
        table.add_row(Text(clean(field.path)), Text(live, "red"), Text(rebuilt, "green"))
    return Group(title, indented(table))

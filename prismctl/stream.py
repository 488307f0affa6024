"""prismctl stream: what rests in the event store, what it came to, and publishing it again."""

from collections.abc import Iterator
from functools import partial
from itertools import islice
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from prism.admin.v1.decoded_pb2 import Decoded
from prism.admin.v1.streams_pb2 import (
    GetStateRequest,
    GetStateResponse,
    ReadStreamRequest,
    RepublishRequest,
    RepublishResponse,
    StoredCommit,
)
from prism.envelope.v1.envelope_pb2 import Outcome
from prismctl import decoded
from prismctl.commands import command, new_app
from prismctl.connections import Worker
from prismctl.errors import Misused, NotFound
from prismctl.output import as_dict, clean, compact, counted, day_and_time, indented, parsed, pretty, short
from prismctl.session import Session

# Of one request, by the contract.
MAX_PAGE = 100
MAX_NUMBER = 2**32 - 1
STATUS_COLOURS = {Outcome.APPLIED: "green", Outcome.REJECTED: "yellow", Outcome.FAILED: "red"}

Name = Annotated[str, typer.Argument(metavar="STREAM", help="As cart-c1.")]

app = new_app(group=True)


@command(app)
def show(
    session: Session,
    name: Name,
    at: Annotated[
        int | None,
        typer.Option(min=0, max=MAX_NUMBER, help="The state at this version instead; 0: the latest."),
    ] = None,
    stored: Annotated[bool, typer.Option("--stored", help="Events as they rest, not upcast.")] = False,
    after: Annotated[int, typer.Option(min=0, max=MAX_NUMBER, help="Commits above this number.")] = 0,
    limit: Annotated[int, typer.Option(min=1, max=1_000_000, help="At most so many commits.")] = 20,
) -> None:
    """Its commits with their events, and the commands that they answer; or its state."""
    if at is not None:
        if stored or after:
            raise Misused("--at shows a state; --stored and --after are about commits")
        request = GetStateRequest(stream=name, version=at)
        state = session.workers.any_of(
            "domain_svc", lambda worker: worker.call(worker.streams.GetState, request)
        )
        session.output.document({**as_dict(state), "state": parsed(state.json)})
        session.output.print(_state(state))
        return
    found = session.workers.any_of(
        "domain_svc", lambda worker: list(islice(_commits(worker, name, after, stored, limit + 1), limit + 1))
    )
    commits, more = found[:limit], len(found) > limit
    if not commits and not after:
        raise NotFound(f"no such stream: nothing was ever stored under {name}")
    next_after = commits[-1].number if more else 0
    session.output.document(
        {"stream": name, "commits": [_document(c) for c in commits], "nextAfter": next_after}
    )
    session.output.print(*(_commit(commit) for commit in commits))
    if more:
        session.output.note(f"There is more: --after {next_after}")


@command(app)
def republish(
    session: Session,
    name: Name,
    first: Annotated[int, typer.Option("--from", min=1, max=MAX_NUMBER, help="The first commit.")] = 1,
    last: Annotated[int, typer.Option("--to", min=0, max=MAX_NUMBER, help="The last one; 0: of all.")] = 0,
) -> None:
    """Sends its commits to the subscribers again; those drop what they have seen."""
    if last and last < first:
        raise Misused(f"there is nothing from commit {first} to commit {last}")
    published, at = 0, first
    while at:
        # `from` is a word of Python.
        request = RepublishRequest(stream=name, to=last, **{"from": at})
        answer = session.workers.any_of("domain_svc", partial(_republished, request))
        published += answer.commits
        at = answer.next_from if answer.next_from > at else 0
    session.output.document({"stream": name, "commits": published})
    if not published:
        raise NotFound(f"{name} has no such commits: nothing was published")
    session.output.print(f"{counted(published, 'commit')} of {clean(name)} published again")


def _republished(request: RepublishRequest, worker: Worker) -> RepublishResponse:
    return worker.call(worker.streams.Republish, request)


def _commits(worker: Worker, name: str, after: int, stored: bool, limit: int) -> Iterator[StoredCommit]:
    """A stream's commits, page by page, without an end that the caller does not set."""
    while True:
        request = ReadStreamRequest(stream=name, after=after, page_size=min(MAX_PAGE, limit), stored=stored)
        page = worker.call(worker.streams.ReadStream, request)
        yield from page.commits
        if page.next_after <= after:
            return
        after = page.next_after


def _document(commit: StoredCommit) -> dict[str, Any]:
    return {
        "number": commit.number,
        "version": commit.version,
        "events": [decoded.document(event) for event in commit.events],
        "outcomes": [as_dict(outcome) for outcome in commit.outcomes],
    }


def _state(state: GetStateResponse) -> RenderableType:
    when = f"  {day_and_time(state.time)}" if state.HasField("time") else ""
    title = Text.assemble((clean(state.stream), "bold"), f"  version {state.version}{when}")
    return Group(title, Text(pretty(state.json), "cyan"))


def _commit(commit: StoredCommit) -> RenderableType:
    # A commit without events, a rejection, has no time of its own but its decision's.
    times = [e.envelope.time for e in commit.events] + [o.stages.decided_at for o in commit.outcomes]
    when = next((day_and_time(time) for time in times if time.seconds), "")
    title = Text.assemble((f"commit {commit.number}", "bold"), f"  version {commit.version}  {when}")
    lines = [*map(outcome_line, commit.outcomes), *(_event(event) for event in commit.events), Text("")]
    return Group(title, indented(*lines))


def _event(event: Decoded) -> RenderableType:
    envelope = event.envelope
    title = Text.assemble(
        (f"{envelope.version:>3}  ", "dim"),
        (short(envelope.type), "bold"),
        (f"  {clean(envelope.type)}", "dim"),
    )
    body = Text(compact(event.json), "cyan")
    if event.problem:
        body = Text(f"does not decode: {clean(event.problem)} ({len(envelope.data)} bytes)", "red")
    return Group(title, indented(body, by=5))


def outcome_line(outcome: Outcome) -> Text:
    """A command and what became of it."""
    status = Outcome.Status.Name(outcome.status) if outcome.status in Outcome.Status.values() else "?"
    line = Text.assemble(
        (short(outcome.command_type) or "command", "bold"),
        "  ",
        (status, STATUS_COLOURS.get(outcome.status, "")),
        f"  {clean(outcome.command_id)}",
    )
    if outcome.subject:
        line.append(f"  by {clean(outcome.subject)}")
    if outcome.code:
        line.append(f"  {clean(outcome.code)}: {clean(outcome.detail)}", "yellow")
    return line

"""prismctl trace: one command's whole life, and what followed from it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Annotated, Any

import typer
from google.protobuf.timestamp_pb2 import Timestamp
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from prism.admin.v1.deliveries_pb2 import GetDeliveryRequest, GetDeliveryResponse
from prism.admin.v1.streams_pb2 import TracedCommand, TraceRequest, TraceResponse
from prism.envelope.v1.envelope_pb2 import Outcome
from prismctl.commands import command, new_app
from prismctl.connections import Worker
from prismctl.errors import Failed, NotFound
from prismctl.output import UNKNOWN, as_dict, clean, clock, counted, day_and_time, instant, plain_table, short
from prismctl.session import Session
from prismctl.stream import STATUS_COLOURS

STAGES = ("accepted", "queued", "received", "decided", "appended", "published", "handled", "projected")
DELIVERED = "delivered"
# What each stage is, beside its time.
MEANING = {
    "accepted": "the edge, or a policy, took it",
    "queued": "its queue had it",
    "received": "domain_svc took it",
    "decided": "the rules decided",
    "appended": "the event store had it",
    "published": "on its way to the views",
    "handled": "projector_svc took it",
    "projected": "its views were saved",
}

app = new_app()


@dataclass(frozen=True, slots=True)
class Life:
    """A command, when it passed each stage, and the commands that followed from it."""

    command: TracedCommand
    delivery: GetDeliveryResponse | None
    followers: "list[Life]" = field(default_factory=list)

    @property
    def outcome(self) -> Outcome:
        """What became of it."""
        return self.command.outcome

    def times(self) -> Iterator[tuple[str, Timestamp | None]]:
        """Every stage in order, with its time where it is known."""
        stages = self.outcome.stages
        for name in STAGES:
            known = stages.HasField(f"{name}_at")
            yield name, getattr(stages, f"{name}_at") if known else None
        told = self.delivery and self.delivery.HasField("delivered_at")
        yield DELIVERED, self.delivery.delivered_at if self.delivery and told else None


@dataclass(frozen=True, slots=True)
class Step:
    """A stage as it is shown."""

    name: str
    time: Timestamp | None
    # Since the stage before that is known to more than a second.
    since_ms: float | None


@command(app)
def trace(
    session: Session,
    command_id: Annotated[
        str, typer.Argument(metavar="COMMAND_ID", help="As the receipt of the command named it.")
    ],
    stream: Annotated[
        str, typer.Option(metavar="STREAM", help="Its stream, as cart-c1: needed a quarter of an hour later.")
    ] = "",
) -> None:
    """One command's whole life, and what followed from it.

    When it passed each stage, the time between in ms, its events, and the commands that policies sent for
    these. A stage that nobody kept the time of is shown as -.
    """
    request = TraceRequest(command_id=command_id, stream=stream)
    try:
        answer = session.workers.any_of("domain_svc", lambda w: w.call(w.streams.Trace, request))
    except NotFound as error:
        raise NotFound(f"{error}{'' if stream else '; --stream STREAM asks its stream'}") from None
    deliveries = _deliveries(session, [each.outcome.command_id for each in answer.commands])
    session.output.document(_document(answer, deliveries))
    roots = grown(answer, deliveries)
    if not roots:
        raise NotFound(f"nothing is known of {command_id}")
    for root in roots:
        session.output.print(_drawn(root))
    if answer.truncated:
        session.output.note("More followed than is shown: trace one of the last commands.")


def grown(answer: TraceResponse, deliveries: dict[str, GetDeliveryResponse]) -> list[Life]:
    """The commands as trees: each under the one whose event it follows from."""
    roots: list[Life] = []
    by_event: dict[str, Life] = {}
    for command_ in answer.commands:
        life = Life(command_, deliveries.get(command_.outcome.command_id))
        cause = by_event.get(command_.cause)
        (cause.followers if cause else roots).append(life)
        named = [event.event_id for event in command_.outcome.events] + [e.id for e in command_.events]
        for event_id in named:
            by_event.setdefault(event_id, life)
    return roots


def steps(life: Life) -> Iterator[Step]:
    """Every stage with the time since the last one. One in whole seconds, as Azure's queues keep it, has none."""
    before: float | None = None
    for name, time in life.times():
        rough = name == "queued" and time is not None and time.nanos == 0
        if time is None or rough:
            yield Step(name, time, None)
            continue
        now = instant(time)
        yield Step(name, time, None if before is None else (now - before) * 1000)
        before = now


def _deliveries(session: Session, ids: list[str]) -> dict[str, GetDeliveryResponse]:
    """What every replica of stream_svc delivered, by command: the first time, and the clients of all."""
    found: dict[str, GetDeliveryResponse] = {}
    for worker in session.workers.of("stream_svc"):
        try:
            told = _delivered(worker, ids)
        except Failed as failure:
            session.output.note(f"When it was delivered is not known: {failure}")
            continue
        for command_id, delivery in told.items():
            other = found.get(command_id)
            found[command_id] = _merged(other, delivery) if other else delivery
    return found


def _delivered(worker: Worker, ids: list[str]) -> dict[str, GetDeliveryResponse]:
    def ask(command_id: str) -> GetDeliveryResponse | None:
        try:
            return worker.call(worker.deliveries.GetDelivery, GetDeliveryRequest(command_id=command_id))
        except NotFound:
            return None

    if not ids:
        return {}
    with ThreadPoolExecutor(max_workers=8) as threads:
        answers = threads.map(ask, ids)
        return {id_: answer for id_, answer in zip(ids, answers, strict=True) if answer}


def _merged(one: GetDeliveryResponse, other: GetDeliveryResponse) -> GetDeliveryResponse:
    known = [each for each in (one, other) if each.HasField("delivered_at")]
    merged = GetDeliveryResponse()
    merged.CopyFrom(min(known, key=lambda each: instant(each.delivered_at)) if known else one)
    merged.clients = one.clients + other.clients
    return merged


def _document(answer: TraceResponse, deliveries: dict[str, GetDeliveryResponse]) -> dict[str, Any]:
    commands = []
    for each in answer.commands:
        delivery = deliveries.get(each.outcome.command_id)
        commands.append({**as_dict(each), "delivery": as_dict(delivery) if delivery else None})
    return {"commands": commands, "truncated": answer.truncated}


def _drawn(root: Life) -> RenderableType:
    parts: list[RenderableType] = [_title(root), _timeline(root), *_events(root)]
    if root.followers:
        tree = Tree(Text("what followed", "dim"), guide_style="dim")
        for follower in root.followers:
            _grow(tree, follower)
        parts += [Text(""), tree]
    return Group(*parts)


def _grow(tree: Tree, life: Life) -> None:
    branch = tree.add(Group(_title(life), _stages_in_a_line(life), *_events(life)))
    for follower in life.followers:
        _grow(branch, follower)


def _title(life: Life) -> Text:
    outcome = life.outcome
    status = Outcome.Status.Name(outcome.status) if outcome.status in Outcome.Status.values() else "?"
    title = Text.assemble(
        (short(outcome.command_type) or "command", "bold"),
        "  ",
        (status, STATUS_COLOURS.get(outcome.status, "")),
        f"  {clean(outcome.stream)}",
    )
    if outcome.status == Outcome.APPLIED:
        title.append(f" version {outcome.version}")
    if outcome.subject:
        title.append(f"  by {clean(outcome.subject)}")
    title.append(f"\n{clean(outcome.command_id)}", "dim")
    if outcome.code or outcome.detail:
        title.append(f"\n{clean(outcome.code)}: {clean(outcome.detail)}", "yellow")
    if life.command.cause:
        title.append(f"\nfor {clean(life.command.cause)}", "dim")
    return title


def _timeline(life: Life) -> Table:
    """A stage a line."""
    table = plain_table("stage", "time (UTC)", ">ms since", "")
    for step in steps(life):
        time = clock(step.time) if step.time else UNKNOWN
        since = UNKNOWN if step.since_ms is None else f"{step.since_ms:+.1f}"
        style = "" if step.time else "dim"
        table.add_row(step.name, time, since, Text(_meaning(life, step.name), "dim"), style=style)
    known = [instant(time) for _, time in life.times() if time]
    accepted = life.outcome.stages.accepted_at
    if len(known) > 1 and life.outcome.stages.HasField("accepted_at"):
        total = (max(known) - instant(accepted)) * 1000
        table.add_row(
            "in all", "", f"{total:.1f}", Text(f"from {day_and_time(accepted)}", "dim"), style="bold"
        )
    return table


def _meaning(life: Life, stage: str) -> str:
    if stage != DELIVERED:
        return MEANING[stage]
    if life.delivery is None or not life.delivery.HasField("delivered_at"):
        return "handed to clients of stream_svc"
    topics = ", ".join(clean(topic) for topic in life.delivery.topics)
    return f"to {counted(life.delivery.clients, 'client')}: {topics}"


def _stages_in_a_line(life: Life) -> Text:
    """The same for what followed: the first time, then the ms since the one before."""
    told = []
    if not any(time for _, time in life.times()):
        return Text(f"stages={UNKNOWN}  (no time is known of any)", "dim")
    for step in steps(life):
        time = clock(step.time) if step.time else UNKNOWN
        # Without a blank, so that no line breaks between them.
        told.append(f"{step.name}={time if step.since_ms is None else f'{step.since_ms:+.1f}'}")
    return Text("  ".join(told))


def _events(life: Life) -> Iterator[Text]:
    """The ids from the command to its events."""
    for event in life.outcome.events:
        yield Text.assemble("-> ", (clean(event.type), "bold"), f"  {clean(event.event_id)}")

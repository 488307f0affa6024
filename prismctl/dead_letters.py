"""prismctl dead-letters: what nobody could handle, looked into, put back, or thrown away."""

import base64
import time
from collections.abc import Iterator, Sequence
from itertools import groupby, islice, takewhile
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from prism.admin.v1.admin_pb2 import (
    DeadLetterSummary,
    DiscardDeadLettersRequest,
    GetDeadLetterRequest,
    GetDeadLetterResponse,
    ListDeadLettersRequest,
    RequeueDeadLettersRequest,
)
from prismctl import decoded
from prismctl.commands import Yes, command, new_app
from prismctl.completion import queues
from prismctl.connections import SERVICES, Worker
from prismctl.errors import Failed, Misused, No, NotFound, Unfit, Unreachable
from prismctl.output import as_dict, clean, counted, day_and_time, indented, plain_table, short
from prismctl.session import Session

# Of one request, by the contract.
MAX_PAGE, MAX_IDS = 100, 1000
# An abbreviated id has so many characters at least: fewer are too easily another one's.
MIN_ABBREVIATION = 4
MAX_ITEMS_SHOWN = 3

QueueName = Annotated[str, typer.Argument(metavar="QUEUE", help="As list names it.", autocompletion=queues)]
Ids = Annotated[
    list[str], typer.Argument(metavar="ID...", help="As list names them, or how they begin or end.")
]

app = new_app(group=True)


@command(app, "list")
def list_(
    session: Session,
    queue: Annotated[str, typer.Option(help="Only this queue's.", autocompletion=queues)] = "",
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many.")] = 50,
) -> None:
    """What waits for an operator, a queue after the other, each oldest first."""
    if queue:
        letters = _first_letters(owner(session, queue), queue, limit + 1)
        failure = None
    else:
        letters, failure = _everywhere(session, limit + 1)
    letters, more = letters[:limit], len(letters) > limit
    session.output.document({"letters": [as_dict(letter) for letter in letters]})
    if not letters and not failure:
        session.output.print("No dead letters.")
    for name, group in groupby(letters, key=lambda letter: letter.queue):
        session.output.print(_table(name, list(group)), "")
    if more:
        session.output.note(f"There are more: --limit {limit * 2} shows more.")
    if failure:
        raise failure


@command(app)
def show(
    session: Session,
    queue: QueueName,
    letter_id: Annotated[str, typer.Argument(metavar="ID", help="Or how it begins or ends.")],
    raw: Annotated[bool, typer.Option("--raw", help="Also the message as it was received.")] = False,
) -> None:
    """One dead letter, decoded."""
    worker = owner(session, queue)
    [found] = unabbreviated(worker, queue, [letter_id])
    letter = worker.call(worker.admin.GetDeadLetter, GetDeadLetterRequest(queue=queue, id=found))
    document: dict[str, Any] = {
        "letter": as_dict(letter.letter),
        "items": [decoded.document(item) for item in letter.items],
    }
    if raw:
        document["body"] = base64.b64encode(letter.body).decode()
    session.output.document(document)
    session.output.print(_letter(letter, raw))


@command(app)
def requeue(
    session: Session,
    queue: QueueName,
    ids: Ids = [],  # noqa: B006 # typer copies it
    everything: Annotated[bool, typer.Option("--all", help="All of the queue's.")] = False,
) -> None:
    """Puts dead letters back into their queue, where they are handled as if they had just come."""
    if everything == bool(ids):
        raise Misused("which ones? Name ids, or say --all")
    worker = owner(session, queue)
    requeued = 0
    missing: list[str] = []
    for chunk in _chunks(unabbreviated(worker, queue, ids)) if ids else [[]]:
        more = True
        while more:
            request = RequeueDeadLettersRequest(queue=queue, ids=chunk)
            answer = worker.call(worker.admin.RequeueDeadLetters, request)
            requeued += answer.requeued
            missing += answer.missing
            # The second condition is against a worker that says so for ever.
            more = answer.more and answer.requeued > 0
    session.output.document({"queue": queue, "requeued": requeued, "missing": missing})
    session.output.print(f"{counted(requeued, 'dead letter')} put back into {clean(queue)}")
    _say_missing(missing)


@command(app)
def discard(
    session: Session,
    queue: QueueName,
    reason: Annotated[str, typer.Option(help="Why, for the audit log: 1 to 200 characters.")],
    ids: Ids = [],  # noqa: B006 # typer copies it
    older_than: Annotated[
        int | None, typer.Option(metavar="DAYS", min=1, help="Those that were set aside before so many days.")
    ] = None,
    yes: Yes = False,
) -> None:
    """Deletes dead letters for good. The log of the worker keeps who did it, why, and what they were."""
    if not 1 <= len(reason.strip()) <= 200:
        raise Misused("--reason takes 1 to 200 characters")
    if (older_than is None) != bool(ids):
        raise Misused("which ones? Name ids, or say --older-than")
    worker = owner(session, queue)
    found = unabbreviated(worker, queue, ids) if older_than is None else _older(worker, queue, older_than)
    if not found:
        raise No(f"no dead letter of {queue} is older than {counted(older_than or 0, 'day')}")
    named = ", ".join(map(clean, found[:5])) + (f" and {len(found) - 5} more" if len(found) > 5 else "")
    session.confirm(
        f"Discard {counted(len(found), 'dead letter')} of {clean(queue)} for good ({named})?", yes
    )
    discarded = 0
    missing: list[str] = []
    for chunk in _chunks(found):
        request = DiscardDeadLettersRequest(queue=queue, ids=chunk, reason=reason.strip())
        answer = worker.call(worker.admin.DiscardDeadLetters, request)
        discarded += answer.discarded
        missing += answer.missing
    session.output.document({"queue": queue, "discarded": discarded, "missing": missing})
    session.output.print(f"{counted(discarded, 'dead letter')} of {clean(queue)} discarded")
    _say_missing(missing)


def owner(session: Session, queue: str) -> Worker:
    """The first worker that says that it consumes a queue. NotFound where none does."""
    failures: list[Failed] = []
    for worker in session.workers.all():
        try:
            worker.call(worker.admin.ListDeadLetters, ListDeadLettersRequest(queue=queue, page_size=1))
        except (Unfit, Unreachable) as failure:
            failures.append(failure)
        else:
            return worker
    # One that did not tell may be the one.
    for told in failures:
        if not isinstance(told, NotFound):
            raise told
    raise NotFound(f"no worker consumes a queue {queue!r}: prismctl status names them")


def unabbreviated(worker: Worker, queue: str, ids: Sequence[str]) -> list[str]:
    """Full ids for those that are how one dead letter of the queue begins or ends, and for no other.

    One that fits none stays as it is. Misused for one that fits several.
    """
    known: set[str] = set()
    for letter in _letters(worker, queue):
        known.add(letter.id)
        # In full: whatever else there is does not matter.
        if known.issuperset(ids):
            break
    return list(dict.fromkeys(_unabbreviated(known, asked) for asked in ids))


def _unabbreviated(known: set[str], asked: str) -> str:
    # A number is no abbreviation: 1234 is gone where 12345 waits.
    if asked in known or len(asked) < MIN_ABBREVIATION or all(each.isdecimal() for each in known):
        return asked
    fitting = sorted(each for each in known if each.startswith(asked) or each.endswith(asked))
    if len(fitting) > 1:
        raise Misused(f"{asked!r} fits {len(fitting)} ids, as {fitting[0]} and {fitting[1]}: say more of it")
    return fitting[0] if fitting else asked


def _everywhere(session: Session, limit: int) -> tuple[list[DeadLetterSummary], Failed | None]:
    """What all services have, and why the first one that did not tell did not."""
    found: list[DeadLetterSummary] = []
    failure: Failed | None = None
    for service in SERVICES:
        try:
            found += session.workers.any_of(service, lambda worker: _first_letters(worker, "", limit))
        except (Unfit, Unreachable) as error:
            failure = failure or error
    return found, failure


def _first_letters(worker: Worker, queue: str, limit: int) -> list[DeadLetterSummary]:
    return list(islice(_letters(worker, queue, min(MAX_PAGE, limit)), limit))


def _letters(worker: Worker, queue: str, page_size: int = MAX_PAGE) -> Iterator[DeadLetterSummary]:
    """All of them, page by page."""
    token = ""
    while True:
        request = ListDeadLettersRequest(queue=queue, page_size=page_size, page_token=token)
        page = worker.call(worker.admin.ListDeadLetters, request)
        yield from page.letters
        if not page.next_page_token or page.next_page_token == token:
            return
        token = page.next_page_token


def _older(worker: Worker, queue: str, days: int) -> list[str]:
    """The ids of the letters that were set aside so many days ago, or earlier."""
    until_s = time.time() - days * 24 * 3600
    # The oldest come first.
    older = takewhile(lambda letter: letter.time.seconds < until_s, _letters(worker, queue))
    return [letter.id for letter in older]


def _chunks(ids: Sequence[str]) -> list[list[str]]:
    return [list(ids[start : start + MAX_IDS]) for start in range(0, len(ids), MAX_IDS)]


def _say_missing(missing: Sequence[str]) -> None:
    if missing:
        raise No(f"gone, or never there: {', '.join(missing)}; prismctl dead-letters list")


def _table(queue: str, letters: Sequence[DeadLetterSummary]) -> Group:
    table = plain_table("id", "set aside", ">tries", "what and why")
    table.columns[1].min_width = 8
    table.columns[3].min_width = 24
    for letter in letters:
        carried = [
            Text(f"{short(item.type)} {clean(item.stream)}") for item in letter.items[:MAX_ITEMS_SHOWN]
        ]
        if len(letter.items) > MAX_ITEMS_SHOWN:
            carried.append(Text(f"and {len(letter.items) - MAX_ITEMS_SHOWN} more"))
        why = Text(clean(letter.reason), "red")
        when = Text(day_and_time(letter.time).partition(".")[0] + "Z")
        table.add_row(Text(clean(letter.id)), when, str(letter.deliveries), Group(*carried, why))
    return Group(Text(clean(queue), "bold"), table)


def _letter(answer: GetDeadLetterResponse, raw: bool) -> Group:
    letter = answer.letter
    about = plain_table()
    about.show_header = False
    about.add_column()
    about.add_column(overflow="fold")
    about.add_row("dead letter", clean(letter.id))
    about.add_row("queue", clean(letter.queue))
    about.add_row("set aside", day_and_time(letter.time))
    about.add_row("deliveries", str(letter.deliveries))
    about.add_row("reason", Text(clean(letter.reason), "red"))
    parts: list[RenderableType] = [about, *(Group("", decoded.drawn(item)) for item in answer.items)]
    if not answer.items:
        parts.append(Text("\nIt is no message that could be opened.", "yellow"))
    if raw:
        parts.append(Group("", f"{len(answer.body)} bytes as received:", indented(_hex(answer.body))))
    return Group(*parts)


def _hex(body: bytes) -> Text:
    """16 bytes a line, with the characters among them that show."""
    lines = []
    for start in range(0, len(body), 16):
        chunk = body[start : start + 16]
        shown = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in chunk)
        lines.append(f"{start:06x}  {chunk.hex(' '):47}  {shown}")
    return Text("\n".join(lines))

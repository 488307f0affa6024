"""A stack at rest: when it has come to it, and what is stored then, as a history for the promises."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

import httpx

from dev.faults.audience import Audience
from dev.faults.people import Ledger
from dev.promises.history import CONTRACT, NEVER, Broken, History
from kernel import dead_letters
from kernel.errors import StorageUnavailable
from kernel.generations import LiveNames
from kernel.ports import RowId, Storage
from kernel.queues import COMMANDS, COMMANDS_LATER, POLICIES, events_for
from prism.envelope.v1.envelope_pb2 import Commit, DeadLetter, Outcome

# A killed consumer's messages come back after 30 s; twice, where whoever received them next died, too.
PATIENCE_S = 180.0
# So long nothing may happen, before it counts as rest.
QUIET_S = 2.0
SUBSCRIBERS = {view.subscriber for view in CONTRACT.views.values()}
QUEUES = (COMMANDS, COMMANDS_LATER, POLICIES, *sorted(map(events_for, SUBSCRIBERS)))
STATUS = {"APPLIED": Outcome.APPLIED, "REJECTED": Outcome.REJECTED}


class Stored:
    """What is stored, read past all services."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def commits(self) -> dict[str, list[Commit]]:
        """Every stream's."""
        found: dict[str, list[Commit]] = {}
        for commit in self._storage.events.scan():
            found.setdefault(commit.stream, []).append(commit)
        return found

    def rows(self) -> dict[RowId, bytes]:
        """The rows of all views, by the views' own names."""
        live = LiveNames(self._storage.views, ttl_s=0)
        return {
            RowId(view, row.id.partition, row.id.key): row.data
            for view in CONTRACT.views
            for row in self._storage.views.scan(live.of(view))
        }

    def for_screens(self) -> tuple[dict[RowId, bytes], list[Commit]]:
        """What a screen is shown that fetches. The rows first: a row's commit is there before it."""
        rows = self.rows()
        return rows, [commit for commits in self.commits().values() for commit in commits]

    def waiting(self) -> dict[str, int]:
        """How many messages each queue has, invisible and delayed ones included."""
        return {name: self._storage.queue(name).depth().messages for name in QUEUES}

    def dead_letters(self) -> list[DeadLetter]:
        """All of them."""
        return [DeadLetter.FromString(row.data) for row in self._storage.views.scan(dead_letters.VIEW)]


def wait_for_rest(stored: Stored, audience: Audience) -> bool:
    """Returns True when nothing waits and nothing is told any more; False when it takes too long."""
    deadline = time.monotonic() + PATIENCE_S
    quiet_since = time.monotonic()
    while time.monotonic() < deadline:
        try:
            busy = any(stored.waiting().values())
        except StorageUnavailable:
            busy = True
        if audience.catch_up() or busy:
            quiet_since = time.monotonic()
        elif time.monotonic() - quiet_since > QUIET_S:
            return True
        time.sleep(0.2)
    return False


def history_of(
    stored: Stored, ledger: Ledger, audience: Audience, payment_window_s: float, clocks_apart_s: float
) -> History:
    """The stack at rest."""
    commits = stored.commits()
    return History(
        commits=commits,
        rows=stored.rows(),
        accepted=list(ledger.accepted.values()),
        screens=audience.screens,
        payment_window_s=payment_window_s,
        waiting=stored.waiting(),
        given_up=ledger.given_up,
        clocks_apart_s=clocks_apart_s,
        appended_at={
            stream: [
                min(
                    (ledger.known_at.get(outcome.command_id, NEVER) for outcome in commit.outcomes),
                    default=NEVER,
                )
                for commit in found
            ]
            for stream, found in commits.items()
        },
    )


def told_wrongly(ledger: Ledger, stored: Stored) -> Iterator[Broken]:
    """What clients were told and what must not have been."""
    yield from (Broken("answers are as documented", problem) for problem in ledger.problems)
    for letter in stored.dead_letters():
        yield Broken("nothing becomes a dead letter", f"{letter.queue}: {letter.reason}")


def asked_again(history: History, ledger: Ledger, sample: Sequence[int]) -> Iterator[Broken]:
    """Outcomes asked for, and requests sent once more with their keys, at rest: the same as the first time."""
    for place in sample:
        person, send, id_ = ledger.repeatable[place]
        [outcome] = history.outcomes[id_]
        answer = _answered(partial(person.get, f"/v1/commands/{outcome.stream}/{id_}"))
        told = answer.json()
        if (answer.status_code, STATUS.get(told.get("status", "")), told.get("version", 0), told.get("code", "")) != (
            200, outcome.status, outcome.version, outcome.code,
        ):  # fmt: skip # what was asked beside what is stored
            yield Broken("outcomes can be asked for", f"{id_}: {answer.text} instead of {outcome}")
        again = _answered(send)
        if again.json().get("commandId") != id_:
            yield Broken("a repeat is answered as the first", f"{id_}: {again.status_code} {again.text}")


def _answered(send: Callable[[], httpx.Response]) -> httpx.Response:
    """The answer, sent again while the service asks for patience."""
    while (answer := send()).status_code == 503:
        time.sleep(0.5)
    return answer


def changed_since(
    before: Mapping[str, Sequence[Commit]], after: Mapping[str, Sequence[Commit]]
) -> Iterator[Broken]:
    """What repeats at rest did: nothing is right."""
    for stream, commits in after.items():
        if len(commits) != len(before.get(stream, ())):
            yield Broken(
                "a repeat has no effect",
                f"{stream}: {len(before.get(stream, ()))} commits became {len(commits)}",
            )

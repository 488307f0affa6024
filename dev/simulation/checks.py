"""What a simulated run is checked for: Prism's promises at rest, and what only a simulation can see.

That is: each announcement when it is made, what domain_svc and Redis answer, and Redis' own bookkeeping.
"""

from collections.abc import Iterator

from dev.promises import CHECKS, broken, views
from dev.promises.history import CONTRACT, READER, Broken, History
from dev.simulation.clients import Ledger
from dev.simulation.processes import Site
from dev.simulation.watchers import Watcher
from domain_svc import shop as write_side
from domain_svc.lookup import Lookup
from domain_svc.streams import Streams
from kernel.contract import ANNOUNCER
from kernel.ports import RowId
from prism.envelope.v1.envelope_pb2 import Commit, Delivery, Outcome, Update, ViewRow
from projector_svc import shop as read_side
from projector_svc.projecting import Projector


def history_of(site: Site, ledger: Ledger, watchers: list[Watcher], late: set[tuple[str, str]]) -> History:
    """A run at rest. Screens are not held to `late` rows, of which an older state was told."""
    events = site.storage.events
    return History(
        commits={
            stream: [Commit.FromString(data) for data in events.commits[stream]]
            for stream in sorted(events.commits)
        },
        rows={id_: data for id_, (data, _) in site.storage.views.rows.items()},
        accepted=ledger.accepted.values(),
        screens=[watcher.screen for watcher in watchers],
        payment_window_s=site.settings.prism_payment_window,
        waiting={name: len(queue.messages) for name, queue in site.storage.queues.items()},
        appended_at=events.appended_at,
        given_up=ledger.given_up,
        excused=late,
    )


def broken_promises(
    site: Site, ledger: Ledger, watchers: list[Watcher], late: set[tuple[str, str]], *, strict: bool
) -> list[Broken]:
    """All that is wrong, causes before what follows from them. What is known not to hold yet: with `strict`."""
    history = history_of(site, ledger, watchers, set() if strict else late)
    found = [Broken("receipts are kept", problem) for problem in ledger.problems]
    found += [Broken("lost updates are owned up to", problem) for problem in site.redis.problems]
    excused = not strict and (site.redis.owing or site.redis.forgotten)
    checks = [check for check in CHECKS if not (excused and check is views.screens_show_what_is_stored)]

    def outcomes_can_be_asked_for(history: History) -> Iterator[str]:
        return _unanswered(site, history)

    return found + list(broken(history, [*checks, outcomes_can_be_asked_for]))


def _unanswered(site: Site, history: History) -> Iterator[str]:
    """domain_svc finds every outcome in the event store; Redis tells no other."""
    streams = Streams(site.storage.events, write_side.AGGREGATES, READER, exclusive=False)
    lookup = Lookup(site.storage.events, streams)
    namespace = site.settings.prism_namespace
    for accepted in history.accepted:
        stored = history.outcomes.get(accepted.command_id)
        if not stored:
            continue
        if lookup.outcome(accepted.stream, accepted.command_id) != stored[0]:
            yield f"command {accepted.command_id}: domain_svc does not find its outcome"
        told = site.redis.get_now(f"{namespace}:outcome:{accepted.command_id}")
        if told and same(Outcome.FromString(told)) != same(stored[0]):
            yield f"command {accepted.command_id}: Redis tells another outcome than the store"
        if (
            not told
            and not site.redis.troubled
            and site.redis.get_now(f"{namespace}:accepted:{accepted.command_id}")
        ):
            yield f"command {accepted.command_id}: decided, and Redis was never told"


def same(outcome: Outcome) -> Outcome:
    """An outcome without when it passed which stage, which is told later than stored."""
    copy = Outcome()
    copy.CopyFrom(outcome)
    copy.ClearField("stages")
    return copy


class Announcements:
    """Checks every entry of the updates when it is added: what is told is stored, and in the views."""

    def __init__(self, site: Site) -> None:
        self.problems: list[str] = []
        self.late: set[tuple[str, str]] = set()
        self._site = site
        projections = [p for p in read_side.PROJECTIONS if CONTRACT.views[p.view].subscriber == ANNOUNCER]
        self._projector = Projector(CONTRACT, projections, READER, site.storage.events)

    def __call__(self, entry: bytes) -> None:
        """An entry was added just now."""
        delivery = Delivery.FromString(entry)
        outcome = delivery.outcome
        if self._site.redis.epochs > 1:
            self.late |= {row_of(update) for update in delivery.updates if self._is_late(update)}
        if not delivery.HasField("outcome"):
            return
        if outcome.status == Outcome.FAILED:
            self.problems.append(f"command {outcome.command_id} failed: {outcome.detail}")
            return
        stored = [
            other
            for data in self._site.storage.events.commits.get(outcome.stream, [])
            for other in Commit.FromString(data).outcomes
            if other.command_id == outcome.command_id
        ]
        if [same(outcome)] != [same(other) for other in stored]:
            self.problems.append(f"command {outcome.command_id}: told {outcome}, stored {stored}")
        for envelope in delivery.events:
            for target in self._projector.targets(envelope.stream, READER.read(envelope)):
                data = self._site.storage.views.rows.get(target.row_id, (b"", ""))[0]
                if ViewRow.FromString(data).progress[envelope.stream].version < envelope.version:
                    self.problems.append(
                        f"command {outcome.command_id} was told before {target.row_id.view}/"
                        f"{target.row_id.key} showed {envelope.id}"
                    )

    def _is_late(self, update: Update) -> bool:
        """Whether the row has moved on since the state that is told."""
        view, key = row_of(update)
        partition = "catalogue" if view == "product" else key
        data = self._site.storage.views.rows.get(RowId(view, partition, key), (b"", ""))[0]
        return update.revision < sum(item.version for item in ViewRow.FromString(data).progress.values())


def row_of(update: Update) -> tuple[str, str]:
    """The view and key of the row that an update tells of: its first topic is made of them."""
    view, _, key = update.topics[0].partition("/")
    return view, key

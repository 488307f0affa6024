"""What a simulated run is checked for: Prism's promises at rest, and what only a simulation can see.

That is: each announcement when it is made, what domain_svc and Redis answer, and Redis' own bookkeeping.
"""

from collections.abc import Iterator

from dev.promises import CHECKS, broken
from dev.promises.history import CONTRACT, READER, Broken, History
from dev.simulation import past
from dev.simulation.asking import answers_are_right
from dev.simulation.clients import Ledger
from dev.simulation.edge import HttpEdge
from dev.simulation.processes import Site
from dev.simulation.watchers import Watcher
from domain_svc import shop as write_side
from domain_svc.lookup import Lookup
from domain_svc.streams import Streams
from kernel import dead_letters
from kernel.contract import ANNOUNCER
from prism.envelope.v1.envelope_pb2 import Commit, DeadLetter, Delivery, Outcome, Update, ViewRow
from projector_svc import shop as read_side
from projector_svc.projecting import Projector


def history_of(site: Site, ledger: Ledger, watchers: list[Watcher]) -> History:
    """A run at rest."""
    events = site.storage.events
    return History(
        commits={
            stream: [Commit.FromString(data) for data in events.commits[stream]]
            for stream in sorted(events.commits)
        },
        # Dead letters are looked at apart.
        rows={
            id_: data for id_, (data, _) in site.storage.views.rows.items() if id_.view != dead_letters.VIEW
        },
        accepted=ledger.accepted.values(),
        screens=[watcher.screen for watcher in watchers],
        payment_window_s=site.settings.prism_payment_window,
        waiting={name: len(queue.messages) for name, queue in site.storage.queues.items()},
        appended_at=events.appended_at,
        given_up=ledger.given_up,
    )


def broken_promises(site: Site, ledger: Ledger, watchers: list[Watcher]) -> list[Broken]:
    """All that is wrong, causes before what follows from them."""
    history = history_of(site, ledger, watchers)
    found = [Broken("receipts are kept", problem) for problem in ledger.problems]
    found += [Broken("lost updates are owned up to", problem) for problem in site.redis.problems]
    found += [Broken("whoever waited sees it", complaint) for complaint in site.complaints]

    def outcomes_can_be_asked_for(history: History) -> Iterator[str]:
        return _unanswered(site, history)

    def the_edge_answers_what_is_stored(history: History) -> Iterator[str]:
        return answers_are_right(HttpEdge(site), history)

    def only_what_is_foreign_is_set_aside(history: History) -> Iterator[str]:
        return _set_aside(site)

    checks = [
        *CHECKS,
        only_what_is_foreign_is_set_aside,
        outcomes_can_be_asked_for,
        *[the_edge_answers_what_is_stored] * site.http,
    ]
    return found + list(broken(history, checks))


def _set_aside(site: Site) -> Iterator[str]:
    """Every foreign message became a dead letter, perhaps more than once, and nothing else did."""
    rows = site.storage.views.rows.items()
    letters = [DeadLetter.FromString(data) for id_, (data, _) in rows if id_.view == dead_letters.VIEW]
    yield from (f"{item.queue}: {item.reason}" for item in letters if item.body != past.FOREIGN)
    if {item.queue for item in letters} != set(site.foreign):
        yield f"foreign messages came to {site.foreign}, dead letters are of {[item.queue for item in letters]}"


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
        if told and same(Outcome.FromString(told[-1])) != same(stored[0]):
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
        self._site = site
        # By row and epoch: the latest state that was told.
        self._told: dict[str, dict[int, int]] = {}
        projections = [p for p in read_side.PROJECTIONS if CONTRACT.views[p.view].subscriber == ANNOUNCER]
        self._projector = Projector(CONTRACT, projections, READER, site.storage.events)

    def __call__(self, entry: bytes) -> None:
        """An entry was added just now."""
        delivery = Delivery.FromString(entry)
        outcome = delivery.outcome
        for update in delivery.updates:
            self._check_order(update)
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

    def _check_order(self, update: Update) -> None:
        """Within an epoch the stream's reader knows what is older; who fetched anew has seen what was before."""
        row, epoch = update.topics[0], self._site.redis.epochs
        told = self._told.setdefault(row, {})
        if any(update.revision < revision for before, revision in told.items() if before < epoch):
            self.problems.append(f"{row} was told as it had been before the epoch began")
        told[epoch] = max(told.get(epoch, 0), update.revision)

"""Whoever sends commands: through the edge's acceptance, with repeats, from several devices, by what they see."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from dev.promises.history import Accepted
from dev.simulation.messages import message_of
from dev.simulation.processes import CONTRACT, Site, acceptance
from dev.simulation.workload import MERCHANT, Action, joined
from dev.simulation.world import NEVER, Actor, Process, surviving
from edge.acceptance import Acceptance, Intent, Receipt
from edge.idempotency import command_id
from edge.problems import KEY_IN_FLIGHT, QUEUE_UNAVAILABLE, Problem
from kernel.ports import RowId
from kernel.tokens import Caller
from prism.envelope.v1.envelope_pb2 import ViewRow

TRIES = 8
# How often whoever was told that nothing was accepted leaves it at that.
GIVES_UP = 0.2


@dataclass(slots=True)
class Ledger:
    """What clients were told."""

    accepted: dict[str, Accepted] = field(default_factory=dict)
    # By action: when it was first sent; its command's id, where it has a key.
    sent_at: dict[int, float] = field(default_factory=dict)
    by_key: dict[int, str] = field(default_factory=dict)
    # Commands that were refused because "nothing was accepted", and never sent again: by id, what they were.
    given_up: dict[str, str] = field(default_factory=dict)
    refused: int = 0
    problems: list[str] = field(default_factory=list)


class Client:
    """One subject, with two devices."""

    def __init__(self, site: Site, ledger: Ledger, subject: str, actions: Sequence[Action]) -> None:
        self._site = site
        self._ledger = ledger
        self._actions = actions
        role = "merchant" if subject == MERCHANT else "shopper"
        self._caller = Caller(subject, frozenset({role}), NEVER)
        self._jobs: list[tuple[list[Action], list[Intent]]] = []
        world = site.world
        self._patience = world.dice(f"{subject}'s patience")
        world.start(subject, Process(f"edge-{subject}"), self._life)
        self._twin: Actor = world.start(f"{subject}-2", Process(f"edge-{subject}-2"), self._twin_life)

    def _life(self) -> None:
        world, edge = self._site.world, acceptance(self._site)
        for actions in joined(self._actions):
            world.sleep(actions[0].think_s)
            intents = [self._intent(action) for action in actions]
            for action in actions:
                self._ledger.sent_at[action.number] = world.now
                self._site.network.note(f"{action}")
            if actions[0].twin:
                self._jobs.append((actions, intents))
                world.wake(self._twin, world.now)
            edge = self._send(edge, actions, intents)
            if all(action.keyed for action in actions):
                for _ in range(actions[0].again):
                    world.sleep(world.current.dice.choice((0.0, 0.05, 3.0)))
                    edge = self._send(edge, actions, intents)

    def _twin_life(self) -> None:
        edge = acceptance(self._site)
        while True:
            while self._jobs:
                edge = self._send(edge, *self._jobs.pop(0))
            self._site.world.park()

    def _send(self, edge: Acceptance, actions: Sequence[Action], intents: Sequence[Intent]) -> Acceptance:
        """Until it is accepted, or for so many tries. Answers an edge that lives."""
        world = self._site.world
        # Whether it may have been accepted without a word.
        unsure = any(action.twin or action.again or not action.keyed for action in actions)
        for _ in range(TRIES):
            answers: Sequence[Receipt | Problem] | None = None
            said = None
            with surviving(world):
                try:
                    answers = edge.accept(self._caller, intents, None)
                except Problem as problem:
                    self._ledger.refused += 1
                    said = problem.kind
            unsure = unsure or (answers is None and said is not QUEUE_UNAVAILABLE)
            if answers is None:
                # The edge is gone, or could not queue it.
                edge = acceptance(self._site)
                if not unsure and self._patience.random() < GIVES_UP:
                    self._ledger.given_up |= {
                        command_id(action.subject, intent.key): str(action)
                        for action, intent in zip(actions, intents, strict=True)
                    }
                    return edge
            elif not self._note(actions, intents, answers):
                return edge
            world.sleep(world.current.dice.choice((0.1, 1.0)))
        return edge

    def _note(
        self, actions: Sequence[Action], intents: Sequence[Intent], answers: Sequence[Receipt | Problem]
    ) -> bool:
        """Keeps the receipts; answers whether to try again."""
        ledger, again = self._ledger, False
        for action, intent, answer in zip(actions, intents, answers, strict=True):
            if isinstance(answer, Problem):
                again = again or answer.kind is KEY_IN_FLIGHT
                if answer.kind is not KEY_IN_FLIGHT:
                    ledger.problems.append(f"{action.subject} {action}: {answer.kind.code}")
                continue
            self._site.network.note(f"202: {answer.command_id}" + " (replayed)" * answer.replayed)
            accepted = Accepted(
                answer.command_id, answer.stream, action.subject, intent.message, str(action),
                ledger.sent_at[action.number],
            )  # fmt: skip # one line a group of fields
            ledger.accepted[answer.command_id] = accepted
            if intent.key and ledger.by_key.setdefault(action.number, answer.command_id) != answer.command_id:
                ledger.problems.append(f"{action.subject} {action}: one key, two commands")
        return again

    def _intent(self, action: Action) -> Intent:
        message = message_of(action, self._look, self._site.world.sleep)
        version = None
        if action.if_match:
            seen = self._look("cart", action.target) or self._look("order", action.target)
            version = seen.version - (action.if_match == "stale") if seen and seen.version else 1
        key = f"key-{action.number}" if action.keyed else None
        return Intent(CONTRACT.commands[message.DESCRIPTOR.full_name], message, key, version)

    def _look(self, view: str, key: str) -> Any:  # noqa: ANN401 # each view has its own type
        return look(self._site, view, key)


def look(site: Site, view: str, key: str) -> Any:  # noqa: ANN401 # each view has its own type
    """The row of a view as it is now, as if the edge answered at once; None for none."""
    partition = "catalogue" if view == "product" else key
    stored = site.storage.views.rows.get(RowId(view, partition, key))
    return CONTRACT.views[view].message.FromString(ViewRow.FromString(stored[0]).data) if stored else None

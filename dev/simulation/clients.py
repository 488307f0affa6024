"""Whoever sends commands: through the edge's acceptance, with repeats, from several devices, by what they see."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from dev.promises.history import Accepted
from dev.simulation.edge import HttpEdge
from dev.simulation.messages import message_of
from dev.simulation.processes import CONTRACT, Site, acceptance
from dev.simulation.workload import MERCHANT, Action, joined
from dev.simulation.world import NEVER, Actor, Process, surviving
from edge.acceptance import Acceptance, Intent, Receipt
from edge.idempotency import DONE, IN_FLIGHT, command_id
from edge.memory import PAUSE_S
from edge.problems import KEY_IN_FLIGHT, KEY_REUSED, QUEUE_UNAVAILABLE, Kind, Problem
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
        # Each subject counts its own: the same key of two subjects is two keys.
        self._keys = {action.number: f"key-{place}" for place, action in enumerate(actions)}
        # What the edge said that did not take the last request; None: it is gone.
        self._said: Kind | None = None
        self._jobs: list[tuple[list[Action], list[Intent]]] = []
        world = site.world
        self._patience = world.dice(f"{subject}'s patience")
        world.start(subject, Process(f"edge-{subject}"), self._life)
        self._twin: Actor = world.start(f"{subject}-2", Process(f"edge-{subject}-2"), self._twin_life)

    def _life(self) -> None:
        world, edge = self._site.world, self._edge()
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
                if actions[0].reused:
                    edge = self._reuse(edge, actions[0], intents[0])

    def _twin_life(self) -> None:
        edge = self._edge()
        while True:
            while self._jobs:
                edge = self._send(edge, *self._jobs.pop(0))
            self._site.world.park()

    def _send(
        self, edge: Acceptance | HttpEdge, actions: Sequence[Action], intents: Sequence[Intent]
    ) -> Acceptance | HttpEdge:
        """Until it is accepted, or for so many tries. Answers an edge that lives."""
        world = self._site.world
        # Whether it may have been accepted without a word.
        unsure = any(action.twin or action.again or not action.keyed for action in actions)
        for _ in range(TRIES):
            # A batch may name a command twice: it is the same command.
            doubled = [intents[0]] * (actions[0].doubled and actions[0].keyed)
            redis = self._site.redis
            unused = not any(redis.get_now(self._key(intent)) for intent in intents if intent.key)
            answers = self._ask(edge, [*intents, *doubled])
            if unused and not redis.troubled and not actions[0].twin:
                self._check_keys(intents, answers)
            if answers and doubled and _receipt(answers[0]) != _receipt(answers.pop()):
                self._ledger.problems.append(f"{actions[0]}: twice in a batch, answered in two ways")
            unsure = unsure or (answers is None and self._said is not QUEUE_UNAVAILABLE)
            if answers is None:
                # The edge is gone, or could not queue it.
                edge = self._edge()
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

    def _edge(self) -> Acceptance | HttpEdge:
        """An edge that has just started."""
        return HttpEdge(self._site) if self._site.http else acceptance(self._site)

    def _ask(self, edge: Acceptance | HttpEdge, intents: Sequence[Intent]) -> list[Receipt | Problem] | None:
        """The answers; None when the edge is gone, or could not queue it."""
        self._said = None
        with surviving(self._site.world):
            try:
                return edge.accept(self._caller, intents, None)
            except Problem as problem:
                self._ledger.refused += 1
                self._said = problem.kind
        return None

    def _check_keys(self, intents: Sequence[Intent], answers: Sequence[Receipt | Problem] | None) -> None:
        """While nothing is wrong with Redis, it holds no key of what was not accepted."""
        redis, problems = self._site.redis, self._ledger.problems
        for intent in intents:
            held = redis.get_now(self._key(intent)) if intent.key else None
            if not held:
                continue
            if answers is None and self._said and held.startswith(IN_FLIGHT):
                problems.append(f"{intent.key} is not free again after a 503")

    def _key(self, intent: Intent) -> str:
        """What Redis has the intent's key under."""
        id_ = command_id(self._caller.subject, intent.key)
        return f"{self._site.settings.prism_namespace}:idempotency:{id_}"

    def _reuse(self, edge: Acceptance | HttpEdge, action: Action, intent: Intent) -> Acceptance | HttpEdge:
        """Sends another request with the key of one that was accepted, while Redis remembers that."""
        site = self._site
        # An edge leaves a Redis alone that it could not reach a moment ago.
        site.world.sleep(2 * PAUSE_S)
        before = site.redis.troubles
        if not (site.redis.get_now(self._key(intent)) or b"").startswith(DONE):
            return edge
        answers = self._ask(edge, [_other(intent)])
        if answers and isinstance(answers[0], Problem) and answers[0].kind is KEY_REUSED:
            return edge
        if answers and site.redis.troubles == before:
            self._ledger.problems.append(f"{action.subject} {action}: another request too: {answers[0]}")
        # Whichever of the two is decided first.
        self._ledger.accepted.pop(command_id(action.subject, intent.key), None)
        return edge if answers else self._edge()

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
                ledger.sent_at[action.number], self._caller.roles, intent.expected_version,
            )  # fmt: skip # one line a group of fields
            ledger.accepted[answer.command_id] = accepted
            if intent.key and ledger.by_key.setdefault(action.number, answer.command_id) != answer.command_id:
                ledger.problems.append(f"{action.subject} {action}: one key, two commands")
        return again

    def _intent(self, action: Action) -> Intent:
        message = message_of(action, self._look, self._site.world.sleep)
        version = None
        if action.if_match:
            looks = (self._look(view, action.target) for view in ("cart", "order", "product"))
            seen = next(filter(None, looks), None)
            version = seen.version - (action.if_match == "stale") if seen and seen.version else 1
        key = self._keys[action.number] if action.keyed else None
        return Intent(CONTRACT.commands[message.DESCRIPTOR.full_name], message, key, version)

    def _look(self, view: str, key: str) -> Any:  # noqa: ANN401 # each view has its own type
        return look(self._site, view, key)


def _receipt(answer: Receipt | Problem) -> tuple[str, str] | None:
    return (answer.command_id, answer.stream) if isinstance(answer, Receipt) else None


def _other(intent: Intent) -> Intent:
    """Another request to the same stream: with another condition, or of something else."""
    if "quantity" not in intent.message.DESCRIPTOR.fields_by_name:
        return replace(intent, expected_version=(intent.expected_version or 0) + 1)
    other: Any = type(intent.message)()
    other.CopyFrom(intent.message)
    other.quantity = other.quantity % 999 + 1
    return replace(intent, message=other)


def look(site: Site, view: str, key: str) -> Any:  # noqa: ANN401 # each view has its own type
    """The row of a view as it is now, as if the edge answered at once; None for none."""
    partition = "catalogue" if view == "product" else key
    stored = site.storage.views.rows.get(RowId(view, partition, key))
    return CONTRACT.views[view].message.FromString(ViewRow.FromString(stored[0]).data) if stored else None

"""Every command has one outcome and one effect, and streams are whole."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from dev.promises.history import History, Recorded
from prism.envelope.v1.envelope_pb2 import Outcome

# What a command of a client leads to, when it is applied.
EFFECTS = {
    "RegisterProduct": "ProductRegistered",
    "ChangeProductPrice": "ProductPriceChanged",
    "DiscontinueProduct": "ProductDiscontinued",
    "ReceiveStock": "StockReceived",
    "AddItemToCart": "ItemAddedToCart",
    "ChangeItemQuantity": "ItemQuantityChanged",
    "RemoveItemFromCart": "ItemRemovedFromCart",
    "CheckOutCart": "CartCheckedOut",
    "PayOrder": "OrderPaid",
    "ShipOrder": "OrderShipped",
    "CancelOrder": "OrderCancelled",
}


def queues_are_empty(history: History) -> Iterator[str]:
    """Nothing waits."""
    for name, messages in sorted(history.waiting.items()):
        if messages:
            yield f"{messages} messages are left in {name}"


def streams_are_whole(history: History) -> Iterator[str]:
    """Commits and events are numbered without a gap, and every event is its command's."""
    for stream, commits in history.commits.items():
        version = 0
        for place, commit in enumerate(commits, 1):
            if (commit.stream, commit.number) != (stream, place):
                yield f"{stream}: commit {commit.number} of {commit.stream} rests at {place}"
            told = [
                (ref.event_id, outcome.command_id) for outcome in commit.outcomes for ref in outcome.events
            ]
            held = [(envelope.id, envelope.causation_id) for envelope in commit.events]
            if told != held:
                yield f"{stream}: commit {place} holds {held} and tells of {told}"
            for envelope in commit.events:
                version += 1
                if (envelope.version, envelope.id) != (version, f"{stream}:{version}"):
                    yield f"{stream}: event {envelope.id} (version {envelope.version}) is number {version}"
            if commit.version != version:
                yield f"{stream}: commit {place} says version {commit.version}, and it is {version}"


def commands_have_one_outcome(history: History) -> Iterator[str]:
    """Every command that was accepted has exactly one, in the stream that its receipt named."""
    for command_id, outcomes in history.outcomes.items():
        if len(outcomes) > 1:
            yield f"command {command_id} has {len(outcomes)} outcomes in {outcomes[0].stream}"
    for accepted in history.accepted:
        outcomes = history.outcomes.get(accepted.command_id, [])
        if not outcomes:
            yield f"accepted and lost: {accepted.subject} {accepted.said} ({accepted.command_id})"
        elif outcomes[0].stream != accepted.stream or outcomes[0].subject != accepted.subject:
            yield f"command {accepted.command_id} of {accepted.subject} is answered in {outcomes[0].stream}"


def what_was_refused_never_happens(history: History) -> Iterator[str]:
    """A 503 says that nothing was accepted."""
    for command_id, said in history.given_up.items():
        if command_id in history.outcomes:
            yield f"refused with 503, and decided: {said} ({command_id})"


def effects_happen_once(history: History) -> Iterator[str]:
    """An applied command led to the one event that it asked for, a rejected one to none."""
    caused: dict[str, list[Recorded]] = defaultdict(list)
    for events in history.events.values():
        for recorded in events:
            caused[recorded.envelope.causation_id].append(recorded)
    for accepted in history.accepted:
        for outcome in history.outcomes.get(accepted.command_id, []):
            led_to = caused.get(accepted.command_id, [])
            kinds = [recorded.kind for recorded in led_to]
            if outcome.status == Outcome.REJECTED and kinds:
                yield f"{accepted.said}: rejected with {outcome.code}, and led to {kinds}"
            elif outcome.status == Outcome.APPLIED:
                if kinds != [EFFECTS[accepted.message.DESCRIPTOR.name]]:
                    yield f"{accepted.said}: applied, and led to {kinds}"
                else:
                    yield from _differences(accepted.message, led_to[0].event, accepted.said)


def _differences(command: Any, event: Any, what: str) -> Iterator[str]:  # noqa: ANN401 # any message
    for name in ("product_id", "cart_id", "quantity", "price", "amount"):
        if name in command.DESCRIPTOR.fields_by_name and name in event.DESCRIPTOR.fields_by_name:
            asked, got = getattr(command, name), getattr(event, name)
            if asked != got:
                yield f"{what}: asked for {name} {asked}, and got {got}"

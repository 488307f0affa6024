"""Whom a change concerns."""

from collections.abc import Iterator
from enum import StrEnum

from dev.schema.changes import Change
from dev.schema.contracts import OPTIONS, Contracts


class Audience(StrEnum):
    """Who reads or writes what changed. In the order of a report."""

    REST = "REST clients"
    EVENTS = "Events"
    VIEWS = "Views"
    QUEUES = "Queues and stored rows"
    GRPC = "gRPC and operators"
    AUTHORS = "Authors of contracts"


def audiences(change: Change, base: Contracts, tree: Contracts) -> list[Audience]:
    """Everybody whom it concerns."""
    found = {audience for contracts in (base, tree) for audience in _of(change.owner, contracts)}
    return [audience for audience in Audience if audience in found]


def _of(owner: str, contracts: Contracts) -> Iterator[Audience]:
    if owner.startswith(f"{OPTIONS}."):
        yield Audience.AUTHORS
    if owner.startswith("prism.envelope.") or owner in _commands_of_policies(contracts):
        yield Audience.QUEUES
    if owner in contracts.users({name: contracts.messages[name] for name in contracts.events}):
        yield Audience.EVENTS
    if owner in contracts.users({name: contracts.messages[name] for name in contracts.views}):
        yield Audience.VIEWS
    yield from _of_calls(owner, contracts)


def _of_calls(owner: str, contracts: Contracts) -> Iterator[Audience]:
    for name, method in contracts.methods.items():
        routed = contracts.option(method, "google.api.http") is not None
        ours = any(contracts.option(method, f"{OPTIONS}.{kind}") for kind in ("command", "query"))
        # What is answered inside an envelope is told to those who read envelopes.
        sides = {"request": method.input_type, "answer": method.output_type}
        within = contracts.users(sides)
        if owner == name or (owner in within and not owner.startswith("prism.envelope.")):
            yield Audience.REST if routed else Audience.QUEUES if ours else Audience.GRPC


def _commands_of_policies(contracts: Contracts) -> set[str]:
    commands = [m for m in contracts.methods.values() if contracts.option(m, f"{OPTIONS}.command")]
    return {m.input_type.full_name for m in commands if not contracts.option(m, "google.api.http")}

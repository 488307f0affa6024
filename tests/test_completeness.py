"""What the contract declares is what the code does: nothing forgotten, nothing extra."""

import re
from pathlib import Path

import pytest

import upcasters
from domain_svc import shop as write_side
from kernel import contract
from kernel.upcasting import EventReader
from prism.envelope.v1.envelope_pb2 import Envelope
from projector_svc import shop as read_side

CONTRACT = contract.load()
ROOT = Path(__file__).parent.parent
AGGREGATES = {aggregate.name: aggregate for aggregate in write_side.AGGREGATES}
PROJECTIONS = {projection.view: projection for projection in read_side.PROJECTIONS}


def current_events(*aggregates: str) -> set[str]:
    return {
        event.type
        for event in CONTRACT.events.values()
        if event.aggregate in aggregates and not event.successor
    }


@pytest.mark.parametrize("name", AGGREGATES)
def test_every_command_is_decided(name: str) -> None:
    declared = {command.type for command in CONTRACT.commands.values() if command.aggregate == name}
    assert AGGREGATES[name].decisions.keys() == declared


def test_every_command_belongs_to_an_aggregate() -> None:
    assert {command.aggregate for command in CONTRACT.commands.values()} == AGGREGATES.keys()


@pytest.mark.parametrize("name", AGGREGATES)
def test_every_current_event_is_evolved(name: str) -> None:
    assert AGGREGATES[name].evolutions.keys() == current_events(name)


@pytest.mark.parametrize("name", CONTRACT.views)
def test_every_current_event_is_projected_or_said_not_to_be(name: str) -> None:
    projection = PROJECTIONS[name]
    expected = current_events(*CONTRACT.views[name].aggregates)
    assert projection.handlers.keys() | projection.unshown == expected
    assert not projection.handlers.keys() & projection.unshown


def test_every_old_event_is_upcast_to_a_current_one() -> None:
    reader = EventReader(CONTRACT, upcasters.ALL)
    old = [event for event in CONTRACT.events.values() if event.successor]
    assert old
    for event in old:
        assert reader.read(Envelope(id="x:1", type=event.type)).DESCRIPTOR.full_name in current_events(
            event.aggregate
        )


def test_policies_react_to_current_events_and_send_known_commands() -> None:
    policies = write_side.policies(900)
    known = current_events(*AGGREGATES)
    assert all(policy.reactions.keys() <= known for policy in policies)


def test_short_names_of_current_events_and_commands_are_unique() -> None:
    for kinds in (
        [event.name for event in CONTRACT.events.values() if not event.successor],
        [command.name for command in CONTRACT.commands.values()],
    ):
        assert len(kinds) == len(set(kinds))


def test_every_routed_command_says_who_may_send_it() -> None:
    for command in CONTRACT.commands.values():
        assert bool(command.route) == bool(command.roles), command.name


@pytest.mark.parametrize("name", AGGREGATES)
def test_every_code_that_an_aggregate_rejects_with_is_in_the_contract(name: str) -> None:
    source = (ROOT / "domain_svc" / "aggregates" / f"{name}.py").read_text()
    raised = set(re.findall(r'Rejected\(\s*"([A-Z_]+)"', source))
    declared = {
        code
        for command in CONTRACT.commands.values()
        if command.aggregate == name
        for code in command.rejects
    }
    assert raised == declared

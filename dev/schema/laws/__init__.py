"""Prism's own laws, where buf does not reach. Each takes what changed and answers what is wrong with it.

events    a released event never changes shape or meaning, and never disappears
chains    old events lead to current ones, every step with its upcaster
removals  whatever goes was deprecated in a release before, and never comes back as something else
calls     routes, streams and roles of released rpcs stay
requests  what was accepted is accepted
views     views keep their names, topics and owners
"""

from dataclasses import dataclass, field

from dev.schema.changes import Change
from dev.schema.contracts import Contracts, Place
from dev.schema.findings import Finding


@dataclass(frozen=True, slots=True)
class Step:
    """A step from one version of the contracts to another, and what the releases before have retired."""

    base: Contracts
    tree: Contracts
    changes: list[Change]
    retired: frozenset[str] = field(default_factory=frozenset)

    def where(self, name: str) -> str:
        """Where something is declared; where it was, if it is gone."""
        for contracts in (self.tree, self.base):
            # The nearest thing around it that is still there.
            parts = name.split(".")
            for length in range(len(parts), 0, -1):
                place = contracts.places.get(".".join(parts[:length]))
                if place is not None:
                    return str(place if contracts is self.tree else Place(place.file))
        return "proto/"

    def refuse(self, law: str, name: str, problem: str, advice: str) -> Finding:
        """A finding about something of either version."""
        return Finding(law, self.where(name), name, problem, advice)

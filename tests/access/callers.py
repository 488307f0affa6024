"""Who calls: by the roles of the token, none and a bad one among them."""

from collections.abc import Mapping
from types import MappingProxyType

from kernel.tokens import ROLES

# By name: the roles of a valid token, or None where there is no valid one.
CALLERS: Mapping[str, frozenset[str] | None] = MappingProxyType(
    {
        "nobody": None,
        "a forger": None,
        "someone without a role": frozenset(),
        **{f"a {role}": frozenset({role}) for role in sorted(ROLES)},
    }
)

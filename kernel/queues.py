"""The names of the queues."""

COMMANDS = "commands"


def events_for(subscriber: str) -> str:
    """The queue of a subscriber of events."""
    return f"events-{subscriber}"


POLICIES = events_for("policies")

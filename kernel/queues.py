"""The names of the queues."""

COMMANDS = "commands"


def events_for(subscriber: str) -> str:
    """The queue of a subscriber of events."""
    return f"events-{subscriber}"


def dead_letters_of(queue: str) -> str:
    """Where the messages of a queue go that nobody could handle."""
    return f"{queue}-dead"


POLICIES = events_for("policies")

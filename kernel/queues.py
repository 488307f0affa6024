"""The names of the queues."""

COMMANDS = "commands"
# Commands that wait for their time, apart from those that wait for a consumer.
COMMANDS_LATER = "commands-later"


def events_for(subscriber: str) -> str:
    """The queue of a subscriber of events."""
    return f"events-{subscriber}"


POLICIES = events_for("policies")

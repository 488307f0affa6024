"""What the shell completes beside commands and options: names that the contract knows."""

from kernel.queues import COMMANDS, COMMANDS_LATER, POLICIES, events_for

SERVICES = ("domain_svc", "projector_svc", "stream_svc")
# stream_svc's reader.
UPDATES = "updates"


def services(incomplete: str) -> list[str]:
    """The workers."""
    return [name for name in SERVICES if name.startswith(incomplete)]


def views(incomplete: str) -> list[str]:
    """The contract's views."""
    from kernel import contract  # a tenth of a second that other completions need not wait

    return [name for name in sorted(contract.load().views) if name.startswith(incomplete)]


def queues(incomplete: str) -> list[str]:
    """The queues that workers consume."""
    from kernel import contract  # the same

    subscribers = {view.subscriber for view in contract.load().views.values()}
    names = [COMMANDS, COMMANDS_LATER, POLICIES, *sorted(map(events_for, subscribers))]
    return [name for name in names if name.startswith(incomplete)]


def consumers(incomplete: str) -> list[str]:
    """The consumers: those of the queues, and the reader of updates."""
    return [*queues(incomplete), *(name for name in [UPDATES] if name.startswith(incomplete))]

"""A fixed, modest rate of commands, and how soon each shows on the event stream."""

from dataclasses import dataclass

from dev.bench import shop
from dev.bench.figures import Latency, latency
from dev.bench.generator import Paced, Sent
from dev.bench.subject import Subject

PACED_CARTS = shop.cart_ids(10, "paced")
COMMANDS_A_SECOND = 50
WARM_UP_S = 2.0


class Miscounted(Exception):
    """The stack did not do what was asked of it, each command once: its figures mean nothing."""


@dataclass(frozen=True, slots=True)
class Pace:
    """A fixed, modest rate."""

    commands_a_second: int
    # From the moment a command was due to its update on the event stream; and to its 202.
    post_to_sse_ms: Latency
    post_to_answer_ms: Latency
    # How late the generator itself was.
    generator_ms: Latency


def measure_pace(subject: Subject, seconds: float) -> Pace:
    """Posts at a fixed rate while a stream is open. What came in the first two seconds is left out."""
    job = Paced(
        edge=subject.edge,
        token=subject.token,
        a_second=COMMANDS_A_SECOND,
        seconds=WARM_UP_S + seconds,
        carts=PACED_CARTS,
    )
    with subject.listening(PACED_CARTS) as came:
        commands = subject.run(job, list[Sent])
    if missing := sum(command.command_id not in came for command in commands):
        raise Miscounted(f"{missing} of {len(commands)} commands never showed on the event stream")
    first = min(command.due for command in commands) + WARM_UP_S
    warm = [command for command in commands if command.due >= first]
    return Pace(
        commands_a_second=COMMANDS_A_SECOND,
        post_to_sse_ms=latency([came[command.command_id] - command.due for command in warm]),
        post_to_answer_ms=latency([command.answered - command.due for command in warm]),
        generator_ms=latency([command.sent - command.due for command in warm]),
    )

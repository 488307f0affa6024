"""What a consumer tells of its queue, in metrics."""

from kernel.telemetry.metrics import BATCH_MESSAGES, BATCH_SECONDS, DEAD_LETTERED, HANDLED, LEFT, RETRIED


class QueueTelemetry:
    """The metrics of one queue, from 0 on."""

    def __init__(self, queue: str) -> None:
        self._messages = BATCH_MESSAGES.labels(queue)
        self._seconds = BATCH_SECONDS.labels(queue)
        self._handled = HANDLED.labels(queue)
        self._retried = RETRIED.labels(queue)
        self._dead = DEAD_LETTERED.labels(queue)
        self._left = LEFT.labels(queue)

    def batch(self, messages: int, seconds: float) -> None:
        """A batch of so many was worked off, whatever became of them, in so long."""
        self._messages.observe(messages)
        self._seconds.observe(seconds)

    def handled(self, messages: int) -> None:
        """So many were handled and deleted."""
        self._handled.inc(messages)

    def retried(self, messages: int) -> None:
        """So many were given back, to be tried again."""
        self._retried.inc(messages)

    def dead_lettered(self, letters: int) -> None:
        """So many dead letters were written."""
        self._dead.inc(letters)

    def left(self, messages: int) -> None:
        """So many were left for a replica of a newer release."""
        self._left.inc(messages)

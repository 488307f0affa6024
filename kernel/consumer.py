"""The worker loop: receives batches from a queue, hands them to a handler, settles them.

receive ─▶ handle ─▶ delete            each message is deleted only after it is handled
             │
             ├─ dead letters           set aside with a reason, then deleted
             ├─ what is left           put back for a replica that knows it, then deleted
             ├─ StorageUnavailable     given back; the loop waits and tries again, for ever
             └─ anything else          a defect: messages are handled one by one, so that the
                                       others go on; after MAX_DELIVERIES the culprit is split, and
                                       what of it still fails becomes a dead letter
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from threading import Event, Thread

from kernel.dead_letters import DeadLetters
from kernel.errors import Poison, StorageUnavailable
from kernel.handler import DeadLetter, Handler, Left, Unsettled
from kernel.lease import Lease
from kernel.leaving import UnknownTypes
from kernel.ports import MAX_BODY_BYTES, Message, Queue
from kernel.splitting import parts
from kernel.telemetry.consumers import QueueTelemetry
from kernel.telemetry.log import fields
from kernel.telemetry.metrics import EMPTY_RECEIVES
from prism.admin.v1.admin_pb2 import ConsumerStatus
from prism.envelope.v1 import envelope_pb2

logger = logging.getLogger(__name__)

BATCH = 32
VISIBILITY_S = 30.0
# Of a message that a defect keeps failing on. Deliveries while storage was away count as well: after an
# outage a defect may have its only try.
MAX_DELIVERIES = 5
MAX_REASON = 200
# Between polls of a consumer that hears no bell: from the first to the second, doubling.
POLL_S = (0.25, 1.0)
# Between tries while storage is out of reach, the same way; and before a defect is tried again.
RETRY_S = (0.1, 2.0)
# How long what is left stays hidden before it is looked at again, here or by a newer replica.
LEAVE_S = 1.0


class Consumer:
    """Feeds a queue to a handler, from `start` to `stop`, in one thread."""

    def __init__(
        self,
        queue: Queue,
        dead_letters: DeadLetters,
        handle: Handler,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.name = queue.name
        self._queue = queue
        self.dead_letters = dead_letters
        self._handle = handle
        self._clock = clock
        self._bell = Event()
        self._stopping = Event()
        self._paused = Event()
        self._lease = Lease(queue, VISIBILITY_S)
        # A daemon: no batch, however long, keeps its process from ending.
        self._thread = Thread(target=self._run, name=f"consumer-{queue.name}", daemon=True)
        self._handled = 0
        self._dead_lettered = 0
        self._retried = 0
        self._left = 0
        self._unknown = UnknownTypes(queue.name)
        self._lag_s = 0.0
        self._told = QueueTelemetry(queue.name)

    def start(self) -> None:
        """Begins to consume."""
        self._lease.start()
        self._thread.start()

    def stop(self, timeout_s: float = 10) -> bool:
        """Finishes the batch at hand and consumes no more. Answers whether it ended in time."""
        self._stopping.set()
        self._bell.set()
        self._thread.join(timeout_s)
        self._lease.close()
        return not self._thread.is_alive()

    def ring(self) -> None:
        """Says that the queue has something. Returns at once."""
        self._bell.set()

    def pause(self) -> None:
        """Takes no further batch until `resume`."""
        self._paused.set()

    def resume(self) -> None:
        """Goes on."""
        self._paused.clear()
        self._bell.set()

    @property
    def paused(self) -> bool:
        """Whether it takes no further batch."""
        return self._paused.is_set()

    @property
    def alive(self) -> bool:
        """Whether the loop runs."""
        return self._thread.is_alive()

    def status(self) -> ConsumerStatus:
        """How it is doing. Asks for the queue's depth and the dead letters' number: StorageUnavailable when
        that fails."""
        depth = self._queue.depth()
        status = ConsumerStatus(
            name=self.name,
            paused=self.paused,
            in_flight=self._lease.size,
            depth=depth.messages,
            handled=self._handled,
            dead_lettered=self._dead_lettered,
            dead_letters=self.dead_letters.count(),
            retried=self._retried,
            left=self._left,
            unknown_types=self._unknown.latest(),
        )
        status.lag.FromMicroseconds(int(self._lag_s * 1e6))
        if depth.oldest_age_s is not None:
            status.oldest_age.FromMicroseconds(int(depth.oldest_age_s * 1e6))
        return status

    def _run(self) -> None:
        poll_s, retry_s = POLL_S[0], RETRY_S[0]
        while not self._stopping.is_set():
            # Cleared before receiving: a ring from here on is about something this may not see.
            self._bell.clear()
            try:
                received = 0 if self.paused else self.step()
            except Exception as error:  # the loop must outlive whatever storage does
                unavailable = isinstance(error, StorageUnavailable)
                logger.warning("%s: trying again: %s", self.name, error, exc_info=not unavailable)
                self._stopping.wait(retry_s)
                retry_s = min(retry_s * 2, RETRY_S[1])
                continue
            retry_s = RETRY_S[0]
            poll_s = POLL_S[0] if received else min(poll_s * 2, POLL_S[1])
            if received < BATCH:
                self._bell.wait(poll_s)

    def step(self) -> int:
        """Receives and settles one batch; answers how many messages it had. What the loop does.

        Raises what storage raises, once the batch is given back.
        """
        messages = self._queue.receive(BATCH, VISIBILITY_S)
        if messages:
            began = time.perf_counter()
            try:
                with self._lease.hold(messages):
                    self._settle(messages)
            finally:
                self._told.batch(len(messages), time.perf_counter() - began)
        else:
            EMPTY_RECEIVES.inc()
        return len(messages)

    def _settle(self, messages: Sequence[Message]) -> None:
        try:
            unsettled = self._handle(messages)
        except StorageUnavailable:
            self._give_back(messages, RETRY_S[0])
            raise
        except Exception as error:
            if len(messages) > 1:
                logger.exception("%s: a batch failed, handling its messages one by one", self.name)
                self._settle_each(messages)
                return
            settled = self._after_defect(messages[0], error)
            if settled is None:
                return
            unsettled = settled
        self._set_aside(unsettled, messages[0])
        self._put_back(unsettled)
        self._queue.delete(self._lease.current(messages))
        self._handled += len(messages)
        self._told.handled(len(messages))
        self._lag_s = max(0.0, self._clock() - messages[-1].put_at)

    def _settle_each(self, messages: Sequence[Message]) -> None:
        for place, message in enumerate(messages):
            try:
                self._settle([message])
            except StorageUnavailable:
                self._give_back(messages[place + 1 :], RETRY_S[0])
                raise

    def _after_defect(self, message: Message, error: Exception) -> list[Unsettled] | None:
        """What is left of a message that failed; None where it is given back as a whole."""
        if not isinstance(error, Poison):
            logger.error("%s: message %s failed", self.name, message.id, exc_info=error)
            if message.deliveries < MAX_DELIVERIES:
                self._give_back([message], RETRY_S[1])
                return None
        bodies = parts(self.name, message.body)
        if len(bodies) == 1:
            return [DeadLetter(message.body, _reason(error))]
        return [item for body in bodies for item in self._handle_part(message, body)]

    def _handle_part(self, message: Message, body: bytes) -> Sequence[Unsettled]:
        try:
            return self._handle([replace(message, body=body)])
        except StorageUnavailable:
            self._give_back([message], RETRY_S[0])
            raise
        except Exception as error:  # noqa: BLE001 # it is in the letter, and was logged for the whole message
            return [DeadLetter(body, _reason(error))]

    def _give_back(self, messages: Sequence[Message], delay_s: float) -> None:
        self._retried += len(messages)
        self._told.retried(len(messages))
        try:
            self._queue.extend(self._lease.current(messages), delay_s)
        except StorageUnavailable:
            # They come back by themselves when their visibility timeout has passed.
            logger.debug("%s: could not give messages back early", self.name)

    def _set_aside(self, unsettled: Sequence[Unsettled], message: Message) -> None:
        letters = []
        for item in unsettled:
            if not isinstance(item, DeadLetter):
                continue
            # The reason's beginning, a type as a rule: the rest may hold what a client sent, and is in the letter.
            reason = item.reason.partition(":")[0]
            logger.error("a dead letter", extra=fields(queue=self.name, message_id=message.id, reason=reason))
            letter = envelope_pb2.DeadLetter(
                # Ours always fit; a foreign message may be larger than what a queue takes back.
                body=item.body[:MAX_BODY_BYTES],
                queue=self.name,
                reason=item.reason[:MAX_REASON],
                deliveries=message.deliveries,
            )
            letter.time.FromMicroseconds(int(self._clock() * 1e6))
            letters.append(letter)
        if letters:
            self.dead_letters.add(letters)
            self._dead_lettered += len(letters)
            self._told.dead_lettered(len(letters))

    def _put_back(self, unsettled: Sequence[Unsettled]) -> None:
        left = [item for item in unsettled if isinstance(item, Left)]
        if left:
            self._queue.put([item.body for item in left], LEAVE_S)
            self._left += len(left)
            self._told.left(len(left))
            self._unknown.note(type_ for item in left for type_ in item.types)


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, Poison) else f"{type(error).__name__}: {error}"

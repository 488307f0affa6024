"""Queues on Queue Storage."""

import base64
import binascii
import math
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, TypeVar

from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.storage.queue import QueueClient, QueueMessage, StorageErrorCode

from kernel.azure.calls import Parallel, calling, creating
from kernel.errors import EffectUnknown, StorageUnavailable
from kernel.ports import Depth, Message, check_bodies, check_limit

# Time to live: for ever. The default drops messages after 7 days.
FOR_EVER = -1

Result = TypeVar("Result")


class AzureQueue:
    """A queue, made by the first message put; until then it is empty."""

    def __init__(self, name: str, client: QueueClient, parallel: Parallel) -> None:
        self.name = name
        self._client = client
        self._parallel = parallel

    def put(self, bodies: Sequence[bytes], delay_s: float = 0) -> None:
        """Puts one message a body, several at once."""
        check_bodies(bodies, delay_s)
        delay = math.ceil(delay_s)
        tried = self._parallel.map(lambda body: self._put(base64.b64encode(body).decode(), delay), bodies)
        failures = [failure for failure in tried if failure]
        if failures:
            unknown = next((each for each in failures if isinstance(each, EffectUnknown)), None)
            if len(failures) < len(tried):
                unknown = unknown or EffectUnknown(f"{len(failures)} of {len(tried)} failed: {failures[0]}")
            raise unknown or failures[0]

    def _put(self, text: str, delay: int) -> StorageUnavailable | None:
        """Puts one; answers what went wrong, for the others are put all the same."""
        try:
            creating(
                "queue.put",
                self._client.create_queue,
                lambda: self._client.send_message(text, visibility_timeout=delay, time_to_live=FOR_EVER),
            )
        except StorageUnavailable as error:
            return error
        return None

    def receive(self, limit: int = 32, visibility_s: float = 30) -> list[Message]:
        """Receives in one request; the least visibility timeout of Azure is 1 s."""
        check_limit(limit)
        seconds = max(1, math.ceil(visibility_s))
        with suppress(ResourceNotFoundError), calling("queue.receive"):
            pages = self._client.receive_messages(
                messages_per_page=limit, max_messages=limit, visibility_timeout=seconds
            ).by_page()
            # The first page is one request; asking on would make another to find the queue empty.
            return [message_of(message) for message in next(pages, ())]
        return []

    def delete(self, messages: Sequence[Message]) -> None:
        """Deletes one by one, several at once."""
        self._parallel.map(self._delete, messages)

    def _delete(self, message: Message) -> None:
        def delete() -> None:
            self._client.delete_message(message.id, message.receipt)

        if_latest("queue.delete", message, delete)

    def extend(self, messages: Sequence[Message], visibility_s: float) -> list[Message]:
        """Updates the visibility alone, one by one, several at once."""
        seconds = math.ceil(visibility_s)
        extended = self._parallel.map(lambda message: self._extend(message, seconds), messages)
        return [message for message in extended if message]

    def _extend(self, message: Message, seconds: int) -> Message | None:
        def extend() -> Message:
            # Without content, the body stays as it is.
            updated = self._client.update_message(message.id, message.receipt, visibility_timeout=seconds)
            return replace(message, receipt=str(updated.pop_receipt))

        return if_latest("queue.extend", message, extend)

    def peek(self, limit: int = 32) -> list[Message]:
        """Peeks in one request."""
        check_limit(limit)
        return self._peek("queue.peek", limit)

    def _peek(self, kind: str, limit: int) -> list[Message]:
        with suppress(ResourceNotFoundError), calling(kind):
            return [message_of(message) for message in self._client.peek_messages(limit)]
        return []

    def depth(self) -> Depth:
        """Asks for the count, and for the message that comes next: two requests."""
        count = 0
        with suppress(ResourceNotFoundError), calling("queue.depth"):
            count = self._client.get_queue_properties().approximate_message_count or 0
        waiting = self._peek("queue.depth", 1) if count else []
        return Depth(count, max(0.0, time.time() - waiting[0].put_at) if waiting else None)

    def ping(self, **options: Any) -> None:  # noqa: ANN401 - what the SDK takes
        """Returns if the service answers; the options bound how long it may take."""
        with suppress(ResourceNotFoundError), calling("ping"):
            self._client.get_queue_properties(**options)


def if_latest(kind: str, message: Message, function: Callable[[], Result]) -> Result | None:
    """Runs a call that holds for the latest delivery only; None if this message is not, or is gone."""
    # A peeked message was not delivered at all.
    if not message.receipt:
        return None
    try:
        with calling(kind):
            return function()
    except ResourceNotFoundError:
        return None
    except HttpResponseError as error:
        # Azure answers 404 to most stale receipts, and 400 with this code to others.
        if getattr(error, "error_code", None) == StorageErrorCode.POP_RECEIPT_MISMATCH:
            return None
        raise


def message_of(message: QueueMessage) -> Message:
    """A message as Azure delivers or shows it."""
    return Message(
        id=message.id,
        body=body_of(message.content),
        receipt=message.pop_receipt or "",
        deliveries=message.dequeue_count or 0,
        put_at=message.inserted_on.timestamp() if message.inserted_on else 0.0,
    )


def body_of(text: str) -> bytes:
    """The body of a message; of one that others put there, its text as it is: for the dead letters."""
    try:
        return base64.b64decode(text or "", validate=True)
    except binascii.Error:
        return text.encode()

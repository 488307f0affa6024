"""Server-sent events on the wire: https://html.spec.whatwg.org/multipage/server-sent-events.html"""

from flask_sse import Message

RETRY_MS = 2000


class SseMessage(Message):  # type: ignore[misc] # flask_sse ships no types
    """flask_sse's message, its lines in the contract's order and with the usual space.

    `data` is JSON, so neither it nor the ids of ours hold a line break that would need escaping.
    """

    def __init__(self, data: str, event: str, id_: str | None = None) -> None:
        super().__init__(data, type=event, id=id_)

    def __str__(self) -> str:
        id_ = f"id: {self.id}\n" if self.id else ""
        return f"{id_}event: {self.type}\ndata: {self.data}\n\n"

    def encode(self) -> bytes:
        """The message as it is sent."""
        return str(self).encode()


def opening(id_: str | None) -> bytes:
    """The first bytes of a stream, which make proxies and clients see that it is open.

    An id without data reaches no handler of the client: it is what the client comes back with.
    """
    return f": open\nretry: {RETRY_MS}\n{_id(id_)}\n".encode()


def heartbeat(id_: str | None) -> bytes:
    """Says that the stream lives. Its id moves the client on past updates that were not for it."""
    return f": heartbeat\n{_id(id_)}\n".encode()


def comment(text: str) -> bytes:
    """A line that clients ignore and people read."""
    return f": {text}\n\n".encode()


def _id(id_: str | None) -> str:
    return f"id: {id_}\n" if id_ else ""

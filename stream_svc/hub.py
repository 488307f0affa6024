"""The hub: hands every new item to the clients that it is for, and replays to those that come back."""

import time
from collections.abc import Iterator, Sequence
from itertools import islice
from threading import Condition

from kernel.contract import Contract
from kernel.telemetry.metrics import SSE_RESETS, bound
from kernel.updates import CAPACITY
from stream_svc.cursors import NOWHERE, Place, Position
from stream_svc.items import Expanded, Item
from stream_svc.ring import Reset, Ring
from stream_svc.sse import SseMessage
from stream_svc.subscription import Interest, Subscription

_resets = bound(SSE_RESETS)

# Of the ring's capacity: as often the hub looks for clients that have fallen behind it.
LOOKS = 100
# How many replayed messages a client holds at most, beyond what is being sent to it.
REPLAYED_AT_ONCE = 100


class TooManyStreams(Exception):
    """No further client is taken."""


class Hub:
    """One ring and all clients of a process. Safe for threads; nothing waits for a client.

    At most `capacity` entries are kept, and nothing waits for a client that is not of them, give or take a
    hundredth: one that has fallen behind starts over. At most `limit` clients subscribe at once.
    """

    def __init__(self, contract: Contract, limit: int, capacity: int = CAPACITY) -> None:
        self._contract = contract
        self._limit = limit
        self._capacity = capacity
        # Guards all below; notified whenever the ring's end moves.
        self._moved = Condition()
        self._ring = Ring(capacity, NOWHERE.epoch, NOWHERE.place)
        self._clients: set[Subscription] = set()
        self._by_address: dict[tuple[str, str], set[Subscription]] = {}
        self._look_in = 0
        self._closed = False

    @property
    def end(self) -> Position:
        """How far clients have been told: all items up to here have been put into subscriptions."""
        return self._ring.end

    @property
    def clients(self) -> int:
        """How many are subscribed."""
        return len(self._clients)

    @property
    def closed(self) -> bool:
        """True once `close` was called."""
        return self._closed

    def load(self, epoch: str, floor: Place, entries: Sequence[Expanded]) -> None:
        """Replaces the ring by entries that follow on `floor`, and tells every client to fetch anew."""
        with self._moved:
            self._ring = Ring(self._capacity, epoch, floor)
            for entry in entries:
                self._ring.append(entry)
            message = reset(Reset.UPDATES_LOST, self._ring.end, len(self._clients))
            for client in self._clients:
                client.start_over((self._ring.end.place, message))
            self._moved.notify_all()

    def publish(self, entry: Expanded) -> None:
        """Adds the next entry of the epoch and hands its items to the clients that they are for."""
        with self._moved:
            before = self._ring.end
            self._ring.append(entry)
            self._look_in -= 1
            if self._look_in <= 0:
                self._look_in = self._capacity // LOOKS
                self._leave_behind(before)
            reached: set[Subscription] = set()
            for item in entry.items:
                reached |= self._deliver(item)
            entry.delivered_at_ns, entry.clients = time.time_ns(), len(reached)
            self._moved.notify_all()

    def find(self, command_id: str) -> Expanded | None:
        """The entry of a command, among those that can be replayed. Costs a look at each of them."""
        with self._moved:
            return self._ring.find(command_id)

    def subscribe(self, interest: Interest, after: Position | None) -> Subscription:
        """Subscribes a client from now on, or from a position: nothing is left out or comes twice.

        Where the position is not known any more, a reset comes first. Once the hub is closed it has ended
        already. To be given back to `unsubscribe`. Raises TooManyStreams.
        """
        with self._moved:
            if len(self._clients) >= self._limit and not self._closed:
                raise TooManyStreams
            client = Subscription(interest.addresses, self._replay(interest, after, self._ring.end))
            self._clients.add(client)
            for address in client.addresses:
                self._by_address.setdefault(address, set()).add(client)
            if self._closed:
                client.end()
            return client

    def unsubscribe(self, client: Subscription) -> None:
        """Forgets a client; once more is no error."""
        with self._moved:
            self._clients.discard(client)
            for address in client.addresses:
                if clients := self._by_address.get(address):
                    clients.discard(client)
                    if not clients:
                        del self._by_address[address]

    def is_ahead(self, cursor: Position) -> bool:
        """True when the hub has not come as far as a cursor, or is in another epoch."""
        return self._ring.is_ahead(cursor)

    def wait_for(self, cursor: Position, timeout_s: float) -> None:
        """Returns when the hub has come as far as a cursor, or the time is up."""
        with self._moved:
            self._moved.wait_for(lambda: self._closed or not self._ring.is_ahead(cursor), timeout_s)

    def close(self) -> None:
        """Ends every subscription, at once or as soon as it begins."""
        with self._moved:
            self._closed = True
            for client in self._clients:
                client.end()
            self._moved.notify_all()

    def _deliver(self, item: Item) -> set[Subscription]:
        """Hands an item to the clients that it is for; answers them."""
        told: set[Subscription] = set()
        rendered = None
        for topic in item.topics:
            clients = self._by_address.get((topic, item.owner), set()) - told
            if not clients:
                continue
            # Once, and only when somebody wants it.
            rendered = rendered or item.render(self._contract)
            if rendered is None:
                break
            waiting = (item.position.place, item.message(topic, rendered))
            for client in clients:
                client.put(waiting)
            told |= clients
        return told

    def _leave_behind(self, end: Position) -> None:
        """Lets clients start over, from `end` on, for whom something waits that is not in the ring any more."""
        for client in self._clients:
            if client.is_behind(self._ring.floor):
                client.start_over((end.place, reset(Reset.TOO_SLOW, end)))

    def _replay(self, interest: Interest, after: Position | None, until: Position) -> Iterator[bytes]:
        """What a client is sent first: what it missed up to `until`, where it subscribes."""
        if after is None:
            return iter(())
        if refusal := self._ring.refusal(after):
            return iter([reset(refusal, until)])
        return self._replayed(interest.addresses, after, until)

    def _replayed(
        self, addresses: frozenset[tuple[str, str]], after: Position, until: Position
    ) -> Iterator[bytes]:
        """Items of the ring, rendered by whoever iterates, for however long that takes."""
        place = after.place
        while True:
            with self._moved:
                if self._ring.end.epoch != after.epoch:
                    # Another epoch: every client was told to start over.
                    return
                chosen, known = [], not self._ring.refusal(Position(after.epoch, place))
                if known:
                    found = self._ring.find_all(addresses, place, until.place)
                    chosen = list(islice(found, REPLAYED_AT_ONCE))
            if not known:
                yield reset(Reset.TOO_SLOW, until)
                return
            if not chosen:
                return
            for item, topic in chosen:
                if (rendered := item.render(self._contract)) is not None:
                    yield item.message(topic, rendered)
            place = chosen[-1][0].position.place


def reset(reason: Reset, end: Position, clients: int = 1) -> bytes:
    """Tells clients, so many, to fetch anew what they show, and to go on from `end`."""
    _resets(reason.value).inc(clients)
    return SseMessage(f'{{"reason":"{reason}"}}', "reset", end.id).encode()

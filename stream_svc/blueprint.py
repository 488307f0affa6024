"""The route of the streams, and what one stream sends from its opening to its end."""

import time
from collections.abc import Iterator

from flask import Response, request
from flask_sse import ServerSentEventsBlueprint

from kernel.tokens import Caller, Tokens
from stream_svc import sse
from stream_svc.access import Topics, identify
from stream_svc.cursors import Position, parse
from stream_svc.departures import Departures
from stream_svc.hub import Hub, TooManyStreams
from stream_svc.problems import unavailable
from stream_svc.reader import Reader
from stream_svc.subscription import Ended, Interest, Subscription

HEARTBEAT_S = 15.0
HEADERS = {
    "Cache-Control": "no-store",
    # nginx would hold the messages back otherwise.
    "X-Accel-Buffering": "no",
}


class StreamBlueprint(ServerSentEventsBlueprint):  # type: ignore[misc] # flask_sse ships no types
    """flask_sse's blueprint, whose clients share one reader of Redis, resume, and hear heartbeats."""

    def __init__(
        self,
        hub: Hub,
        reader: Reader,
        departures: Departures,
        tokens: Tokens,
        topics: Topics,
        heartbeat_s: float = HEARTBEAT_S,
    ) -> None:
        super().__init__("sse", __name__)
        self._hub = hub
        self._reader = reader
        self._departures = departures
        self._tokens = tokens
        self._topics = topics
        self._heartbeat_s = heartbeat_s
        self.add_url_rule("/v1/stream", endpoint="stream", view_func=self.stream)

    def stream(self) -> Response:
        """GET /v1/stream: what happens to the topics asked for, from now on or from a cursor."""
        caller = identify(request, self._tokens)
        topics = self._topics.authorize(request.args.getlist("topic"), caller)
        cursor = request.headers.get("Last-Event-ID") or request.args.get("lastEventId")
        if request.method == "HEAD":
            return Response(mimetype="text/event-stream", headers=HEADERS)
        after = parse(cursor) if cursor else None
        # Without a cursor, a client that is cut off before its first message comes back from here.
        start = self._hub.end.id if after is None else None
        client = self._subscribe(Interest(caller.subject, topics), after)
        response = Response(
            self.messages(client, caller, start), mimetype="text/event-stream", headers=HEADERS
        )
        # Also when the client is gone before the first byte.
        response.call_on_close(lambda: self._hub.unsubscribe(client))
        if connection := request.environ.get("gunicorn.socket"):
            self._departures.watch(connection, client.end)
            response.call_on_close(lambda: self._departures.forget(connection))
        return response

    def messages(self, client: Subscription, caller: Caller, start: str | None) -> Iterator[bytes]:
        """What a client is sent, until its token expires or the service ends."""
        yield sse.opening(start)
        try:
            while (left_s := caller.expires_at - time.time()) > 0:
                if taken := client.take(min(self._heartbeat_s, left_s)):
                    yield taken
                else:
                    yield self._heartbeat(client)
            yield sse.comment("the token has expired")
        except Ended:
            yield sse.comment("the end: come back")

    def _subscribe(self, interest: Interest, after: Position | None) -> Subscription:
        if after is not None:
            self._reader.catch_up(after)
        try:
            return self._hub.subscribe(interest, after)
        except TooManyStreams:
            raise unavailable("TOO_MANY_STREAMS", "No further stream is served here.") from None

    def _heartbeat(self, client: Subscription) -> bytes:
        # Read before the look at what waits: what is told up to here waits, or was taken.
        end = self._hub.end
        return sse.heartbeat(end.id if client.idle else None)

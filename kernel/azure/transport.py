"""HTTP for the Azure SDK over urllib3, thin: most of the SDK's own cost is `requests`.

CPU of our process for one call, with this transport and with the SDK's default one: get an entity
0.9 and 2.0 ms, insert one 1.1 and 2.0 ms, put a message 1.6 and 2.3 ms. (`time.process_time` over
300 calls each against Azurite 3.35, both ways in turns, on 2 cores; azure-core 1.41, urllib3 2.8.)
"""

import json
import threading
from collections.abc import Iterator, MutableMapping
from types import TracebackType
from typing import Any

import urllib3
from azure.core.exceptions import HttpResponseError, ServiceRequestError, ServiceResponseError
from azure.core.pipeline.transport import HttpTransport
from azure.core.rest import HttpRequest, HttpResponse
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    LocationValueError,
    NewConnectionError,
    ReadTimeoutError,
)

from kernel.errors import StorageUnavailable

CONNECT_TIMEOUT_S = 1.0
# Azurite reads a whole table for a query: a large one takes its time.
READ_TIMEOUT_S = 6.0
# A server that asks for more is tried again by our callers, who have other work meanwhile.
LONGEST_SLEEP_S = 1.0
# Azure's `ServerBusy`: it did not begin. Any other failure of a server may have come in the middle.
BUSY = 503
# Connections kept for reuse; more calls at once open more, and close them again.
KEPT_CONNECTIONS = 32


class Response(HttpResponse):
    """A response that was read whole, as the SDK wants to see it."""

    def __init__(self, request: HttpRequest, raw: urllib3.BaseHTTPResponse) -> None:
        self._request = request
        self._raw = raw
        self._encoding: str | None = None

    @property
    def request(self) -> HttpRequest:
        """What was asked."""
        return self._request

    @property
    def status_code(self) -> int:
        """The HTTP status."""
        return self._raw.status

    @property
    def headers(self) -> MutableMapping[str, str]:
        """Headers, in any case of their names."""
        return self._raw.headers

    @property
    def reason(self) -> str:
        """The words beside the status."""
        return self._raw.reason or ""

    @property
    def content_type(self) -> str | None:
        """The media type."""
        return self._raw.headers.get("content-type")

    @property
    def url(self) -> str:
        """Where it came from."""
        return self._request.url

    @property
    def is_closed(self) -> bool:
        """Its connection is back in the pool."""
        return True

    @property
    def is_stream_consumed(self) -> bool:
        """Nothing is left to be read."""
        return True

    @property
    def encoding(self) -> str | None:
        """The encoding of the text; None is UTF-8, which is all that Azure Storage sends."""
        return self._encoding

    @encoding.setter
    def encoding(self, value: str | None) -> None:
        self._encoding = value

    @property
    def content(self) -> bytes:
        """The body."""
        return self._raw.data

    def body(self) -> bytes:
        """The body, by its name in the SDK's older parts."""
        return self.content

    def text(self, encoding: str | None = None) -> str:
        """The body as text."""
        # A byte-order mark is legal and no part of the text.
        return self.content.decode(encoding or self._encoding or "utf-8").removeprefix("\ufeff")

    def json(self) -> Any:  # noqa: ANN401 - JSON may be anything
        """The body as JSON."""
        return json.loads(self.text())

    def raise_for_status(self) -> None:
        """HttpResponseError for an error's status."""
        if self.status_code >= 400:
            raise HttpResponseError(response=self)

    def read(self) -> bytes:
        """The body."""
        return self.content

    def iter_bytes(self, **_: Any) -> Iterator[bytes]:  # noqa: ANN401 - the SDK's signature
        """The body, in one piece."""
        yield self.content

    def iter_raw(self, **_: Any) -> Iterator[bytes]:  # noqa: ANN401 - the SDK's signature
        """The body, in one piece."""
        yield self.content

    def close(self) -> None:
        """Does nothing: there is nothing open."""

    def __enter__(self) -> "Response":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Doubt(threading.local):
    """Whether what this thread asked for last may have taken effect without a word of it reaching us."""

    present = False


DOUBT = Doubt()


class Transport(HttpTransport[HttpRequest, HttpResponse]):
    """Sends the SDK's requests over one pool of kept-alive connections, past any proxy."""

    def __init__(self) -> None:
        self._pool = urllib3.PoolManager(maxsize=KEPT_CONNECTIONS, retries=False)

    def send(self, request: HttpRequest, **options: Any) -> HttpResponse:  # noqa: ANN401 - the SDK's signature
        """Sends one request, once.

        ServiceRequestError if it cannot have arrived, ServiceResponseError if it may have: both
        tell the SDK to repeat it. StorageUnavailable if it was not answered in time: whoever is
        that slow is not asked again at once, or one call would last three times as long. Where it may
        have taken effect, the doubt is present from then on. Of the SDK's options it heeds `connection_timeout` and `read_timeout`, in seconds.
        """
        timeout = urllib3.Timeout(
            connect=options.get("connection_timeout", CONNECT_TIMEOUT_S),
            read=options.get("read_timeout", READ_TIMEOUT_S),
        )
        try:
            raw = self._pool.request(
                request.method,
                request.url,
                body=request.content,
                headers=request.headers,
                redirect=False,
                timeout=timeout,
            )
        except (NewConnectionError, ConnectTimeoutError, LocationValueError) as error:
            raise ServiceRequestError(str(error), error=error) from error
        except ReadTimeoutError as error:
            DOUBT.present = True
            raise StorageUnavailable(f"no answer within {timeout.read_timeout} s") from error
        except HTTPError as error:
            DOUBT.present = True
            raise ServiceResponseError(str(error), error=error) from error
        if raw.status >= 500 and raw.status != BUSY:
            DOUBT.present = True
        return Response(request, raw)

    def sleep(self, duration: float) -> None:
        """Waits before a repeat, never long: whatever the server asks for."""
        threading.Event().wait(min(duration, LONGEST_SLEEP_S))

    def open(self) -> None:
        """Does nothing: connections open when they are needed."""

    def close(self) -> None:
        """Closes the idle connections."""
        self._pool.clear()

    def __enter__(self) -> "Transport":
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        self.close()

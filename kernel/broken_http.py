"""The answer to a request that broke HTTP, or failed before its application had it: a problem, like any other."""

import json
import logging
import socket
from http import HTTPStatus

from gunicorn import util  # type: ignore[import-untyped] # gunicorn ships no types
from gunicorn.http import errors  # type: ignore[import-untyped] # gunicorn ships no types

from kernel.browsers import ALWAYS, POLICY
from kernel.problems import MEDIA_TYPE, document
from kernel.telemetry.requests import count_broken

STATUS_OF = {
    errors.LimitRequestLine: HTTPStatus.REQUEST_URI_TOO_LONG,
    errors.LimitRequestHeaders: HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    errors.UnsupportedTransferCoding: HTTPStatus.NOT_IMPLEMENTED,
    errors.ExpectationFailed: HTTPStatus.EXPECTATION_FAILED,
}

logger = logging.getLogger(__name__)


def refuse(client: socket.socket, error: BaseException) -> None:
    """Answers for a gunicorn worker, which then closes the connection. Repeats nothing of the request."""
    if isinstance(error, errors.ParseException):
        status, code = STATUS_OF.get(type(error), HTTPStatus.BAD_REQUEST), "MALFORMED_REQUEST"
        detail = "the request breaks HTTP or its limits"
    else:
        status, code, detail = HTTPStatus.INTERNAL_SERVER_ERROR, "INTERNAL_ERROR", "A defect of the service."
        logger.error("a request failed outside the application: %s", type(error).__name__)
    count_broken(status.value)
    body = json.dumps(document(status, code, detail)).encode()
    headers = {
        "Connection": "close",
        "Content-Type": MEDIA_TYPE,
        "Content-Length": str(len(body)),
        "Cache-Control": "no-store",
        **dict((*ALWAYS, POLICY)),
    }
    lines = [f"HTTP/1.1 {status.value} {status.phrase}", *(f"{name}: {headers[name]}" for name in headers)]
    try:
        util.write_nonblock(client, "\r\n".join([*lines, "", ""]).encode() + body)
    except OSError:
        logger.debug("a client went before its answer")

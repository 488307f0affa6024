"""Hostile requests, byte by byte: each is refused with a problem, at once, and the edge serves on."""

import gzip
import json
import socket
from contextlib import suppress
from typing import Any

import httpx
import pytest

from tests.e2e.client import Shop, accepted, applied, eur, new_id

# No refusal takes longer; a stalled one would take 15 s.
PATIENCE_S = 10.0
MIB = 1024 * 1024
# What no answer may show.
INTERNAL = (
    "Traceback",
    "/work",
    "site-packages",
    "werkzeug",
    "gunicorn",
    "sqlite",
    ".py",
    "object at 0x",
    "prism.",
)


def address(shop: Shop, url: str) -> tuple[str, int]:
    parsed = httpx.URL(url)
    assert parsed.port
    return parsed.host, parsed.port


def exchange(where: tuple[str, int], request: bytes) -> bytes:
    """What comes back on a connection that is closed for sending after the request."""
    with socket.create_connection(where, timeout=PATIENCE_S) as connection:
        answer = b""
        # Refused before all of it was sent, perhaps.
        with suppress(OSError):
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
        with suppress(ConnectionResetError):
            while part := connection.recv(65536):
                answer += part
        return answer


def problem_in(answer: bytes) -> tuple[int, dict[str, Any]]:
    """The status and the problem of an answer, which shows nothing internal."""
    head, _, body = answer.partition(b"\r\n\r\n")
    status = int(head.split(b" ", 2)[1])
    assert b"application/problem+json" in head, answer[:500]
    document = json.loads(body)
    assert {"type", "title", "status", "detail", "code"} <= document.keys()
    assert document["status"] == status
    assert len(body) < 4096
    assert not [word for word in INTERNAL if word in body.decode()]
    return status, document


def request(
    shop: Shop, line: str | bytes, *headers: str | bytes, body: bytes = b"", roles: tuple[str, ...] = ()
) -> bytes:
    token = shop.person(*(roles or ("shopper", "merchant"))).token
    lines = [line, "Host: x", "Connection: close", f"Authorization: Bearer {token}", *headers]
    parts = [item if isinstance(item, bytes) else item.encode("latin-1") for item in lines]
    return b"\r\n".join([*parts, b"", b""]) + body


def sent(
    shop: Shop, line: str | bytes, *headers: str | bytes, body: bytes = b""
) -> tuple[int, dict[str, Any]]:
    edge = address(shop, shop.stack.edge_url)
    answered = problem_in(exchange(edge, request(shop, line, *headers, body=body)))
    assert shop.http.get("/healthz").status_code == 200
    return answered


JSON = "Content-Type: application/json"
POST = "POST /v1/products HTTP/1.1"
GOOD = json.dumps({"productId": "never", "name": "Mug", "price": eur(1)}).encode()


def chunked(*parts: bytes) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


BODIES = {
    "a gzip bomb": ((f"{JSON}", "Content-Encoding: gzip"), gzip.compress(bytes(20 * MIB)), 400),
    "gzip that would be good": ((f"{JSON}", "Content-Encoding: gzip"), gzip.compress(GOOD), 400),
    "deep objects": ((JSON,), b'{"a":' * 10_000 + b"1" + b"}" * 10_000, 400),
    "a number past all": ((JSON,), b'{"price":{"minorUnits":1e400}}', 400),
    "a number of many digits": ((JSON,), b'{"price":{"minorUnits":' + b"9" * 60_000 + b"}}", 400),
    "minus nothing": ((JSON,), b'{"price":{"minorUnits":-Infinity}}', 400),
    "a lone surrogate": ((JSON,), b'{"name":"\\ud800"}', 400),
    "a lone surrogate as a name": ((JSON,), b'{"\\udfff":1}', 400),
    "a name of control characters": ((JSON,), b'{"\\u0000\\r\\n":1}', 400),
    "UTF-16": ((JSON,), GOOD.decode().encode("utf-16"), 400),
    "two documents": ((JSON,), GOOD + GOOD, 400),
    "not UTF-8": ((JSON,), b'{"name":"\xc0\x80"}', 400),
    "a NUL": ((JSON,), b'{"name":"a\0b"}', 400),
}


@pytest.mark.parametrize("name", BODIES)
def test_a_body_that_nobody_should_read(fuzzed: Shop, name: str) -> None:
    headers, body, status = BODIES[name]
    assert sent(fuzzed, POST, *headers, f"Content-Length: {len(body)}", body=body)[0] == status


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        (["Content-Length: 5", "Content-Length: 6"], GOOD, 400),
        (["Content-Length: 5", "Transfer-Encoding: chunked"], chunked(GOOD), 400),
        (["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"], chunked(GOOD), 400),
        (["Transfer-Encoding: nonsense"], chunked(GOOD), 501),
        (["Content-Length: 1e3"], GOOD, 400),
        (["Content-Length: +5"], GOOD, 400),
        (["Content-Length: 99999999999999999999"], GOOD, 413),
        (["Transfer-Encoding: chunked"], chunked(b" " * MIB, b" " * MIB), 413),
        (["Transfer-Encoding: chunked"], b"FFFFFFFFFFFFFFFFF\r\n", 400),
        (["Transfer-Encoding: chunked"], b"-1\r\n{}\r\n0\r\n\r\n", 400),
    ],
)
def test_a_length_that_is_none(fuzzed: Shop, headers: list[str], body: bytes, status: int) -> None:
    assert sent(fuzzed, POST, JSON, *headers, body=body)[0] == status


@pytest.mark.parametrize(
    ("line", "statuses"),
    [
        (b"GET /v1/products/%00 HTTP/1.1", {422}),
        (b"GET /v1/products/a%2Fb HTTP/1.1", {404}),
        (b"GET /v1/products/..%2F..%2Fetc%2Fpasswd HTTP/1.1", {404}),
        (b"GET /v1/products/../../healthz HTTP/1.1", {404}),
        (b"GET /v1/products/%c0%ae%c0%ae HTTP/1.1", {404, 422}),
        (b"GET /v1/products/%zz HTTP/1.1", {422}),
        (b"GET /v1/products/\xff\xfe HTTP/1.1", {400, 404, 422}),
        (b"GET /v1/products/a;b=c HTTP/1.1", {422}),
        (b"GET /v1/products/%0d%0aSet-Cookie:x HTTP/1.1", {422}),
        (b"GET /v1/orders/%E2%80%A8 HTTP/1.1", {422}),
        (b"GET /" + b"a" * 100_000 + b" HTTP/1.1", {414}),
        (b"GET /v1/products?query=" + b"a" * MIB + b" HTTP/1.1", {414}),
        (b"GET /v1/products?" + b"&".join([b"query=a"] * 300) + b" HTTP/1.1", {400}),
        (b"GET /v1/products?query=%ff HTTP/1.1", {400}),
        (b"GET /v1/products?pageSize=-1 HTTP/1.1", {422}),
        (b"GET /v1/products?pageSize=1000000000 HTTP/1.1", {422}),
        (b"GET /v1/products?pageSize=99999999999999999999 HTTP/1.1", {400}),
        (b"GET /v1/products?pageSize=1%00 HTTP/1.1", {400}),
        (b"GET /v1/products?pageSize=%D9%A1 HTTP/1.1", {400}),
        (b"GET /v1/products?pageToken=AAAAAAAAAAAA HTTP/1.1", {400}),
        (b"GET /v1/products?pageToken=%00%ff HTTP/1.1", {400}),
        (b"GET /v1/sales?from=9999-99-99&to=0000-00-00 HTTP/1.1", {422}),
        (b"GET /v1/sales?from=0001-01-01&to=9999-12-31 HTTP/1.1", {422}),
        (b"GET /v1/commands/cart-%00/x HTTP/1.1", {404}),
        (b"GET /v1/commands/cart-c1/" + b"a" * 3000 + b" HTTP/1.1", {404}),
        (b"TRACE /v1/products HTTP/1.1", {405}),
        (b"PROPFIND /v1/products HTTP/1.1", {405}),
        (b"GET /v1/products HTTP/9.9", {400}),
        (b"GET  /v1/products HTTP/1.1", {400}),
        (b"G\x00T /v1/products HTTP/1.1", {400}),
        (b"GET http:// HTTP/1.1", {400, 404}),
        (b"CONNECT x:1 HTTP/1.1", {400, 404, 405}),
    ],
)
def test_a_line_that_asks_for_nothing(fuzzed: Shop, line: bytes, statuses: set[int]) -> None:
    assert sent(fuzzed, line)[0] in statuses


@pytest.mark.parametrize(
    ("header", "status"),
    [
        (b"Idempotency-Key: " + b"k" * 256, 400),
        (b'Idempotency-Key: ""', 400),
        (b"Idempotency-Key: a\x01b", 400),
        (b"Idempotency-Key: \xc3\xa9", 400),
        (b"Idempotency-Key: a\r\nIdempotency-Key: b\xe9", 400),
        (b"If-Match: *", 400),
        (b'If-Match: "99999999999"', 400),
        (b"If-Match: \xd9\xa1", 400),
        (b"Content-Type: text/html", 415),
        (b"Content-Type: " + b"a" * 5000, 415),
        (b"Expect: 200-maybe", 417),
        (b"X: a\0b", 400),
        (b"X : a", 400),
        (b" X: a", 400),
        (b"X: " + b"a" * 100_000, 431),
        (b"\r\n".join(b"X-%d: 1" % n for n in range(100)), 431),
    ],
)
def test_a_header_that_means_nothing(fuzzed: Shop, header: bytes, status: int) -> None:
    about = [JSON] if b"Content-Type" not in header else []
    assert sent(fuzzed, POST, *about, header, f"Content-Length: {len(GOOD)}", body=GOOD)[0] == status


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        (b"Bearer " + b"a" * 8000, 401),
        (b"Bearer " + b"a" * 100_000, 431),
        (b"Bearer \xff\xfe", 401),
        (b"Bearer a.b.c", 401),
        (b"Bearer eyJhbGciOiJub25lIn0.e30.", 401),
        (b"Bearer", 401),
        (b"Basic YTpi", 401),
        (b"", 401),
    ],
)
@pytest.mark.parametrize("port", ["edge", "stream"])
def test_a_token_that_is_none(fuzzed: Shop, port: str, authorization: bytes, status: int) -> None:
    url, path = {
        "edge": (fuzzed.stack.edge_url, b"/v1/orders"),
        "stream": (fuzzed.stack.stream_url, b"/v1/stream?topic=orders"),
    }[port]
    lines = [
        b"GET " + path + b" HTTP/1.1",
        b"Host: x",
        b"Connection: close",
        b"Authorization: " + authorization,
    ]
    found, _ = problem_in(exchange(address(fuzzed, url), b"\r\n".join([*lines, b"", b""])))
    assert found == status


@pytest.mark.parametrize(
    ("query", "status"),
    [
        (b"", 400),
        (b"topic=", 400),
        (b"topic=cart/%00", 400),
        (b"topic=cart/%0d%0adata:%20x", 400),
        (b"topic=cart/" + b"a" * 65, 400),
        (b"topic=../../etc/passwd", 400),
        (b"&".join(b"topic=cart/%d" % n for n in range(60)), 400),
        (b"topic=orders&" + b"a" * MIB, 414),
        (b"topic=activity", 403),
    ],
)
def test_a_stream_that_nobody_may_open(fuzzed: Shop, query: bytes, status: int) -> None:
    asked = request(fuzzed, b"GET /v1/stream?" + query + b" HTTP/1.1")
    assert problem_in(exchange(address(fuzzed, fuzzed.stack.stream_url), asked))[0] == status


@pytest.mark.parametrize(
    "wait", ["wait=1000000000", "wait=-1", "wait=1e9", "wait=\xb2", "wait=" + "9" * 4000, "wait", ";;;,=,"]
)
def test_a_preference_that_nobody_can_honour_is_none(fuzzed: Shop, wait: str) -> None:
    shopper = fuzzed.shopper()
    headers = [(b"Prefer", wait.encode("latin-1")), (b"Authorization", f"Bearer {shopper.token}".encode())]
    answer = fuzzed.http.post(
        f"/v1/carts/{new_id('c')}/items", json={"productId": "none", "quantity": 1}, headers=headers
    )
    accepted(answer)
    assert "Preference-Applied" not in answer.headers


def test_a_page_token_of_another_list_is_refused(fuzzed: Shop) -> None:
    merchant, shopper = fuzzed.merchant(), fuzzed.shopper()
    merchant.sells()
    merchant.sells()
    token = fuzzed.http.get("/v1/products?pageSize=1").json()["nextPageToken"]
    assert token
    assert shopper.get("/v1/orders", pageToken=token).status_code == 400
    assert fuzzed.http.get(f"/v1/products?query=mug&pageToken={token}").status_code == 400
    applied(merchant.prices(merchant.sells(), 5))

"""Who is let in: a real process, over HTTP."""

import time
from pathlib import Path

import httpx
import jwt
import pytest

from kernel.generations import Pointers
from kernel.ports import Row, RowId
from kernel.storage import open_storage
from kernel.tokens import DEV_ISSUER
from prism.envelope.v1.envelope_pb2 import Generations, ViewRow
from prism.order.v1.views_pb2 import OrderView
from tests.stream import given
from tests.stream.client import Stream, address, opened
from tests.stream.conftest import Start
from tests.stream.given import Projector
from tests.stream.process import StreamProcess
from tests.support import eventually


def refusal(
    process: StreamProcess,
    *topics: str,
    token: str | None = None,
    headers: dict[str, str] | None = None,
    query: dict[str, str] | None = None,
) -> tuple[int, str]:
    """Status and code of a stream that is not opened; 200 of one that is."""
    sent = ({"Authorization": f"Bearer {token}"} if token else {}) | (headers or {})
    url = address(process.url, topics, **(query or {}))
    with httpx.stream("GET", url, headers=sent, timeout=10) as response:
        if response.status_code == 200:
            return 200, ""
        assert response.headers["Content-Type"] == "application/problem+json"
        response.read()
        problem = response.json()
        assert problem["status"] == response.status_code
        if response.status_code == 503:
            assert int(response.headers["Retry-After"]) > 0
        return response.status_code, problem["code"]


def token_of(process: StreamProcess, expires_in_s: float, key: str | None = None) -> str:
    claims = {"sub": "alice", "roles": ["shopper"], "iss": DEV_ISSUER, "exp": time.time() + expires_in_s}
    return jwt.encode(claims, key or process.settings.prism_dev_token_key, algorithm="HS256")


def test_without_a_valid_token_there_is_no_stream(stream_svc: StreamProcess) -> None:
    assert refusal(stream_svc, "products") == (401, "UNAUTHENTICATED")
    for token in (
        "x",
        token_of(stream_svc, -1),
        token_of(stream_svc, 60, key="another key, as long as the first"),
    ):
        assert refusal(stream_svc, "products", token=token) == (401, "UNAUTHENTICATED")
        assert refusal(stream_svc, "products", headers={"Cookie": f"prism_session={token}"}) == (
            401,
            "UNAUTHENTICATED",
        )
    assert refusal(stream_svc, "products", headers={"Authorization": "Basic eDp5"}) == (
        401,
        "UNAUTHENTICATED",
    )


@pytest.mark.parametrize("name", ["token", "access_token"])
def test_a_token_in_the_address_is_refused(stream_svc: StreamProcess, name: str) -> None:
    token = stream_svc.token()

    assert refusal(stream_svc, "products", token=token, query={name: token}) == (400, "MALFORMED_REQUEST")


def test_the_cookie_of_a_session_lets_in(stream_svc: StreamProcess, projector: Projector) -> None:
    headers = {"Cookie": f"prism_session={stream_svc.token('carol')}"}
    with httpx.stream(
        "GET", address(stream_svc.url, ["cart/cookie"]), headers=headers, timeout=10
    ) as response:
        assert response.status_code == 200
        stream = Stream(response)
        stream.block()
        projector.publish(given.cart("cookie", 1, owner="carol"))
        assert stream.next().event == "cart"


@pytest.mark.parametrize(
    "topic",
    ["", "cart", "cart/", "cart/a/b", "cart/a b", "cart/" + "a" * 65, "cart/{cart_id}", "product/\n",
     "carts", "orders/o1", "sales", "order_history", "commands/", "unknown/x"],
)  # fmt: skip # one line a group
def test_a_topic_that_does_not_exist_is_malformed(stream_svc: StreamProcess, topic: str) -> None:
    assert refusal(stream_svc, "products", topic, token=stream_svc.token()) == (400, "MALFORMED_REQUEST")


def test_a_stream_has_one_to_fifty_topics(stream_svc: StreamProcess) -> None:
    token = stream_svc.token()

    assert refusal(stream_svc, token=token) == (400, "MALFORMED_REQUEST")
    assert refusal(stream_svc, *(f"cart/{n}" for n in range(51)), token=token) == (400, "MALFORMED_REQUEST")
    assert refusal(stream_svc, *(f"cart/{n}" for n in range(50)), "cart/1", token=token)[0] == 200


def test_every_topic_of_the_contract_exists(stream_svc: StreamProcess) -> None:
    topics = ("cart/c1", "order/o1", "orders", "products", "product/p1", "commands", "activity")

    assert refusal(stream_svc, *topics, token=stream_svc.token("olga", "operator"))[0] == 200


@pytest.mark.parametrize("role", ["shopper", "merchant"])
def test_activity_is_for_operators(stream_svc: StreamProcess, role: str) -> None:
    token = stream_svc.token("alice", role)

    assert refusal(stream_svc, "products", "activity", token=token) == (403, "FORBIDDEN")


def test_a_row_of_someone_else_is_forbidden_and_one_that_is_not_there_yet_is_not(
    stream_svc: StreamProcess,
) -> None:
    storage = open_storage(stream_svc.settings)
    view = OrderView(order_id="bobs", customer_id="bob").SerializeToString()
    storage.views.save([Row(RowId("order", "bobs", "bobs"), ViewRow(data=view).SerializeToString())])
    storage.close()

    assert refusal(stream_svc, "order/bobs", token=stream_svc.token("bob"))[0] == 200
    assert refusal(stream_svc, "order/bobs", token=stream_svc.token("alice")) == (403, "FORBIDDEN")
    assert refusal(stream_svc, "order/bobs", token=stream_svc.token("olga", "operator")) == (403, "FORBIDDEN")
    assert refusal(stream_svc, "order/nobodys", token=stream_svc.token("alice"))[0] == 200


def test_the_owner_is_the_one_of_the_live_generation(stream_svc: StreamProcess) -> None:
    storage = open_storage(stream_svc.settings)
    view = OrderView(order_id="carols", customer_id="carol").SerializeToString()
    storage.views.save([Row(RowId("order@1", "carols", "carols"), ViewRow(data=view).SerializeToString())])

    def live(number: int) -> None:
        def step(generations: Generations) -> None:
            generations.live = number

        Pointers(storage.views).change("order", step)

    token = stream_svc.token("alice")
    assert refusal(stream_svc, "order/carols", token=token)[0] == 200
    try:
        live(1)
        eventually(lambda: refusal(stream_svc, "order/carols", token=token) == (403, "FORBIDDEN"))
        assert refusal(stream_svc, "order/carols", token=stream_svc.token("carol"))[0] == 200
    finally:
        # Other tests share this process.
        live(0)
        storage.close()
    eventually(lambda: refusal(stream_svc, "order/carols", token=token)[0] == 200)


def test_with_storage_out_of_reach_owned_rows_wait_and_the_rest_goes_on(start: Start, tmp_path: Path) -> None:
    (tmp_path / "a file").touch()
    process = start(PRISM_DATA_DIR=str(tmp_path / "a file"))
    token = process.token()

    assert refusal(process, "cart/c1", token=token) == (503, "STORAGE_UNAVAILABLE")
    assert refusal(process, "products", "orders", token=token)[0] == 200


def test_past_the_limit_a_client_is_told_at_once_to_come_back(start: Start) -> None:
    process = start(PRISM_SSE_LIMIT="2")
    token = process.token()

    with opened(process.url, token, "products"), opened(process.url, token, "products"):
        started = time.monotonic()
        refusals = [refusal(process, "products", token=token) for _ in range(5)]
        assert time.monotonic() - started < 2
    assert refusals == [(503, "TOO_MANY_STREAMS")] * 5


def test_a_stream_ends_when_its_token_expires(stream_svc: StreamProcess) -> None:
    with opened(stream_svc.url, token_of(stream_svc, 1.5), "products") as stream:
        assert stream.rest()[-1] == [": the token has expired"]


def test_other_routes_and_methods_are_problems_too(stream_svc: StreamProcess) -> None:
    answers = {
        (404, "ROUTE_NOT_FOUND"): httpx.get(f"{stream_svc.url}/"),
        (405, "METHOD_NOT_ALLOWED"): httpx.post(f"{stream_svc.url}/v1/stream"),
    }
    for expected, response in answers.items():
        assert response.headers["Content-Type"] == "application/problem+json"
        assert (response.status_code, response.json()["code"]) == expected
    assert "GET" in httpx.post(f"{stream_svc.url}/v1/stream").headers["Allow"]
    assert httpx.get(f"{stream_svc.url}/healthz").json() == {"status": "ok"}


def test_head_opens_no_stream(stream_svc: StreamProcess) -> None:
    headers = {"Authorization": f"Bearer {stream_svc.token()}"}

    response = httpx.head(address(stream_svc.url, ["products"]), headers=headers)

    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("text/event-stream")

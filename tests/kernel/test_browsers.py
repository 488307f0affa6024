"""What browsers are told, over a real application of Flask."""

import pytest
from flask import Flask, Response
from werkzeug.test import Client, TestResponse

from kernel.browsers import ASKED_HEADERS, SHOWN_HEADERS, read_origins, secured, shared
from kernel.errors import ConfigurationError
from kernel.settings import load

ORIGIN = "https://shop.example"


def origins(text: str) -> frozenset[str]:
    return read_origins(load({"PRISM_CORS_ORIGINS": text}))


def app(named: str = ORIGIN) -> Client:
    flask = Flask("x", static_folder=None)

    @flask.get("/x")
    def x() -> Response:
        answer = Response("x", headers={"Vary": "Accept"})
        answer.headers["ETag"] = '"7"'
        return answer

    return Client(shared(secured(flask.wsgi_app), origins(named)))


def cors(answer: TestResponse) -> dict[str, str]:
    return {name: value for name, value in answer.headers if name.startswith("Access-Control")}


@pytest.mark.parametrize(
    "text",
    ["*", "null", "shop.example", "https://*.shop.example", f"{ORIGIN}/", f"{ORIGIN}/x", "https://", "file://",
     "https://Shop.example", "https://a b", f"{ORIGIN};https://b.example", "https://user@shop.example",
     "https://shop.example:", "https://shop.example:123456", "https://shop..example", "https://[x]"],
)  # fmt: skip # one line a kind
def test_what_no_browser_sends_as_an_origin_is_refused_at_the_start(text: str) -> None:
    with pytest.raises(ConfigurationError, match="PRISM_CORS_ORIGINS"):
        origins(text)


def test_origins_are_listed_with_commas() -> None:
    named = "https://shop.example, http://localhost:3000 ,http://127.0.0.1:5173,http://[::1]:80,"
    assert origins(named) == {
        "https://shop.example",
        "http://localhost:3000",
        "http://127.0.0.1:5173",
        "http://[::1]:80",
    }
    assert origins("") == frozenset()


def test_without_origins_nothing_is_said_of_them() -> None:
    answer = app("").get("/x", headers={"Origin": ORIGIN})
    assert not cors(answer)
    assert answer.headers["Vary"] == "Accept"


def test_a_preflight_is_answered_with_what_may_be_asked() -> None:
    asking = {"Origin": ORIGIN, "Access-Control-Request-Method": "PATCH"}
    answer = app().options("/anything/at/all", headers=asking)
    assert answer.status_code == 204
    assert cors(answer)["Access-Control-Allow-Origin"] == ORIGIN
    assert cors(answer)["Access-Control-Allow-Headers"] == ASKED_HEADERS
    assert "PATCH" in cors(answer)["Access-Control-Allow-Methods"]
    assert answer.headers["Vary"] == "Origin"


def test_an_answer_shows_its_headers_to_a_page_of_a_listed_origin() -> None:
    answer = app().get("/x", headers={"Origin": ORIGIN})
    assert answer.data == b"x"
    assert cors(answer) == {
        "Access-Control-Allow-Origin": ORIGIN,
        "Access-Control-Allow-Credentials": "true",
        "Access-Control-Expose-Headers": SHOWN_HEADERS,
    }
    assert answer.headers.getlist("Vary") == ["Accept", "Origin"]


@pytest.mark.parametrize(
    "other",
    ["https://evil.example", "null", "*", "", "http://shop.example", "https://shop.example.evil.example",
     "https://evilshop.example", "https://shop.example:443", "https://SHOP.example", "https://shop-example",
     "https://shop.example/", "https://shop.example,https://evil.example"],
)  # fmt: skip # one line a kind
def test_another_origin_is_told_nothing(other: str) -> None:
    for headers in ({"Origin": other}, {"Origin": other, "Access-Control-Request-Method": "GET"}):
        answer = app().options("/x", headers=headers)
        assert not cors(answer)
    answer = app().get("/x", headers={"Origin": other})
    assert not cors(answer)
    assert "Origin" in answer.headers.getlist("Vary"), "or a cache would mix them up"

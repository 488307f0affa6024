"""What queries answer, to whom, and how their answers are kept."""

from pathlib import Path
from typing import Any

import pytest

from kernel.generations import READERS_TTL_S, Pointers
from prism.envelope.v1.envelope_pb2 import Generations
from tests.edge import given
from tests.edge.client import Edge, settings_for
from tests.support import eventually


def items(answer: Any) -> list[str]:  # noqa: ANN401 # a test's answer
    assert answer.status_code == 200, answer.json
    return [item.get("productId") or item.get("orderId") for item in answer.json["items"]]


def every_page(edge: Edge, path: str, **more: Any) -> list[list[str]]:  # noqa: ANN401 # whatever `get` takes
    pages, token = [], ""
    while True:
        answer = edge.get(f"{path}&pageToken={token}" if token else path, **more)
        pages.append(items(answer))
        assert answer.json
        token = answer.json["nextPageToken"]
        if not token:
            return pages


def joined(pages: list[list[str]]) -> list[str]:
    return [item for page in pages for item in page]


def test_a_product_has_every_field_as_the_contract_spells_it(edge: Edge) -> None:
    given.products(edge, given.product("mug", description="Tea"))
    answer = edge.get("/v1/products/mug", by=None)
    assert answer.json == {
        "productId": "mug",
        "name": "Mug",
        "description": "Tea",
        "price": {"currency": "EUR", "minorUnits": "1250"},
        "status": "ACTIVE",
        "available": 3,
        "version": 1,
    }
    assert answer.headers["ETag"] == '"1"'


def test_a_cart_has_its_empty_fields_too(edge: Edge) -> None:
    given.cart(edge, "c1", "alice")
    assert edge.get("/v1/carts/c1").json == {
        "cartId": "c1",
        "ownerId": "alice",
        "status": "OPEN",
        "lines": [],
        "total": {"currency": "EUR", "minorUnits": "0"},
        "version": 2,
        "updatedAt": "2026-11-01T10:00:00.500Z",
    }


def test_what_is_someone_elses_does_not_exist(edge: Edge) -> None:
    given.cart(edge, "c1", "alice")
    given.orders(edge, "alice", ["o1"])
    for path in ("/v1/carts/c1", "/v1/orders/o1"):
        assert edge.get(path, by="alice", roles=["shopper"]).status_code == 200
        for roles in (["shopper"], ["operator", "merchant"]):
            answer = edge.get(path, by="bob", roles=roles)
            assert answer.status_code == 404
            assert answer.json
            assert answer.json["code"] == "NOT_FOUND"


def test_what_only_a_second_stream_has_fed_does_not_exist_yet(edge: Edge) -> None:
    given.products(edge, given.product("a"), given.product("ghost", version=0), given.product("z"))
    assert edge.get("/v1/products/ghost").status_code == 404
    assert every_page(edge, "/v1/products?pageSize=1") == [["a"], ["z"]]


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ('"2"', 304),
        ('W/"2"', 304),
        ('"1", "2"', 304),
        ("*", 304),
        ('"1"', 200),
        ('"22"', 200),
        ("2", 200),
        ("", 200),
    ],
)
def test_a_client_that_has_the_state_is_told_so(edge: Edge, header: str, status: int) -> None:
    given.cart(edge, "c1", "alice")
    answer = edge.get("/v1/carts/c1", headers={"If-None-Match": header})
    assert answer.status_code == status
    assert answer.headers["ETag"] == '"2"'
    assert answer.headers["Prism-Stream-Cursor"]
    assert bool(answer.data) == (status == 200)


def test_what_changes_under_one_version_is_kept_by_no_cache(edge: Edge) -> None:
    given.products(edge, given.product("mug"))
    given.cart(edge, "c1", "alice")
    assert edge.get("/v1/products/mug").headers["Cache-Control"] == "no-store"
    assert edge.get("/v1/carts/c1").headers["Cache-Control"] == "private, no-cache"


def test_every_view_says_where_the_stream_goes_on(edge: Edge) -> None:
    given.products(edge, given.product("mug"))
    cursor = str(edge.log.position())
    for path in ("/v1/products/mug", "/v1/products", "/v1/orders", "/v1/sales?from=2026-11-01&to=2026-11-02"):
        assert edge.get(path).headers["Prism-Stream-Cursor"] == cursor


def test_a_list_is_paged_without_losing_or_repeating_any(edge: Edge) -> None:
    ids = [f"p{number:02}" for number in range(45)]
    given.products(edge, *map(given.product, ids))
    pages = every_page(edge, "/v1/products?")
    assert [len(page) for page in pages] == [20, 20, 5]
    assert joined(pages) == ids
    assert joined(every_page(edge, "/v1/products?pageSize=7")) == ids
    assert every_page(edge, "/v1/products?page_size=45") == [ids]
    assert edge.get("/v1/products?pageSize=100").json == edge.get("/v1/products?pageSize=46").json


def test_orders_are_ones_own_and_keep_their_sequence(edge: Edge) -> None:
    given.orders(edge, "alice", ["o3", "o1", "o2"])
    given.orders(edge, "bob", ["o9"])
    assert every_page(edge, "/v1/orders?pageSize=2", by="alice") == [["o3", "o1"], ["o2"]]
    assert every_page(edge, "/v1/orders?pageSize=2", by="bob") == [["o9"]]
    assert every_page(edge, "/v1/orders?pageSize=2", by="carol") == [[]]


@pytest.mark.parametrize("token", ["x", "!", "AAAAAAAA", "%00", "e30", "a" * 400, "=", "ü"])
def test_a_page_token_that_was_not_given_is_malformed(edge: Edge, token: str) -> None:
    answer = edge.get(f"/v1/products?pageToken={token}")
    assert answer.status_code == 400
    assert answer.json
    assert answer.json["code"] == "MALFORMED_REQUEST"


def test_a_page_token_is_good_for_its_own_list(edge: Edge) -> None:
    given.products(edge, given.product("a"), given.product("b"))
    given.orders(edge, "alice", ["o1", "o2"])
    given.orders(edge, "bob", ["o3", "o4"])
    tokens = [
        edge.get(path, by=by).json["nextPageToken"]  # type: ignore[index] # a page always has one
        for path, by in (("/v1/products?pageSize=1", "alice"), ("/v1/orders?pageSize=1", "bob"))
    ]
    for token in tokens:
        assert edge.get(f"/v1/orders?pageToken={token}", by="alice").status_code == 400
    assert edge.get(f"/v1/products?query=mug&pageToken={tokens[0]}").status_code == 400
    tampered = tokens[0][:-1] + ("A" if tokens[0][-1] != "A" else "B")
    assert edge.get(f"/v1/products?pageToken={tampered}").status_code == 400


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("mug", ["a", "b"]),
        ("MUG", ["a", "b"]),
        ("mu", ["a", "b"]),
        ("ug", []),
        ("blue mug", ["a"]),
        ("mug blue", ["a"]),
        ("mug tea", ["b"]),
        ("strasse", ["c"]),
        ("STRAẞE", ["c"]),
        ("cafe\u0301", ["c"]),
        ("CAFÉ", ["c"]),
        ("50", ["d"]),
        ("чай", ["d"]),
        ("", ["a", "b", "c", "d"]),
        ("!?", ["a", "b", "c", "d"]),
        ("mug*", ["a", "b"]),
        (".*", ["a", "b", "c", "d"]),
        ("nothing", []),
    ],
)
def test_a_search_finds_word_prefixes_in_any_case(edge: Edge, query: str, found: list[str]) -> None:
    given.products(
        edge,
        given.product("a", "Blue Mug", "for coffee"),
        given.product("b", "Mug", "for Tea."),
        given.product("c", "Straße", "das Café (schön)"),
        given.product("d", "Чайник", "50% off"),
    )
    answer = edge.get("/v1/products", query_string={"query": query})
    assert items(answer) == found


def test_a_search_is_paged(edge: Edge) -> None:
    given.products(edge, *(given.product(f"p{n:03}", "Odd" if n % 2 else "Even") for n in range(60)))
    pages = every_page(edge, "/v1/products?query=odd&pageSize=25")
    assert [len(page) for page in pages] == [25, 5]
    assert joined(pages) == [f"p{n:03}" for n in range(60) if n % 2]


def test_the_parts_of_a_day_are_answered_as_their_sum(edge: Edge) -> None:
    day, other = given.sold("2026-11-01", cup=100, tea=500), given.sold("2026-11-01", mug=1250, tea=600)
    parts = {"01 EUR~00": day, "01 EUR~63": other, "01 USD~07": day, "02 EUR~00": day}
    given.save(edge, "sales", [("days", f"2026-11-{key}", part) for key, part in parts.items()])
    answer = edge.get("/v1/sales?from=2026-11-01&to=2026-11-01").json
    assert answer
    euros, others = answer["days"]
    assert euros == {
        "date": "2026-11-01",
        "products": [
            {"productId": "cup", "units": 1, "revenue": {"currency": "EUR", "minorUnits": "100"}},
            {"productId": "mug", "units": 1, "revenue": {"currency": "EUR", "minorUnits": "1250"}},
            {"productId": "tea", "units": 2, "revenue": {"currency": "EUR", "minorUnits": "1100"}},
        ],
        "revenue": {"currency": "EUR", "minorUnits": "2450"},
    }
    assert [item["productId"] for item in others["products"]] == ["cup", "tea"]


def test_sales_answer_the_whole_range_both_ends_included(edge: Edge) -> None:
    given.sales(edge, "2026-10-31", "2026-11-01", "2026-11-15", "2026-11-15 USD", "2026-11-30", "2026-12-01")
    answer = edge.get("/v1/sales?from=2026-11-01&to=2026-11-30").json
    assert answer
    dates = [day["date"] for day in answer["days"]]
    assert dates == ["2026-11-01", "2026-11-15", "2026-11-15 USD", "2026-11-30"]
    assert answer["days"][0] == {
        "date": "2026-11-01",
        "products": [{"productId": "mug", "units": 1, "revenue": {"currency": "EUR", "minorUnits": "1250"}}],
        "revenue": {"currency": "EUR", "minorUnits": "1250"},
    }


@pytest.mark.parametrize(
    "range_",
    [
        "from=2026-02-31&to=2026-03-31",
        "from=2026-11-02&to=2026-11-01",
        "from=2025-01-01&to=2026-11-01",
        "from=2026-11-01",
        "",
        "from=&to=",
        "from=now&to=then",
        "from=٢٠٢٦-11-01&to=2026-11-02",
    ],
)
def test_a_range_that_is_none_is_invalid(edge: Edge, range_: str) -> None:
    answer = edge.get(f"/v1/sales?{range_}")
    assert answer.status_code == 422
    assert answer.json
    assert answer.json["violations"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/products?colour=red", 400),
        ("/v1/products?query=a&query=b", 400),
        ("/v1/products?pageSize=1&page_size=1", 400),
        ("/v1/products?pageSize=ten", 400),
        ("/v1/products?query=&pageSize=&pageToken=", 200),
        ("/v1/products?pageSize=1.0", 400),
        ("/v1/products?pageSize=%D9%A1", 400),
        ("/v1/products?pageSize=9999999999", 400),
        ("/v1/products?query=%ff", 400),
        ("/v1/products?" + "&".join(f"a{n}=1" for n in range(30)), 400),
        ("/v1/products?pageSize=0", 422),
        ("/v1/products?pageSize=101", 422),
        ("/v1/products?pageSize=-1", 422),
        ("/v1/products?query=" + "a" * 201, 422),
        ("/v1/products?pageToken=" + "a" * 501, 422),
        ("/v1/products/mug?x=1", 400),
        ("/v1/products/mug?productId=other", 400),
        ("/v1/products/a%20b", 422),
        ("/v1/carts/" + "c" * 65, 422),
    ],
)
def test_parameters_keep_their_rules(edge: Edge, path: str, status: int) -> None:
    answer = edge.get(path)
    assert answer.status_code == status, answer.json


def test_a_query_says_when_storage_is_out_of_reach(edge: Edge, redis_url: str, namespace: str) -> None:
    folder = Path(edge.settings.prism_data_dir)
    (folder / "views.db").mkdir(parents=True)
    away = Edge(settings_for(folder, redis_url, namespace))
    answer = away.get("/v1/products")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]


def test_the_generation_that_is_live_is_read_soon_after_it_is(edge: Edge) -> None:
    def name() -> object:
        body = edge.get("/v1/products/mug").json
        return body and body["name"]

    given.products(edge, given.product("mug", name="Old"))
    rebuilt = given.product("mug", name="New"), given.product("cup", name="New")
    given.save(edge, "product@1", [("catalogue", item.product_id, item) for item in rebuilt])
    assert name() == "Old"
    assert items(edge.get("/v1/products")) == ["mug"]

    def step(generations: Generations) -> None:
        generations.live = 1

    Pointers(edge.storage.views).change("product", step)
    eventually(lambda: name() == "New", timeout_s=READERS_TTL_S + 1)
    assert items(edge.get("/v1/products")) == ["cup", "mug"]
    assert edge.get("/v1/products/cup").status_code == 200

"""Whatever a stack has kept is on docs/retention.md, with what ends it. On both engines, and after whichever
tests ran before on the same stack."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from fnmatch import fnmatch

import pytest
from azure.data.tables import TableServiceClient
from azure.storage.queue import QueueServiceClient
from redis import Redis

from dev.stack import Stack
from kernel.azure.entities import decode
from kernel.generations import view_of
from kernel.outcomes import ACCEPTED_KEEP_S
from tests.e2e.client import WAIT_S, Shop, applied, problem
from tests.support import eventually
from tests.test_retention import first_cells

# Keys without an end, each of them one and bounded in itself.
ENDLESS = {"updates": b"stream", "epoch": b"string", "generations": b"hash"}
# Of a queue or a table on Azure: Azurite's tables and queues may have others of a test's own.
NAMESPACE = "prism"


@pytest.fixture(scope="module")
def used(shop: Shop) -> Stack:
    """A stack on which commands of every outcome were sent, with keys and without, and watched."""
    merchant, shopper = shop.merchant(), shop.shopper()
    mug = merchant.sells(price=100, stock=3)
    body = {"quantity": 1}
    for _ in range(2):
        sent = merchant.send("POST", f"/v1/products/{mug}/stock", body, key=f"k-{mug}", wait_s=WAIT_S)
        applied(sent)
    order = shopper.orders((mug, 1), total=100)
    with shopper.follow("orders") as stream:
        shopper.order(order, "CONFIRMED")
        applied(shopper.pays(order, 100))
        assert stream.wait_for(lambda update: update.topic == "orders")
    assert problem(shopper.pays(order, 100)) == (409, "WRONG_ORDER_STATUS")
    shopper.adds(order, mug, wait_s=0)
    eventually(lambda: merchant.sold(mug) == (1, 100))
    return shop.stack


def test_every_key_in_redis_ends_or_is_one_of_a_few(used: Stack) -> None:
    documented = {name.partition(":")[0] for name in first_cells()}
    with Redis.from_url(used.redis_url) as redis:
        keys = [key.decode() for key in redis.scan_iter(count=1000)]
        seen = {family_of(key) for key in keys}
        assert {"idempotency", "outcome", *ENDLESS} <= seen <= documented
        for key in keys:
            left_s, kind = redis.ttl(key), redis.type(key)
            # -2: it ended since it was listed.
            assert 0 < left_s <= ACCEPTED_KEEP_S or left_s == -2 or ENDLESS.get(family_of(key)) == kind, key
        for family in ENDLESS:
            assert [key for key in keys if family_of(key) == family] == [f"{NAMESPACE}:{family}"]


def family_of(key: str) -> str:
    """The second word of a key: whose it is."""
    namespace, family, *_ = key.split(":")
    assert namespace == NAMESPACE, key
    return family


def test_every_table_queue_and_file_of_a_stack_is_accounted_for(used: Stack, engine: str) -> None:
    documented = first_cells()
    tables, queues, views = azure_parts(used) if engine == "azurite" else embedded_parts(used)
    # There are no snapshots before a stream is long.
    assert {"events", "views"} <= tables <= {"events", "snapshots", "views"}
    assert "commands" in queues
    assert queues <= documented
    assert {"cart", "order", "sales"} <= views <= documented
    patterns = {re.sub("<.*>", "*", name).removesuffix("/") for name in documented}
    strange = [
        path.name
        for path in used.data_dir.iterdir()
        if not any(fnmatch(path.name, pattern) for pattern in patterns)
    ]
    assert strange == []


def embedded_parts(stack: Stack) -> tuple[set[str], set[str], set[str]]:
    """Tables as Azure names them, queues, and views."""
    names = {"commits": "events", "snapshots": "snapshots", "rows": "views"}
    found = {
        names[table]
        for file in ("events.db", "views.db")
        for table in select(stack, file, "SELECT name FROM sqlite_master WHERE type = 'table'")
    }
    queues = {path.stem.removeprefix("queue-") for path in stack.data_dir.glob("queue-*.db")}
    return (
        found,
        queues,
        {view_of(name) for name in select(stack, "views.db", "SELECT DISTINCT view FROM rows")},
    )


def select(stack: Stack, file: str, query: str) -> Iterator[str]:
    with closing(sqlite3.connect(stack.data_dir / file)) as database:
        yield from (value for (value,) in database.execute(query))


def azure_parts(stack: Stack) -> tuple[set[str], set[str], set[str]]:
    """The same of an Azurite."""
    account = stack.env["PRISM_STORAGE"]
    with TableServiceClient.from_connection_string(account) as service:
        tables = {table.name.removeprefix(NAMESPACE) for table in service.list_tables()}
        rows = service.get_table_client(f"{NAMESPACE}views").list_entities(select=["PartitionKey"])
        views = {view_of(decode(row["PartitionKey"].partition("|")[0])) for row in rows}
    with QueueServiceClient.from_connection_string(account) as service:
        queues = {queue.name.removeprefix(f"{NAMESPACE}-") for queue in service.list_queues()}
    return tables, queues, views

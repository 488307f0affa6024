"""What the edge answers at rest: outcomes to their senders, views to their owners, lists whole and in order."""

import json
from collections.abc import Iterator
from typing import Any

from dev.promises.history import CONTRACT, History
from dev.promises.pictures import sales_by_day
from dev.simulation.edge import HttpEdge
from dev.simulation.workload import MERCHANT
from dev.simulation.world import NEVER
from kernel.encoding import to_document
from kernel.ports import RowId
from kernel.tokens import Caller
from prism.envelope.v1.envelope_pb2 import Outcome, ViewRow

# Of each kind of thing.
ASKED = 5
STRANGER = Caller("eve", frozenset({"shopper"}), NEVER)


def answers_are_right(edge: HttpEdge, history: History) -> Iterator[str]:
    """Whoever may, is told what is stored; whoever may not, nothing."""
    yield from _outcomes(edge, history)
    for view, owner_field in (("cart", "owner_id"), ("order", "customer_id")):
        for row in _rows(history, view)[:ASKED]:
            path = f"/v1/{view}s/{getattr(row, f'{view}_id')}"
            owner = _shopper(getattr(row, owner_field))
            yield from _differs(edge, path, owner, 200, _json(row))
            yield from _differs(edge, path, STRANGER, 404)
            yield from _differs(edge, path, None, 401)
    for customer in sorted({row.customer_id for row in _rows(history, "order")}):
        newest = sorted(
            (row for row in _rows(history, "order") if row.customer_id == customer),
            key=lambda row: (-row.placed_at.ToNanoseconds(), row.order_id),
        )
        yield from _list(edge, "/v1/orders", _shopper(customer), [_json(row) for row in newest])
    products = [row for row in _rows(history, "product") if row.version]
    yield from _list(edge, "/v1/products", None, [_json(row) for row in products])
    sold = sales_by_day(item for events in history.events.values() for item in events)
    days = [_json(sold[day]) for day in sorted(sold)]
    path = "/v1/sales?from=2027-01-15&to=2027-01-18"
    yield from _differs(edge, path, Caller(MERCHANT, frozenset({"merchant"}), NEVER), 200, {"days": days})
    yield from _differs(edge, path, STRANGER, 403)
    shipped = edge.ask("POST", "/v1/orders/alice-0/shipment", STRANGER)
    if shipped.status != 403:
        yield f"a shopper ships an order: {shipped}"


def _outcomes(edge: HttpEdge, history: History) -> Iterator[str]:
    for accepted in list(history.accepted)[-ASKED:]:
        [stored] = history.outcomes[accepted.command_id]
        path = f"/v1/commands/{accepted.stream}/{accepted.command_id}"
        answer = edge.ask("GET", path, _shopper(accepted.subject))
        told = {name: answer.body.get(name) for name in ("status", "code", "version")}
        wanted = {
            "status": Outcome.Status.Name(stored.status), "code": stored.code, "version": stored.version
        }  # fmt: skip # in a line
        if (answer.status, told) != (200, wanted):
            yield f"{path}: {answer.status} {answer.body} instead of {wanted}"
        yield from _differs(edge, path, STRANGER, 403)


def _differs(
    edge: HttpEdge,
    path: str,
    caller: Caller | None,
    status: int,
    body: Any = None,  # noqa: ANN401 # JSON
) -> Iterator[str]:
    answer = edge.ask("GET", path, caller)
    if answer.status != status or (body is not None and answer.body != body):
        yield f"{path} for {caller.subject if caller else 'nobody'}: {answer} instead of {status} {body}"
    if body and "version" in body and answer.headers.get("ETag") != f'"{body["version"]}"':
        yield f"{path}: {answer.headers.get('ETag')} is not the version, {body['version']}"


def _list(edge: HttpEdge, path: str, caller: Caller | None, items: list[Any]) -> Iterator[str]:
    """Page by page, all there is."""
    found, token = list[Any](), ""
    for _ in range(len(items) + 1):
        answer = edge.ask("GET", f"{path}?pageSize=2&pageToken={token}", caller)
        if answer.status != 200:
            yield f"{path}: {answer}"
            return
        found += answer.body["items"]
        if not (token := answer.body["nextPageToken"]):
            break
    if found != items:
        yield f"{path} lists {found} instead of {items}"


def _rows(history: History, view: str) -> list[Any]:
    """The rows of a view, by their keys."""
    message, found = CONTRACT.views[view].message, sorted(_ids(history, view), key=lambda id_: id_.key)
    return [message.FromString(ViewRow.FromString(history.rows[id_]).data) for id_ in found]


def _ids(history: History, view: str) -> list[RowId]:
    return [id_ for id_ in history.rows if id_.view == view]


def _shopper(subject: str) -> Caller:
    return Caller(subject, frozenset({"shopper"}), NEVER)


def _json(row: Any) -> Any:  # noqa: ANN401 # any view
    return json.loads(json.dumps(to_document(row)))

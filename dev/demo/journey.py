"""The journey: a merchant fills the shelves, a shopper buys, and a stream tells all of it as it happens."""

import statistics
import time
from collections.abc import Sequence
from typing import Any

import httpx

from dev.demo.client import Person, meet
from dev.demo.timeline import PATIENCE_S, Step, Timeline

CART = "c1"
CART_TOPIC = f"cart/{CART}"
TOPICS = (CART_TOPIC, "orders", "products", "commands")
ITEMS, CHECKOUT = f"/v1/carts/{CART}/items", f"/v1/carts/{CART}/checkout"
TEAPOT, TEA, TEAPOT_LATER = 3400, 590, 3600
TOTAL, TOTAL_LATER = TEAPOT + 2 * TEA, TEAPOT_LATER + 2 * TEA


def travel(timeline: Timeline, http: httpx.Client, stream_url: str) -> None:
    """Goes shopping. CheckFailed when anything is not as it must be."""
    mira = meet(http, stream_url, "mira", "merchant")
    sam = meet(http, stream_url, "sam", "shopper")
    timeline.fact("mira is a merchant, sam a shopper: each has a token")
    timeline.follow(f"sam follows {', '.join(TOPICS)}", lambda: sam.follow(*TOPICS))
    fill_shelves(timeline, mira)
    fill_cart(timeline, sam)
    disagree_on_the_price(timeline, mira, sam)
    order = check_out(timeline, sam)
    pay_while_away(timeline, sam)
    ship(timeline, mira, order["placedAt"][:10])
    sum_up(timeline)


def fill_shelves(timeline: Timeline, mira: Person) -> None:
    """Two products and their stock: two batches, four commands."""
    teapot = {"productId": "teapot", "name": "Teapot", "description": "Blue, 1 l", "price": eur(TEAPOT)}
    tea = {"productId": "tea", "name": "Assam", "description": "Black tea, 100 g", "price": eur(TEA)}
    step = batch(timeline, mira, "mira registers a teapot and tea", "RegisterProduct", [teapot, tea])
    step.told(f"Teapot at {words(TEAPOT)}", "products", productId="teapot", price=eur(TEAPOT))
    step.told(f"Assam at {words(TEA)}", "products", productId="tea", price=eur(TEA))
    stock = [{"productId": "teapot", "quantity": 5}, {"productId": "tea", "quantity": 40}]
    step = batch(timeline, mira, "mira receives 5 teapots, 40 packs of tea", "ReceiveStock", stock)
    step.told("Teapot, 5 available", "products", productId="teapot", available=5)
    step.told("Assam, 40 available", "products", productId="tea", available=40)


def fill_cart(timeline: Timeline, sam: Person) -> None:
    """A command that is accepted, one that is waited for, one that is repeated, one that is refused."""
    teapot = {"productId": "teapot", "quantity": 1}
    step = timeline.step("sam adds a teapot", lambda: sam.send("POST", ITEMS, teapot), 202, status="ACCEPTED")
    step.told(f"OPEN, 1 line, {words(TEAPOT)}", CART_TOPIC, version=1, status="OPEN", total=eur(TEAPOT))
    step.told("APPLIED", "commands", commandId=step.body["commandId"], status="APPLIED")

    def add_tea() -> httpx.Response:
        return sam.send("POST", ITEMS, {"productId": "tea", "quantity": 2}, wait_s=5, key="two-teas")

    step = timeline.step("sam adds 2 teas (Prefer: wait)", add_tea, 200, status="APPLIED", version=2)
    step.told(f"OPEN, 2 lines, {words(TOTAL)}", CART_TOPIC, version=2, status="OPEN", total=eur(TOTAL))
    again = timeline.step("sam sends that again (same Idempotency-Key)", add_tea, 200, status="APPLIED")
    timeline.fact("answered as before, with Idempotency-Replayed: true", replayed(again), (step.body, "true"))
    cart = timeline.step(
        "sam reads the cart", lambda: sam.get(f"/v1/carts/{CART}"), 200, f"total {words(TOTAL)}"
    )
    quantities = {line["productId"]: line["quantity"] for line in cart.body["lines"]}
    timeline.fact("1 teapot and 2 teas: the repeat added nothing", quantities, {"teapot": 1, "tea": 2})
    unicorn = {"productId": "unicorn", "quantity": 1}
    refuse(timeline, sam, "sam adds a unicorn", ITEMS, unicorn, "PRODUCT_NOT_AVAILABLE")


def disagree_on_the_price(timeline: Timeline, mira: Person, sam: Person) -> None:
    """Nobody pays a price that they did not see."""
    step = timeline.step(
        f"mira raises the teapot to {words(TEAPOT_LATER)}",
        lambda: mira.send("PUT", "/v1/products/teapot/price", {"price": eur(TEAPOT_LATER)}),
        202,
        status="ACCEPTED",
    )
    step.told(f"Teapot at {words(TEAPOT_LATER)}", "products", productId="teapot", price=eur(TEAPOT_LATER))
    seen = {"expectedTotal": eur(TOTAL)}
    refuse(timeline, sam, f"sam checks out at {words(TOTAL)}", CHECKOUT, seen, "PRICE_CHANGED")


def check_out(timeline: Timeline, sam: Person) -> dict[str, Any]:
    """The cart becomes an order, and the order gets its stock. Answers the order."""
    step = timeline.step(
        f"sam checks out at {words(TOTAL_LATER)}",
        lambda: sam.send("POST", CHECKOUT, {"expectedTotal": eur(TOTAL_LATER)}),
        202,
        status="ACCEPTED",
    )
    step.told("CHECKED_OUT", CART_TOPIC, status="CHECKED_OUT", total=eur(TOTAL_LATER))
    step.told("PLACED", "orders", orderId=CART, status="PLACED", total=eur(TOTAL_LATER))
    step.told("Teapot, 4 available: 1 is reserved", "products", productId="teapot", available=4)
    step.told("Assam, 38 available: 2 are reserved", "products", productId="tea", available=38)
    return step.told("CONFIRMED", "orders", orderId=CART, status="CONFIRMED").data


def pay_while_away(timeline: Timeline, sam: Person) -> None:
    """The stream is cut; what it would have told comes when it is back."""
    known = [update.id for update in timeline.updates]
    last_id = timeline.cut()
    timeline.fact("sam's stream is cut; life goes on")
    amount = {"amount": eur(TOTAL_LATER)}
    timeline.step(
        f"sam pays {words(TOTAL_LATER)} (Prefer: wait)",
        lambda: sam.send("POST", f"/v1/orders/{CART}/payment", amount, wait_s=5),
        200,
        status="APPLIED",
    )
    step = timeline.follow("sam is back, with Last-Event-ID", lambda: sam.follow(*TOPICS, after=last_id))
    step.told("PAID, replayed", "orders", orderId=CART, status="PAID")
    replayed_ids = [update.id for update in timeline.updates[len(known) :]]
    timeline.fact("only what was missed came", set(known) & set(replayed_ids), set())


def ship(timeline: Timeline, mira: Person, day: str) -> None:
    """The order leaves the house; it counts as sold since it was paid."""
    step = timeline.step(
        "mira ships the order",
        lambda: mira.send("POST", f"/v1/orders/{CART}/shipment"),
        202,
        status="ACCEPTED",
    )
    step.told("SHIPPED", "orders", orderId=CART, status="SHIPPED")
    sales = await_sales(timeline, mira, day)
    sold = {each["productId"]: each["units"] for each in sales["products"]}
    timeline.fact(f"sales of {day}: 1 teapot, 2 teas, {words(TOTAL_LATER)}", sold, {"teapot": 1, "tea": 2})


def await_sales(timeline: Timeline, mira: Person, day: str) -> dict[str, Any]:
    """Asks until the day's sales are there: they are projected apart from the order."""
    deadline = time.monotonic() + PATIENCE_S
    path, days = "/v1/sales", {"from": day, "to": day}
    while not mira.get(path, **days).json().get("days") and time.monotonic() < deadline:
        time.sleep(0.01)
    step = timeline.step("mira asks for the day's sales", lambda: mira.get(path, **days), 200, "1 day")
    [sales] = step.body["days"]
    timeline.check("revenue of the day", sales["revenue"], eur(TOTAL_LATER))
    return dict(sales)


def sum_up(timeline: Timeline) -> None:
    """What holds of the whole journey."""
    updates = timeline.updates
    ids = [update.id for update in updates]
    timeline.fact(f"{len(ids)} updates over two streams, none twice", len(set(ids)), len(ids))
    told = {
        event: [update.version for update in updates if update.event == event] for event in ("cart", "order")
    }
    in_order = {event: sorted(versions) for event, versions in told.items()}
    timeline.fact(
        f"versions in order: cart {joined(told['cart'])}, order {joined(told['order'])}", told, in_order
    )
    delays_ms = [1000 * delay_s for delay_s in timeline.delays_s]
    median, slowest = statistics.median(delays_ms), max(delays_ms)
    timeline.fact(f"from request to update: median {median:.0f} ms, slowest {slowest:.0f} ms")


def batch(timeline: Timeline, who: Person, title: str, command: str, bodies: Sequence[object]) -> Step:
    """Sends a command a body, all in one request."""
    commands = {"commands": [{"type": command, "body": body} for body in bodies]}
    step = timeline.step(title, lambda: who.send("POST", "/v1/commands", commands), 202, "2 receipts")
    statuses = [result["status"] for result in step.body["results"]]
    timeline.check(f"{title}: each result's status", statuses, ["ACCEPTED"] * len(bodies))
    return step


def refuse(timeline: Timeline, who: Person, title: str, path: str, body: object, code: str) -> None:
    """Sends a command that is against the shop's rules, and waits for the refusal."""
    step = timeline.step(title, lambda: who.send("POST", path, body, wait_s=5), 409, code=code)
    step.told("REJECTED", "commands", commandId=step.body["commandId"], status="REJECTED", code=code)


def replayed(step: Step) -> tuple[dict[str, Any], str]:
    """What an answer that is a repeat's says, and that it is one."""
    return step.body, step.header("Idempotency-Replayed")


def eur(cents: int) -> dict[str, str]:
    """An amount as JSON has it."""
    return {"currency": "EUR", "minorUnits": str(cents)}


def joined(versions: Sequence[int]) -> str:
    """Versions as people read them."""
    return " ".join(map(str, versions))


def words(cents: int) -> str:
    """An amount as people read it."""
    return f"{cents / 100:.2f} EUR"

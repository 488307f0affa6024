"""In a rolling upgrade: an event that a projector does not know waits for a newer one, and so does what
follows it; rows are right in the end."""

import time

from kernel.handler import DeadLetter
from kernel.leaving import UNKNOWN_KEEP_S
from kernel.packing import pack_commits
from prism.envelope.v1.envelope_pb2 import CommitMessage
from prism.product.v1.commands_pb2 import DiscontinueProduct
from prism.product.v1.views_pb2 import ProductView
from tests.commands import add, register, reprice
from tests.shop import Shop, older

PRICED = "prism.product.v1.ProductPriceChanged"


def left_commits(shop: Shop) -> set[tuple[str, int]]:
    return {
        (entry.commit.stream, entry.commit.number)
        for _, item in shop.left
        for entry in CommitMessage.FromString(item.body).commits
    }


def test_a_commit_with_an_unknown_event_is_left_and_so_is_what_needs_it(shop: Shop) -> None:
    newer = shop.handlers["events-views"]
    shop.handlers["events-views"] = shop.projector("views", known=older(PRICED))
    shop.do(register("tea", 500))
    for command in (reprice("tea", 450), reprice("tea", 400), DiscontinueProduct(product_id="tea")):
        shop.send(command)
        shop.settle()
    shop.do(register("cup", 100))
    # The last commit is known, but the row cannot get there.
    assert left_commits(shop) == {("product-tea", 2), ("product-tea", 3), ("product-tea", 4)}
    view = shop.view("product", "catalogue", "tea")
    assert (view.version, view.price.minor_units, view.status) == (1, 500, ProductView.ACTIVE)
    assert shop.view("product", "catalogue", "cup").version == 1
    assert shop.dead == []
    told = len(shop.deliveries)

    # It goes round with the older one, and changes nothing.
    shop.come_back()
    shop.settle()
    assert len(shop.left) == 3
    assert len(shop.deliveries) == told

    shop.handlers["events-views"] = newer
    shop.come_back()
    shop.settle()
    view = shop.view("product", "catalogue", "tea")
    assert (view.version, view.price.minor_units, view.status) == (4, 400, ProductView.DISCONTINUED)
    assert (shop.left, shop.dead) == ([], [])
    assert {delivery.outcome.version for delivery in shop.deliveries[told:]} == {2, 3, 4}


def test_an_older_projector_goes_on_where_a_newer_one_was(shop: Shop) -> None:
    old, newer = shop.projector("views", known=older(PRICED)), shop.handlers["events-views"]
    shop.handlers["events-views"] = old
    shop.do(register("tea", 500))
    shop.handlers["events-views"] = newer
    shop.do(reprice("tea", 450))
    shop.handlers["events-views"] = old
    shop.send(DiscontinueProduct(product_id="tea"))
    shop.settle()
    # Its cache is behind the store: it finds that out.
    assert left_commits(shop) == {("product-tea", 3)}
    shop.come_back()
    shop.settle()
    view = shop.view("product", "catalogue", "tea")
    assert (view.version, view.price.minor_units, view.status) == (3, 450, ProductView.DISCONTINUED)
    assert shop.left == []


def test_the_known_commits_of_a_message_are_projected_and_only_the_unknown_left(shop: Shop) -> None:
    shop.do(register("tea", 500))
    shop.do(register("cup", 100))
    stale = shop.projector("views", known=older(PRICED))
    for command in (reprice("tea", 450), add("c1", "cup")):
        shop.send(command)
    while shop.step("commands"):
        pass
    commits = [*shop.storage.events.read("product-tea", after=1), *shop.storage.events.read("cart-c1")]
    [body] = pack_commits(commits)
    message = CommitMessage.FromString(body)
    message.appended_at.FromSeconds(1234)
    shop.storage.queue("events-sales").put([message.SerializeToString()])
    [item] = stale(shop.storage.queue("events-sales").receive())
    assert shop.view("cart", "c1").version == 1
    left = CommitMessage.FromString(item.body)
    assert [entry.commit for entry in left.commits] == commits[:1]
    # What the message says beside its commits stays.
    assert left.appended_at.seconds == 1234


def test_what_nobody_took_for_a_day_is_a_dead_letter_that_names_the_type(shop: Shop) -> None:
    shop.do(register("tea", 500))
    shop.do(reprice("tea", 450))
    stale = shop.projector("views", known=older(PRICED))
    message = CommitMessage.FromString(pack_commits(shop.storage.events.read("product-tea", after=1))[0])
    message.left_since.FromSeconds(int(time.time()) - UNKNOWN_KEEP_S - 1)
    shop.storage.queue("events-sales").put([message.SerializeToString()])
    # Its row is as a projector finds it that never saw the price.
    shop.storage.views.drop("product")
    [letter] = stale(shop.storage.queue("events-sales").receive())
    assert isinstance(letter, DeadLetter)
    assert PRICED in letter.reason
    assert not CommitMessage.FromString(letter.body).HasField("left_since")

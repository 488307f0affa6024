"""What the projector publishes, in short."""

from collections.abc import Sequence

from google.protobuf.timestamp_pb2 import Timestamp

from kernel.redis import connect
from kernel.settings import Settings
from kernel.updates import Cursor, Entry, Published, UpdateLog
from prism.cart.v1.events_pb2 import CartCheckedOut
from prism.cart.v1.views_pb2 import CartView
from prism.envelope.v1.envelope_pb2 import Delivery, Envelope, EventRef, Outcome, Update
from prism.order.v1.views_pb2 import OrderView
from prism.product.v1.views_pb2 import ProductView


def cart(id_: str, version: int, owner: str = "alice") -> Update:
    """A cart after its stream's event of that version."""
    view = CartView(cart_id=id_, owner_id=owner, version=version, status=CartView.OPEN)
    return Update(
        view="cart",
        topics=[f"cart/{id_}"],
        owner=owner,
        version=version,
        data=view.SerializeToString(),
        stream=f"cart-{id_}",
        stream_version=version,
    )


def order(id_: str, version: int, owner: str = "alice") -> Update:
    """An order after its stream's event of that version."""
    view = OrderView(order_id=id_, customer_id=owner, version=version, status=OrderView.PLACED)
    return Update(
        view="order",
        topics=[f"order/{id_}", "orders"],
        owner=owner,
        version=version,
        data=view.SerializeToString(),
        stream=f"order-{id_}",
        stream_version=version,
    )


def product(
    id_: str, version: int, stream: str = "product", stream_version: int | None = None, revision: int = 0
) -> Update:
    """A product after an event of one of its streams, its own or its stock's; the revision counts both's."""
    view = ProductView(product_id=id_, name="Mug", version=version)
    return Update(
        view="product",
        topics=[f"product/{id_}", "products"],
        version=version,
        data=view.SerializeToString(),
        stream=f"{stream}-{id_}",
        stream_version=version if stream_version is None else stream_version,
        revision=revision,
    )


def applied(command_id: str, subject: str = "alice") -> Outcome:
    """The outcome of a command that led to one event."""
    return Outcome(
        command_id=command_id,
        status=Outcome.APPLIED,
        stream="cart-c1",
        version=1,
        events=[EventRef(event_id="cart-c1:1", type="CartCheckedOut")],
        subject=subject,
    )


def event(stream: str, version: int) -> Envelope:
    """An event of a cart."""
    return Envelope(
        id=f"{stream}:{version}",
        type="prism.cart.v1.CartCheckedOut",
        stream=stream,
        version=version,
        time=Timestamp(seconds=1_700_000_000),
        subject="alice",
        correlation_id="chain",
        causation_id="command",
        data=CartCheckedOut(cart_id="c1", owner_id="alice").SerializeToString(),
    )


def delivery(
    *updates: Update,
    outcome: Outcome | None = None,
    events: Sequence[Envelope] = (),
    command: str = "command",
) -> Delivery:
    """What one command changed."""
    return Delivery(command_id=command, updates=updates, outcome=outcome, events=events)


def entry(number: int, *updates: Update, epoch: str = "e1") -> Entry:
    """The entry with that number of an epoch, as it is read from Redis."""
    return Entry(Cursor(epoch, f"{number}-0"), delivery(*updates))


class Projector:
    """Publishes as the projector does."""

    def __init__(self, settings: Settings) -> None:
        self.redis = connect(settings)
        self.log = UpdateLog(self.redis, settings.prism_namespace)

    def tries_to_publish(self, *deliveries: Delivery) -> bool:
        """Adds deliveries, if Redis is there."""
        return self.log.publish_facts(deliveries) is Published.DONE

    def publish(self, *updates: Update) -> None:
        """Adds one delivery of these updates."""
        self.deliver(delivery(*updates))

    def deliver(self, *deliveries: Delivery) -> None:
        """Adds deliveries, an entry each."""
        assert self.tries_to_publish(*deliveries)

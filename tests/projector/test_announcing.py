"""What Redis does not take, and what it takes too late, over a real Redis: screens are told all the same."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest

from dev.ports import PortBlock
from kernel import settings as settings_module
from kernel.consumer import Consumer
from kernel.generations import Pointers
from kernel.redis import connect
from kernel.settings import Settings
from kernel.tokens import issue_dev_token
from kernel.updates import Entry, UpdateLog
from prism.admin.v1.admin_pb2 import StatusRequest
from prism.admin.v1.admin_pb2_grpc import AdminStub
from prism.cart.v1.views_pb2 import CartView
from prism.envelope.v1.envelope_pb2 import Delivery
from projector_svc import announcing
from projector_svc.__main__ import subscriber_consumer
from projector_svc.announcing import Announcer
from projector_svc.written import Written
from stream_svc.hub import Hub
from stream_svc.reader import Reader
from stream_svc.subscription import Interest, Subscription
from tests.commands import add, register
from tests.redis_server import RedisServer
from tests.shop import CONTRACT, Shop
from tests.support import eventually

ROOT = Path(__file__).resolve().parents[2]
QUEUE = "events-views"


@pytest.fixture
def settings(own_redis: RedisServer) -> Settings:
    return Settings(redis_url=own_redis.url)


@pytest.fixture
def log(settings: Settings) -> UpdateLog:
    return UpdateLog(connect(settings), settings.prism_namespace)


@pytest.fixture
def screen(log: UpdateLog) -> Iterator[Subscription]:
    """Alice's, of her cart."""
    hub = Hub(CONTRACT, limit=1)
    reader = Reader(log, hub, CONTRACT)
    reader.start(5)
    yield hub.subscribe(Interest("alice", ("cart/c1",)), None)
    reader.stop()


def decide(shop: Shop) -> None:
    """One item more in the cart, as far as the projector's queue."""
    shop.send(add("c1"))
    shop.step("commands")


def projector(shop: Shop, settings: Settings) -> Consumer:
    """A replica's consumer, to be stepped by hand."""
    updates = UpdateLog(connect(settings), settings.prism_namespace)
    return subscriber_consumer(
        settings,
        shop.storage,
        "views",
        lambda views: Written(views, Pointers(shop.storage.views), None),
        updates,
    )


def hears(screen: Subscription, what: str) -> None:
    """Waits until the screen is told so."""
    told = ""

    def so() -> bool:
        nonlocal told
        told += screen.take(1).decode()
        return what in told

    eventually(so, 30)


def cart_versions(entries: Sequence[Entry]) -> list[int]:
    """The versions of carts in updates, in their order."""
    updates = [update for entry in entries for update in entry.delivery.updates]
    return [CartView.FromString(update.data).version for update in updates if update.view == "cart"]


class Killable:
    """A real process of projector_svc."""

    def __init__(self, folder: Path, redis_url: str) -> None:
        self._ports = PortBlock()
        env = {
            "REDIS_URL": redis_url,
            "PRISM_DATA_DIR": str(folder),
            "PRISM_PROJECTOR_GRPC_PORT": str(self._ports.take()),
            "PRISM_PROJECTOR_METRICS_PORT": str(self._ports.take()),
            "PRISM_DEV_TOKEN_KEY": "a key of the tests, long enough for HS256",
        }
        settings = settings_module.load(env)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "projector_svc"], cwd=ROOT, env=os.environ | env, stderr=subprocess.DEVNULL
        )
        self._admin = AdminStub(grpc.insecure_channel(settings.projector_target))
        self._token = issue_dev_token(settings, "olga", ["operator"])

    def handled(self) -> int:
        """How many messages it has handled and deleted; 0 while it starts."""
        metadata = (("authorization", f"Bearer {self._token}"),)
        try:
            answer = self._admin.Status(StatusRequest(), metadata=metadata, timeout=5)
        except grpc.RpcError:
            return 0
        return next(consumer.handled for consumer in answer.consumers if consumer.name == QUEUE)

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def close(self) -> None:
        self.kill()
        self._ports.release()


@contextmanager
def running(folder: Path, redis_url: str) -> Iterator[Killable]:
    process = Killable(folder, redis_url)
    try:
        yield process
    finally:
        process.close()


def test_what_a_projector_owed_when_it_was_killed_is_paid_once_redis_is_back(
    shop: Shop, screen: Subscription, own_redis: RedisServer, tmp_path: Path
) -> None:
    shop.do(register())
    with running(tmp_path, own_redis.url) as first:
        decide(shop)
        hears(screen, '"version":1')
        with own_redis.out_of_reach():
            decide(shop)
            eventually(lambda: first.handled() >= 2, 30)
            first.kill()
    # Redis is back and knows all that it knew, and nobody does anything.
    assert shop.view("cart", "c1").version == 2
    with running(tmp_path, own_redis.url):
        hears(screen, "UPDATES_LOST")
        eventually(lambda: shop.storage.queue(QUEUE).depth().messages == 0)


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Debts are seen soon, and each process keeps one, however slow the machine."""
    monkeypatch.setattr(announcing, "DEBT_DELAY_S", 0.1)
    monkeypatch.setattr(announcing, "COVERED_S", 3600)


@pytest.mark.usefixtures("at_once")
def test_a_debt_stays_in_the_queue_until_somebody_pays_it(
    shop: Shop, settings: Settings, own_redis: RedisServer, log: UpdateLog
) -> None:
    shop.do(register())
    one, other = projector(shop, settings), projector(shop, settings)
    queue = shop.storage.queue(QUEUE)
    decide(shop)
    one.step()
    before = log.position()
    with own_redis.out_of_reach():
        for _ in range(3):
            decide(shop)
            one.step()
        # One for all three; and one when it has been received in vain.
        assert queue.depth().messages == 1
        eventually(other.step)
        assert queue.depth().messages == 1
    assert log.position() == before

    eventually(other.step)

    assert log.position().epoch != before.epoch
    assert queue.depth().messages == 0


@pytest.mark.usefixtures("at_once")
def test_a_debt_that_was_paid_with_the_next_announcement_is_not_paid_again(
    shop: Shop, settings: Settings, own_redis: RedisServer, log: UpdateLog
) -> None:
    shop.do(register())
    consumer = projector(shop, settings)
    decide(shop)
    consumer.step()
    before = log.position()
    with own_redis.out_of_reach():
        decide(shop)
        consumer.step()
    decide(shop)
    eventually(lambda: consumer.step() and cart_versions(log.tail())[-1] == 3)
    after = log.position()
    assert after.epoch != before.epoch

    eventually(lambda: consumer.step() or shop.storage.queue(QUEUE).depth().messages == 0)

    assert log.position() == after


def test_a_state_that_comes_too_late_into_a_new_epoch_is_told_as_it_is_by_then(
    shop: Shop, settings: Settings, own_redis: RedisServer, log: UpdateLog
) -> None:
    shop.do(register())
    other, queue = projector(shop, settings), shop.storage.queue(QUEUE)
    announcer = Announcer(UpdateLog(connect(settings), settings.prism_namespace), queue)
    meanwhile: list[Callable[[], object]] = []

    def announce(deliveries: Sequence[Delivery], debtors: Collection[str]) -> bool:
        while meanwhile:
            meanwhile.pop(0)()
        return announcer(deliveries, debtors)

    late = shop.projector("views", announce=announce)
    decide(shop)
    late(queue.receive())
    assert cart_versions(log.tail()) == [1]
    decide(shop)
    second = queue.receive()
    meanwhile += [lambda: decide(shop), other.step, connect(settings).flushall]

    late(second)

    assert cart_versions(log.tail()) == [3]

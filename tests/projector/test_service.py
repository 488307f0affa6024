"""prism.admin.v1.Projections over a real channel: followed, cancelled, refused, hung up on."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import grpc
import pytest

from kernel.packing import pack_commits
from kernel.ports import RowId
from kernel.settings import load
from kernel.tokens import issue_dev_token, open_tokens
from kernel.worker_server import WorkerServer
from prism.admin.v1.projections_pb2 import (
    CancelRebuildRequest,
    ListProjectionsRequest,
    RebuildProgress,
    RebuildRequest,
    RowDifference,
    VerifyRequest,
)
from prism.admin.v1.projections_pb2_grpc import ProjectionsStub
from prism.envelope.v1.envelope_pb2 import Commit
from projector_svc.rebuild import filling, service
from tests.commands import add
from tests.kernel.workers import free_port
from tests.projector.processes import ALL, Process, World
from tests.projector.test_rebuild import VIEWS, fill_carts
from tests.projector.test_views import go_shopping
from tests.support import eventually

SETTINGS = load({"PRISM_DEV_TOKEN_KEY": "k" * 40})


class Operated(Process):
    """A process whose caretaker runs by the real clock, and whose service is asked over gRPC."""

    def __init__(self, world: World) -> None:
        super().__init__(world.folder, world.stamps(), time.monotonic)
        port = free_port()
        self.server = WorkerServer(
            SETTINGS,
            service="projector_svc",
            port=port,
            tokens=open_tokens(SETTINGS),
            consumers=[],
            healthy=lambda: True,
            register=self.register,
        )
        self.channel = grpc.insecure_channel(f"127.0.0.1:{port}")
        self.stub = ProjectionsStub(self.channel)

    def call(self, method: str, request: object, *roles: str) -> Any:  # noqa: ANN401 # each method's own
        token = issue_dev_token(SETTINGS, "olga", list(roles or ("operator",)))
        metadata = (("authorization", f"Bearer {token}"),)
        return getattr(self.stub, method)(request, metadata=metadata, timeout=30)

    def rebuild(self, view: str = "cart") -> list[RebuildProgress]:
        return [answer.progress for answer in self.call("Rebuild", RebuildRequest(view=view))]


@contextmanager
def operated(world: World) -> Iterator[Operated]:
    process = Operated(world)
    process.start()
    process.server.start()
    try:
        yield process
    finally:
        process.gate.let(ALL)
        process.stop()
        process.channel.close()
        process.server.stop(0)


@pytest.fixture
def operator(world: World) -> Iterator[Operated]:
    with operated(world) as process:
        yield process


def refused(call: Any, *code: grpc.StatusCode) -> str:  # noqa: ANN401 # any call
    with pytest.raises(grpc.RpcError) as error:
        # Of a stream, the error comes with its answers.
        list(call())
    assert error.value.code() in code
    return str(error.value.details())


def test_every_view_is_listed(operator: Operated) -> None:
    listed = operator.call("ListProjections", ListProjectionsRequest()).projections
    assert [item.view for item in listed] == VIEWS
    product = next(item for item in listed if item.view == "product")
    assert (product.subscriber, list(product.aggregates)) == ("views", ["product", "stock"])
    assert (product.generation, product.HasField("live_since"), product.HasField("rebuild")) == (
        0,
        False,
        False,
    )


@pytest.mark.parametrize("view", VIEWS)
def test_a_rebuild_is_followed_until_it_is_live(world: World, operator: Operated, view: str) -> None:
    go_shopping(world.shop)
    before = world.shop.rows()
    answers = operator.rebuild(view)
    last = answers[-1]
    assert last.phase == RebuildProgress.LIVE
    assert last.done == last.total > 0
    assert (last.generation, last.subject) == (1, "olga")
    assert world.shop.rows() == before
    [listed] = [
        item
        for item in operator.call("ListProjections", ListProjectionsRequest()).projections
        if item.view == view
    ]
    assert (listed.generation, list(listed.retired)) == (1, [0])
    assert listed.live_since.ToSeconds() > time.time() - 60


def test_progress_is_told_on_the_way(
    world: World, operator: Operated, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filling, "BATCH_COMMITS", 1)
    fill_carts(world, 3, events=2)
    operator.gate.close()
    answers = []
    for answer in operator.call("Rebuild", RebuildRequest(view="cart")):
        answers.append(answer.progress)
        operator.gate.let(1)
    assert answers[0].phase == RebuildProgress.COUNTING
    assert RebuildProgress.BUILDING in {item.phase for item in answers}
    done = [item.done for item in answers]
    assert done == sorted(done)
    assert any(0 < item.done < item.total == 6 and item.time_left.ToNanoseconds() > 0 for item in answers)
    assert answers[-1].phase == RebuildProgress.LIVE


def test_a_rebuild_that_runs_is_followed_by_whoever_asks_wherever(world: World, operator: Operated) -> None:
    fill_carts(world, 3)
    operator.gate.close()
    first = operator.call("Rebuild", RebuildRequest(view="cart"))
    assert next(first).progress.generation == 1
    with operated(world) as other:
        second = other.call("Rebuild", RebuildRequest(view="cart"))
        assert next(second).progress.generation == 1
        operator.gate.let(ALL)
        assert [list(answers)[-1].progress.phase for answers in (first, second)] == [RebuildProgress.LIVE] * 2
    assert world.generations().latest == 1


def test_hanging_up_ends_the_answers_and_not_the_rebuild(world: World, operator: Operated) -> None:
    fill_carts(world, 3)
    operator.gate.close()
    answers = operator.call("Rebuild", RebuildRequest(view="cart"))
    next(answers)
    answers.cancel()
    operator.gate.let(ALL)
    eventually(lambda: world.generations().live == 1)


def test_a_cancelled_rebuild_says_who_cancelled_it(world: World, operator: Operated) -> None:
    fill_carts(world, 3)
    operator.gate.close()
    answers = operator.call("Rebuild", RebuildRequest(view="cart"))
    next(answers)
    assert operator.call("CancelRebuild", CancelRebuildRequest(view="cart")).generation == 1
    assert "cancelled by olga" in refused(lambda: answers, grpc.StatusCode.ABORTED)
    operator.gate.let(ALL)
    assert world.generations().live == 0
    eventually(lambda: not world.generations().retired)
    assert world.generation(1) == {}


def test_there_is_nothing_to_cancel_while_no_rebuild_runs(world: World, operator: Operated) -> None:
    fill_carts(world, 1)
    request = CancelRebuildRequest(view="cart")
    refused(lambda: operator.call("CancelRebuild", request), grpc.StatusCode.FAILED_PRECONDITION)
    operator.rebuild()
    # Generation 0 is retired, and was never cancelled.
    refused(lambda: operator.call("CancelRebuild", request), grpc.StatusCode.FAILED_PRECONDITION)


def test_a_rebuild_that_meets_an_event_nobody_can_take_says_which(world: World, operator: Operated) -> None:
    fill_carts(world, 1)
    [first, *_] = world.shop.storage.events.read("cart-c0")
    bad = Commit.FromString(first.SerializeToString())
    bad.stream, bad.events[0].id, bad.events[0].type = "cart-x", "cart-x:1", "prism.cart.v9.ItemBlessed"
    world.shop.storage.events.append([bad])
    reason = refused(lambda: operator.call("Rebuild", RebuildRequest(view="cart")), grpc.StatusCode.ABORTED)
    assert "cart-x:1" in reason
    assert "prism.cart.v9.ItemBlessed" in reason
    reason = refused(lambda: operator.call("Verify", VerifyRequest(view="cart")), grpc.StatusCode.ABORTED)
    assert "cart-x:1" in reason


def test_verify_answers_progress_then_differences_then_the_result(world: World, operator: Operated) -> None:
    fill_carts(world, 3)
    world.shop.storage.views.delete([RowId("cart", "c1", "c1")])
    # A row that is not there may still come while a queue has anything.
    answers = list(operator.call("Verify", VerifyRequest(view="cart")))
    steps = [answer.WhichOneof("step") for answer in answers]
    assert steps[0] == "progress"
    assert steps[-1] == "result"
    [difference] = [answer.difference for answer in answers if answer.HasField("difference")]
    assert (difference.key, difference.kind) == ("c1", RowDifference.MISSING)
    told = [answer.progress.phase for answer in answers[: steps.index("difference")]]
    assert told[0] == RebuildProgress.COUNTING
    assert told[-1] == RebuildProgress.COMPARING
    assert (answers[-1].result.rows, answers[-1].result.differing, answers[-1].result.events) == (3, 1, 9)


def test_one_verification_runs_at_a_time_and_hanging_up_ends_it(world: World, operator: Operated) -> None:
    fill_carts(world, 3)
    operator.gate.close()
    first = operator.call("Verify", VerifyRequest(view="cart"))
    operator.gate.let(1)
    next(first)
    refused(lambda: operator.call("Verify", VerifyRequest(view="cart")), grpc.StatusCode.RESOURCE_EXHAUSTED)
    first.cancel()
    operator.gate.let(ALL)

    def runs_again() -> bool:
        try:
            return bool(list(operator.call("Verify", VerifyRequest(view="cart"))))
        except grpc.RpcError:
            return False

    eventually(runs_again)


def test_followers_are_bounded(world: World, operator: Operated) -> None:
    fill_carts(world, 3)
    operator.gate.close()
    following = [operator.call("Rebuild", RebuildRequest(view="cart")) for _ in range(service.MAX_FOLLOWERS)]
    for answers in following:
        next(answers)
    refused(lambda: operator.call("Rebuild", RebuildRequest(view="cart")), grpc.StatusCode.RESOURCE_EXHAUSTED)
    operator.gate.let(ALL)
    for answers in following:
        assert list(answers)[-1].progress.phase == RebuildProgress.LIVE


@pytest.mark.parametrize("method", ["Rebuild", "CancelRebuild", "Verify"])
def test_a_view_that_is_not_there_is_not_found(operator: Operated, method: str) -> None:
    request = {"Rebuild": RebuildRequest, "CancelRebuild": CancelRebuildRequest, "Verify": VerifyRequest}
    for name in ("", "nothing", "cart@1"):
        reason = refused(
            lambda name=name: operator.call(method, request[method](view=name)), grpc.StatusCode.NOT_FOUND
        )
        assert "order_history" in reason


def test_a_limit_past_the_bound_is_refused(operator: Operated) -> None:
    request = VerifyRequest(view="cart", limit=10_001)
    refused(lambda: operator.call("Verify", request), grpc.StatusCode.INVALID_ARGUMENT)


def test_nobody_but_operators_rebuilds(world: World, operator: Operated) -> None:
    for method, request in (
        ("Rebuild", RebuildRequest(view="cart")),
        ("CancelRebuild", CancelRebuildRequest(view="cart")),
        ("Verify", VerifyRequest(view="cart")),
        ("ListProjections", ListProjectionsRequest()),
    ):
        refused(
            lambda method=method, request=request: operator.call(method, request, "merchant"),
            grpc.StatusCode.PERMISSION_DENIED,
        )
    assert world.generations().latest == 0


def test_a_process_that_ends_says_so_and_another_goes_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filling, "BATCH_COMMITS", 1)
    fill_carts(world, 3)
    with operated(world) as first:
        first.gate.close()
        answers = first.call("Rebuild", RebuildRequest(view="cart"))
        next(answers)
        build = eventually(lambda: first.caretaker._build)
        ending = Thread(target=first.stop)
        ending.start()
        assert build
        eventually(build._stopping.is_set)
        first.gate.let(ALL)
        ending.join()
        refused(lambda: answers, grpc.StatusCode.UNAVAILABLE)
    assert (world.generations().building.number, world.generations().building.builder) == (1, "")
    with operated(world):
        eventually(lambda: world.generations().live == 1)


def test_live_views_go_on_while_a_rebuild_follows(world: World, operator: Operated, tmp_path: Path) -> None:
    fill_carts(world, 20)
    for number in (1, 2):
        answers = operator.call("Rebuild", RebuildRequest(view="cart"))
        for turn in range(10):
            world.shop.do(add(f"c{turn}"))
        assert list(answers)[-1].progress.generation == number
    # A repeat of everything, to whatever is written now.
    world.shop.storage.queue("events-views").put(pack_commits(world.shop.storage.events.scan()))
    world.shop.settle()
    assert world.shop.rows() == world.told_by_events(tmp_path / "oracle")

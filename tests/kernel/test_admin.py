"""Operators and dead letters: listed, opened, requeued and discarded, over a real channel."""

import base64
import json
import logging
from collections.abc import Iterator, Sequence
from typing import Any

import grpc
import pytest

from kernel import consumer as consuming
from kernel.admin import letter_contents
from kernel.admin import service as calls
from kernel.consumer import Consumer
from kernel.dead_letters import DeadLetters
from kernel.embedded.storage import EmbeddedStorage
from kernel.handler import DeadLetter, Unsettled
from kernel.packing import pack_commands, pack_commits
from kernel.ports import Message
from kernel.telemetry.metrics import storage_calls
from kernel.tokens import open_tokens
from kernel.worker_server import WorkerServer
from prism.admin.v1 import admin_pb2, admin_pb2_grpc
from prism.envelope.v1 import envelope_pb2
from prism.envelope.v1.envelope_pb2 import CommitEntry, CommitMessage, CommitPointer, Envelope
from tests.commands import add, register
from tests.kernel.workers import SETTINGS, as_, free_port
from tests.shop import Shop, command_envelope
from tests.support import eventually

QUEUES = ("commands", "events-views")


class Worker:
    """A worker with two queues and a client. Its consumers stand still until they are started."""

    def __init__(self, storage: EmbeddedStorage) -> None:
        self.storage = storage
        self.taken: list[bytes] = []
        # Whether everything is a dead letter.
        self.refusing = False
        self.letters = {queue: DeadLetters(storage, queue) for queue in QUEUES}
        self.consumers = {
            queue: Consumer(storage.queue(queue), self.letters[queue], self._handle) for queue in QUEUES
        }
        port = free_port()
        self.server = WorkerServer(
            SETTINGS,
            service="worker",
            port=port,
            tokens=open_tokens(SETTINGS),
            consumers=list(self.consumers.values()),
            healthy=lambda: True,
            events=storage.events,
        )
        self.channel = grpc.insecure_channel(f"127.0.0.1:{port}")
        self._admin = admin_pb2_grpc.AdminStub(self.channel)

    def _handle(self, messages: Sequence[Message]) -> list[Unsettled]:
        if self.refusing:
            return [DeadLetter(message.body, "refused") for message in messages]
        self.taken.extend(message.body for message in messages)
        return []

    def dies(self, *bodies: bytes, queue: str = "commands") -> list[str]:
        """Sets bodies aside, a second apart; answers the letters' ids."""
        before = len(self.letters[queue].page(limit=1000))
        letters = [envelope_pb2.DeadLetter(body=body, queue=queue, reason="too odd") for body in bodies]
        for second, letter in enumerate(letters):
            letter.time.FromSeconds(1_700_000_000 + before + second)
        self.letters[queue].add(letters)
        return list(self.letters[queue].page(limit=1000))[before:]

    def list(self, **fields: Any) -> admin_pb2.ListDeadLettersResponse:  # noqa: ANN401 # whatever the request has
        request = admin_pb2.ListDeadLettersRequest(**fields)
        return self._admin.ListDeadLetters(request, metadata=as_("operator"), timeout=10)

    def get(self, **fields: Any) -> admin_pb2.GetDeadLetterResponse:  # noqa: ANN401 # the same
        request = admin_pb2.GetDeadLetterRequest(**fields)
        return self._admin.GetDeadLetter(request, metadata=as_("operator"), timeout=10)

    def requeue(self, **fields: Any) -> admin_pb2.RequeueDeadLettersResponse:  # noqa: ANN401 # the same
        request = admin_pb2.RequeueDeadLettersRequest(**fields)
        return self._admin.RequeueDeadLetters(request, metadata=as_("operator"), timeout=10)

    def discard(self, **fields: Any) -> admin_pb2.DiscardDeadLettersResponse:  # noqa: ANN401 # the same
        request = admin_pb2.DiscardDeadLettersRequest(**fields)
        return self._admin.DiscardDeadLetters(request, metadata=as_("operator"), timeout=10)


@pytest.fixture
def worker(shop: Shop) -> Iterator[Worker]:
    assert isinstance(shop.storage, EmbeddedStorage)
    opened = Worker(shop.storage)
    opened.server.start()
    yield opened
    opened.channel.close()
    opened.server.stop(0)


def refused(call: Any, **fields: Any) -> tuple[grpc.StatusCode, str]:  # noqa: ANN401 # any call
    with pytest.raises(grpc.RpcError) as error:
        call(**fields)
    return error.value.code(), str(error.value.details())


def test_letters_are_listed_queue_by_queue_oldest_first_in_pages(worker: Worker) -> None:
    wanted = [*worker.dies(b"1", b"2", b"3"), *worker.dies(b"4", b"5", queue="events-views")]
    for size in (1, 2, 3, 4, 5):
        seen, token = [], ""
        while True:
            page = worker.list(page_size=size, page_token=token)
            assert 1 <= len(page.letters) <= size
            seen += [letter.id for letter in page.letters]
            token = page.next_page_token
            if not token:
                break
        assert seen == wanted
    assert [letter.id for letter in worker.list(queue="events-views").letters] == wanted[3:]
    assert worker.list(queue="commands", page_size=3).next_page_token == ""


def test_a_page_of_large_letters_is_shorter_than_asked_for(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "MAX_ANSWER_BYTES", 300)
    wanted = worker.dies(
        *[pack_commands([command_envelope(add()) for _ in range(3)])[0][0] for _ in range(4)]
    )
    seen, token = [], ""
    for _ in wanted:
        page = worker.list(page_token=token)
        seen += [letter.id for letter in page.letters]
        token = page.next_page_token
    assert (seen, token) == (wanted, "")


def test_a_request_beyond_the_bounds_is_refused(worker: Worker) -> None:
    [id_, *_] = worker.dies(b"1", b"2")
    token = worker.list(page_size=1).next_page_token
    invalid = grpc.StatusCode.INVALID_ARGUMENT
    assert refused(worker.list, page_size=101)[0] == invalid
    for wrong in (
        "x",
        "%",
        base64.b64encode(b"\xff\xfe").decode(),
        base64.b64encode(b"commands/../1").decode(),
    ):
        assert refused(worker.list, page_token=wrong)[0] == invalid
    assert refused(worker.list, queue="events-views", page_token=token)[0] == invalid
    assert refused(worker.requeue, queue="commands", ids=[id_] * 1001)[0] == invalid
    assert refused(worker.discard, queue="commands", ids=[id_] * 1001, reason="x")[0] == invalid
    assert refused(worker.discard, queue="commands", ids=[], reason="x")[0] == invalid
    for reason in ("", "  ", "x" * 201):
        assert refused(worker.discard, queue="commands", ids=[id_], reason=reason)[0] == invalid
    assert worker.letters["commands"].count() == 2


def test_a_queue_that_is_not_consumed_here_is_not_found(worker: Worker) -> None:
    for call in (worker.list, worker.get, worker.requeue, worker.discard):
        code, details = refused(call, queue="events-sales")
        assert code == grpc.StatusCode.NOT_FOUND
        assert "commands, events-views" in details


def test_a_command_is_opened(worker: Worker) -> None:
    good, odd = command_envelope(add("c1", "tea", 2)), command_envelope(add(), data=b"\xff")
    unknown = command_envelope(add(), type="prism.cart.v9.Unknown")
    [(body, _)] = pack_commands([good, odd, unknown])
    [id_] = worker.dies(body)
    answer = worker.get(queue="commands", id=id_)
    assert [(item.id, item.type, item.stream) for item in answer.letter.items] == [
        (command.id, command.type, command.stream) for command in (good, odd, unknown)
    ]
    assert (answer.letter.reason, answer.letter.queue, answer.body) == ("too odd", "commands", body)
    assert [item.envelope for item in answer.items] == [good, odd, unknown]
    assert json.loads(answer.items[0].json) == {"cartId": "c1", "productId": "tea", "quantity": 2}
    assert [(item.json, bool(item.problem)) for item in answer.items] == [
        (answer.items[0].json, False), ("", True), ("", True),
    ]  # fmt: skip # one line
    assert "prism.cart.v9.Unknown" in answer.items[2].problem


def test_a_commit_is_opened_also_where_it_was_too_large_for_the_message(shop: Shop, worker: Worker) -> None:
    shop.do(register())
    shop.do(add("c1"))
    shop.do(add("c2", "nothing"))
    [applied], [rejected] = shop.storage.events.read("cart-c1"), shop.storage.events.read("cart-c2")
    message = CommitMessage.FromString(pack_commits([applied, rejected])[0])
    for number in (1, 7):
        message.commits.append(CommitEntry(pointer=CommitPointer(stream="cart-c1", number=number)))
    [id_] = worker.dies(message.SerializeToString(), queue="events-views")
    answer = worker.get(queue="events-views", id=id_)
    added = ("cart-c1:1", "prism.cart.v2.ItemAddedToCart", "cart-c1")
    # A list names what it can without reading the event store.
    assert [(item.id, item.type, item.stream) for item in answer.letter.items] == [
        added, ("", "", "cart-c2"), ("", "", "cart-c1"), ("", "", "cart-c1"),
    ]  # fmt: skip # one line
    inline, empty, followed, missing = answer.items
    assert inline == followed
    assert json.loads(inline.json)["productId"] == "tea"
    assert empty.problem == "commit 1 has no events"
    assert (missing.envelope, missing.json) == (Envelope(stream="cart-c1"), "")
    assert "commit 7" in missing.problem


def test_a_letter_that_carries_too_much_is_opened_in_part(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(letter_contents, "MAX_OPENED_BYTES", 1000)
    commands = [command_envelope(add()) for _ in range(20)]
    [id_] = worker.dies(pack_commands(commands)[0][0])
    answer = worker.get(queue="commands", id=id_)
    assert [item.envelope.id for item in answer.items] == [command.id for command in commands]
    assert answer.items[0].json
    assert (answer.items[-1].json, answer.items[-1].envelope.data) == ("", b"")
    assert "too much" in answer.items[-1].problem


def test_bytes_that_are_no_message_are_shown_as_they_are(worker: Worker) -> None:
    [id_] = worker.dies(b"\xff\xff")
    answer = worker.get(queue="commands", id=id_)
    assert (list(answer.items), list(answer.letter.items), answer.body) == ([], [], b"\xff\xff")
    for gone in ("", "1", id_[:-1] + "x", "1700000000000000-00000000"):
        assert refused(worker.get, queue="commands", id=gone)[0] == grpc.StatusCode.NOT_FOUND


def test_some_are_requeued_and_their_consumer_takes_them_at_once(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consuming, "POLL_S", (60.0, 60.0))
    first, second, third = worker.dies(b"1", b"2", b"3")
    consumer = worker.consumers["commands"]
    looked = storage_calls()["queue.receive.empty"]
    consumer.start()
    try:
        # It has looked, found nothing, and would look again in a minute.
        eventually(lambda: storage_calls()["queue.receive.empty"] > looked)
        answer = worker.requeue(queue="commands", ids=[third, "gone", first, first])
        assert (answer.requeued, list(answer.missing), answer.more) == (2, ["gone"], False)
        eventually(lambda: sorted(worker.taken) == [b"1", b"3"])
        assert [letter.id for letter in worker.list().letters] == [second]
        again = worker.requeue(queue="commands", ids=[first])
        assert (again.requeued, list(again.missing)) == (0, [first])
    finally:
        consumer.stop()


def test_all_are_requeued_in_pages(worker: Worker) -> None:
    bodies = {b"%d" % number for number in range(250)}
    worker.dies(*bodies)
    answer = worker.requeue(queue="commands")
    assert (answer.requeued, list(answer.missing), answer.more) == (250, [], False)
    assert worker.storage.queue("commands").depth().messages == 250
    assert worker.letters["commands"].count() == 0


def test_near_its_deadline_a_call_stops_and_says_that_there_is_more(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "CHUNK", 2)
    monkeypatch.setattr(calls, "MARGIN_S", 60.0)
    worker.dies(*[b"%d" % number for number in range(5)])
    answers = [worker.requeue(queue="commands") for _ in range(3)]
    assert [(answer.requeued, answer.more) for answer in answers] == [(2, True), (2, True), (1, False)]
    assert worker.storage.queue("commands").depth().messages == 5


def test_letters_that_die_again_are_requeued_once_a_call(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "CHUNK", 2)
    worker.refusing = True
    worker.dies(*[b"%d" % number for number in range(20)])
    consumer = worker.consumers["commands"]
    consumer.start()
    try:
        answer = worker.requeue(queue="commands")
        assert (answer.requeued, answer.more) == (20, False)
        eventually(lambda: consumer.status().dead_letters == 20)
        assert {letter.reason for letter in worker.list(page_size=100).letters} == {"refused"}
    finally:
        consumer.stop()


def test_discarding_leaves_in_the_log_who_why_and_what_but_not_what_was_said(
    worker: Worker, caplog: pytest.LogCaptureFixture
) -> None:
    command = command_envelope(add("c1", "secret-tea"))
    ids = worker.dies(pack_commands([command])[0][0], b"\xff", b"kept")
    with caplog.at_level(logging.WARNING):
        answer = worker.discard(queue="commands", ids=[*ids[:2], "gone"], reason="a test\nof it")
    assert (answer.discarded, list(answer.missing)) == (2, ["gone"])
    assert [letter.id for letter in worker.list().letters] == ids[2:]
    told = [record.getMessage() for record in caplog.records if record.name == "kernel.admin.service"]
    assert len(told) == 2
    for part in ("olga", ids[0], "commands", r"a test\nof it", command.id, command.type):
        assert part in told[0]
    assert ids[1] in told[1]
    assert "secret-tea" not in caplog.text


def test_status_counts_the_letters(worker: Worker) -> None:
    worker.dies(b"1", b"2")
    assert worker.consumers["commands"].status().dead_letters == 2
    assert worker.consumers["events-views"].status().dead_letters == 0

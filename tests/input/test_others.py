"""Hostile texts on their way to a screen, and hostile calls of the admin plane."""

import json
from typing import Any

import grpc
import httpx
import pytest

from dev.demo.sse import Stream
from prism.admin.v1 import admin_pb2, admin_pb2_grpc, streams_pb2, streams_pb2_grpc
from prism.mesh.v1 import mesh_pb2, mesh_pb2_grpc
from tests.e2e.client import Shop, applied, eur, heard, new_id

HOSTILE = [
    "a\n\nevent: reset\ndata: {}\n\nb",
    "a\r\n\r\nid: 0\r\ndata: x",
    "a\rdata: x",
    "\u2028data: x\u2029\x85\x0b\x0c\x1c",
    ": comment\nretry: 1",
    "\x00\x01\x7f\ufeff\U0001f375</script>\\\"'",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_text_reaches_a_screen_as_it_was_sent_and_makes_no_field(fuzzed: Shop, text: str) -> None:
    merchant, product = fuzzed.merchant(), new_id("p")
    headers = {"Authorization": f"Bearer {merchant.token}"}
    url = f"{fuzzed.stack.stream_url}/v1/stream"
    with Stream(url, headers, [f"product/{product}", "commands"]) as stream:
        body = {"productId": product, "name": text, "description": text, "price": eur(1)}
        applied(merchant.send("POST", "/v1/products", body, wait_s=10))
        update = heard(stream, f"product/{product}", 1)
        assert (update.data["name"], update.data["description"]) == (text, text)
        assert stream.wait_for(lambda each: each.topic == "commands")
        assert {each.event for each in stream.updates} == {"product", "command"}
        assert stream.retry_ms == 2000
    shown = merchant.get(f"/v1/products/{product}").json()
    assert (shown["name"], shown["description"]) == (text, text)


@pytest.mark.parametrize(
    "cursor",
    [b"a" * 8000, b"\xff\xfe", b"0.0-0", b"e.99999999999999999999-0", b"'; DROP", b"%0d%0adata:x"],
)
def test_a_cursor_that_is_none_resets_and_is_not_repeated(fuzzed: Shop, cursor: bytes) -> None:
    shopper = fuzzed.shopper()
    headers = [(b"Authorization", f"Bearer {shopper.token}".encode()), (b"Last-Event-ID", cursor)]
    url = f"{fuzzed.stack.stream_url}/v1/stream?topic=orders"
    with (
        httpx.Client(trust_env=False, timeout=10) as http,
        http.stream("GET", url, headers=headers) as answer,
    ):
        assert answer.status_code == 200
        text = ""
        for part in answer.iter_text():
            text += part
            if "data:" in text:
                break
    assert text.startswith(": open\nretry: 2000\n\n")
    [data] = [line for line in text.splitlines() if line.startswith("data:")]
    assert json.loads(data[5:]).keys() == {"reason"}
    assert cursor.decode("latin-1") not in text


STREAMS, ADMIN = streams_pb2_grpc.StreamsStub, admin_pb2_grpc.AdminStub
CALLS: dict[str, tuple[Any, str, Any]] = {
    "a page without end": (
        STREAMS,
        "ReadStream",
        streams_pb2.ReadStreamRequest(stream="cart-a", page_size=2**32 - 1),
    ),
    "a stream with a NUL": (STREAMS, "ReadStream", streams_pb2.ReadStreamRequest(stream="cart-a\0")),
    "a stream without end": (STREAMS, "GetState", streams_pb2.GetStateRequest(stream="cart-" + "a" * 10**6)),
    "no stream": (STREAMS, "GetState", streams_pb2.GetStateRequest()),
    "a version of the far future": (
        STREAMS,
        "GetState",
        streams_pb2.GetStateRequest(stream="cart-a", version=2**32 - 1),
    ),
    "a range of nothing": (STREAMS, "Republish", streams_pb2.RepublishRequest(stream="cart-a")),
    "a command that is none": (STREAMS, "Trace", streams_pb2.TraceRequest(command_id="\n" * 100)),
    "letters without end": (ADMIN, "ListDeadLetters", admin_pb2.ListDeadLettersRequest(page_size=2**32 - 1)),
    "a page token that is none": (
        ADMIN,
        "ListDeadLetters",
        admin_pb2.ListDeadLettersRequest(page_token="A" * 10**6),
    ),
    "a queue with a NUL": (
        ADMIN,
        "GetDeadLetter",
        admin_pb2.GetDeadLetterRequest(queue="commands\0", id="x"),
    ),
    "a letter that is none": (
        ADMIN,
        "GetDeadLetter",
        admin_pb2.GetDeadLetterRequest(queue="commands", id="'\0" * 500),
    ),
    "too many letters": (
        ADMIN,
        "DiscardDeadLetters",
        admin_pb2.DiscardDeadLettersRequest(queue="commands", ids=["x"] * 100_000, reason="all"),
    ),
    "a consumer that is none": (ADMIN, "Pause", admin_pb2.PauseRequest(consumer="\r\n")),
    "100 MB": (ADMIN, "Pause", admin_pb2.PauseRequest(consumer="x" * 10**8)),
    "an outcome of no stream": (
        mesh_pb2_grpc.OutcomesStub,
        "GetOutcome",
        mesh_pb2.GetOutcomeRequest(stream="cart-" + "a" * 10**6, command_id="x"),
    ),
    "an outcome of a stream with a NUL": (
        mesh_pb2_grpc.OutcomesStub,
        "GetOutcome",
        mesh_pb2.GetOutcomeRequest(stream="cart-\0", command_id="x"),
    ),
}
REFUSED = {
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
}


@pytest.mark.parametrize("name", CALLS)
def test_a_call_that_means_nothing_is_refused(fuzzed: Shop, name: str) -> None:
    stub, method, request = CALLS[name]
    metadata = (("authorization", f"Bearer {fuzzed.person('operator').token}"),)
    with grpc.insecure_channel(fuzzed.stack.domain_grpc) as channel:
        with pytest.raises(grpc.RpcError) as refused:
            getattr(stub(channel), method)(request, timeout=10, metadata=metadata)
        assert refused.value.code() in REFUSED
        details = refused.value.details() or ""
        assert len(details) < 1000
        assert "Traceback" not in details
        assert (
            ADMIN(channel).Status(admin_pb2.StatusRequest(), timeout=10, metadata=metadata).service
            == "domain_svc"
        )

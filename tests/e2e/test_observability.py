"""What operators see of a command: its lines in every log, its spans in one trace, the metrics."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from dev.demo.client import connect
from dev.stack import Stack, running
from kernel.telemetry import metrics
from tests.e2e.client import Merchant, Shop, Shopper, accepted, applied, problem
from tests.otlp import Collector, Received, collecting
from tests.support import eventually

SERVICES = ("edge", "domain_svc", "projector_svc", "stream_svc")
# What nobody but the shoppers may know.
SECRETS = ("Love letters", "changed my mind about", "secret reason")


@dataclass(frozen=True)
class Seen:
    """A journey that was made, and what can be seen of it."""

    shop: Shop
    collector: Collector
    merchant: Merchant
    shopper: Shopper
    trace_id: str
    sender_span: str
    command_id: str
    stream: str
    order: str

    @property
    def stack(self) -> Stack:
        return self.shop.stack

    def lines(self, service: str) -> list[dict[str, Any]]:
        """A service's log: every line of it is JSON."""
        return [json.loads(line) for line in self.stack.logs(service).splitlines()]

    def metrics(self, service: str) -> str:
        """What Prometheus is told by a service."""
        token = self.shop.person("operator").token
        url = self.stack.metrics_urls[service]
        answer = httpx.get(url, headers={"Authorization": f"Bearer {token}"}, trust_env=False)
        assert answer.status_code == 200, answer.text
        return answer.text

    def sample(self, service: str, name: str, **labels: str) -> float:
        """A sample's value; 0 for one that is not told."""
        for family in text_string_to_metric_families(self.metrics(service)):
            for sample in family.samples:
                if sample.name == name and sample.labels == labels:
                    return float(sample.value)
        return 0.0


@pytest.fixture(scope="module")
def seen() -> Iterator[Seen]:
    with (
        collecting() as collector,
        running(
            env={"OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint, "OTEL_BSP_SCHEDULE_DELAY": "200"}
        ) as stack,
        connect(stack.edge_url) as http,
    ):
        shop = Shop(stack, http)
        merchant, shopper = shop.merchant(), shop.shopper()
        product = merchant.sells(price=100, stock=5, name=SECRETS[0])
        trace_id, sender_span = os.urandom(16).hex(), os.urandom(8).hex()
        cart = f"c-{trace_id[:8]}"
        with shopper.follow(f"cart/{cart}") as stream:
            answer = http.post(
                f"/v1/carts/{cart}/items",
                json={"productId": product, "quantity": 2},
                headers=shopper.headers | {"traceparent": f"00-{trace_id}-{sender_span}-01"},
            )
            command_id = accepted(answer)["commandId"]
            assert stream.wait_for(lambda update: update.topic == f"cart/{cart}", 20)
        assert problem(shopper.pays(cart, 3))[0] == 409
        applied(shopper.checks_out(cart, 200))
        shopper.order(cart, "CONFIRMED")
        applied(shopper.cancels(cart, f"{SECRETS[1]} {SECRETS[2]}"))
        yield Seen(
            shop, collector, merchant, shopper, trace_id, sender_span, command_id, f"cart-{cart}", cart
        )


@pytest.mark.parametrize("service", SERVICES)
def test_a_command_can_be_followed_through_every_log(seen: Seen, service: str) -> None:
    def told() -> list[dict[str, Any]]:
        return [line for line in seen.lines(service) if line.get("command_id") == seen.command_id]

    lines = eventually(told)
    assert {line["trace_id"] for line in lines} == {seen.trace_id}
    assert {line["stream"] for line in lines} == {seen.stream}
    assert {line["service"] for line in lines} == {service}
    if service != "edge":
        event = f"{seen.stream}:1"
        assert any(line.get("event_id") == event or event in line.get("event_ids", ()) for line in lines)


def test_a_rejected_command_can_be_followed_too(seen: Seen) -> None:
    [decided] = [line for line in seen.lines("domain_svc") if line.get("status") == "REJECTED"]

    def told() -> set[str]:
        lines = [line for service in SERVICES for line in seen.lines(service)]
        mine = [line for line in lines if line.get("command_id") == decided["command_id"]]
        assert {line["trace_id"] for line in mine} == {decided["trace_id"]}
        services = {str(line["service"]) for line in mine}
        assert services == set(SERVICES)
        return services

    assert eventually(told)


def test_a_command_that_follows_from_an_event_names_it(seen: Seen) -> None:
    sent = [line for line in seen.lines("domain_svc") if line["message"] == "sent"]
    decided = {line["command_id"] for line in seen.lines("domain_svc") if line["message"] == "decided"}

    placing = next(line for line in sent if line["type"] == "PlaceOrder")
    assert placing["event_id"].startswith(f"{seen.stream}:")
    assert placing["command_id"] in decided


def test_logs_and_metrics_name_no_shopper_and_hold_nothing_that_was_sent(seen: Seen) -> None:
    secrets = (*SECRETS, seen.shopper.subject, seen.merchant.subject, seen.shopper.token)
    for service in SERVICES:
        told = seen.stack.logs(service) + seen.metrics(service)
        assert not [secret for secret in secrets if secret in told]


def test_the_services_spans_are_one_trace(seen: Seen) -> None:
    def tree() -> dict[str, Received]:
        spans = {f"{span.service}: {span.name}": span for span in seen.collector.of(seen.trace_id)}
        assert spans.keys() == {
            "edge: POST /v1/carts/{cart_id}/items",
            "domain_svc: decide AddItemToCart",
            "projector_svc: project ItemAddedToCart",
            "stream_svc: deliver",
        }
        return spans

    spans = eventually(tree)
    edge, decide, project, deliver = (
        next(span for span in spans.values() if span.service == service) for service in SERVICES
    )
    assert edge.parent == seen.sender_span
    assert decide.parent == edge.id
    assert project.parent == decide.id
    assert deliver.parent == project.id
    assert edge.attributes["http.response.status_code"] == 202
    for span in (edge, decide, project, deliver):
        assert span.attributes["prism.command_id"] == seen.command_id
        assert span.attributes["prism.stream"] == seen.stream
        assert span.span.start_time_unix_nano <= span.span.end_time_unix_nano
    assert decide.attributes["prism.status"] == "APPLIED"
    assert deliver.attributes["prism.clients"] == 1


def test_a_policys_commands_belong_to_the_trace_of_what_caused_them(seen: Seen) -> None:
    def chain() -> list[Received]:
        by_id = {span.id: span for span in seen.collector.spans}
        found = [
            span
            for span in seen.collector.spans
            if span.name == "decide PlaceOrder" and span.attributes["prism.stream"] == f"order-{seen.order}"
        ]
        assert found
        while found[-1].parent:
            assert found[-1].parent in by_id
            found.append(by_id[found[-1].parent])
        return found

    found = eventually(chain)
    assert [span.name for span in found] == [
        "decide PlaceOrder",
        "send PlaceOrder",
        "decide CheckOutCart",
        "POST /v1/carts/{cart_id}/checkout",
    ]
    assert len({span.trace_id for span in found}) == 1


def test_metrics_tell_what_happened(seen: Seen) -> None:
    applied_ = {"type": "AddItemToCart", "status": "APPLIED"}
    assert seen.sample("edge", "prism_commands_accepted_total", type="AddItemToCart") == 1
    assert seen.sample("domain_svc", "prism_commands_decided_total", **applied_) == 1
    assert seen.sample("domain_svc", "prism_commands_decided_total", type="PayOrder", status="REJECTED") == 1
    assert seen.sample("domain_svc", "prism_events_appended_total", type="ItemAddedToCart") == 1
    assert seen.sample("domain_svc", "prism_command_decision_seconds_count") >= 6
    assert seen.sample("projector_svc", "prism_projection_lag_seconds_count", subscriber="views") >= 6
    assert seen.sample("projector_svc", "prism_messages_handled_total", queue="events-views") >= 5
    assert seen.sample("stream_svc", "prism_sse_messages_total") >= 1
    route = {"route": "/v1/carts/{cart_id}/items", "method": "POST", "status": "202"}
    assert seen.sample("edge", "prism_http_requests_total", **route) == 1
    stream = {"route": "/v1/stream", "method": "GET", "status": "200"}
    assert seen.sample("stream_svc", "prism_http_requests_total", **stream) == 1
    for service, queue in (("domain_svc", "commands"), ("projector_svc", "events-views")):
        text = seen.metrics(service)
        assert f'prism_queue_messages{{queue="{queue}"}}' in text
        assert f'prism_dead_letters{{queue="{queue}"}} 0.0' in text


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_tells_its_own_metrics_to_operators_alone(seen: Seen, service: str) -> None:
    url = seen.stack.metrics_urls[service]
    headers = {"Authorization": f"Bearer {seen.shopper.token}"}
    assert httpx.get(url, trust_env=False).status_code == 401
    assert httpx.get(url, headers=headers, trust_env=False).status_code == 403
    told = {family.name for family in text_string_to_metric_families(seen.metrics(service))}
    theirs = {metrics.family_of(each) for each in metrics.DECLARED if service in each.services}
    others = {metrics.family_of(each) for each in metrics.DECLARED} - theirs
    assert not told & others


def test_an_operators_call_is_in_the_log_with_who_made_it(seen: Seen) -> None:
    seen.shop.operator(seen.stack.domain_grpc).consumers()

    def calls() -> list[dict[str, Any]]:
        return [line for line in seen.lines("domain_svc") if line.get("method") == "Admin/Status"]

    [*_, call] = eventually(calls)
    assert call["operator"].startswith("operator")
    assert call["request"] == "{}"
    assert seen.sample("domain_svc", "prism_admin_calls_total", method="Admin/Status", code="OK") >= 1

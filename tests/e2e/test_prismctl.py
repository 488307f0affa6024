"""prismctl on a real stack: its own workers, its own edge's tokens."""

import pytest

from tests.e2e.client import Shop
from tests.prismctl.program import Prismctl


@pytest.fixture
def ctl(shop: Shop) -> Prismctl:
    """As an operator has it after `export PRISM_TOKEN=$(prismctl token)`."""
    stack = shop.stack
    addresses = {
        "PRISM_DOMAIN_GRPC": stack.domain_grpc,
        "PRISM_PROJECTOR_GRPC": stack.projector_grpc,
        "PRISM_STREAM_GRPC": stack.stream_grpc,
    }
    issued = Prismctl({"PRISM_EDGE_URL": stack.edge_url})("token", "--subject", "olga")
    assert issued.exit_code == 0, issued.err
    return Prismctl({**addresses, "PRISM_TOKEN": issued.out.strip()})


def test_every_worker_of_the_stack_is_shown(ctl: Prismctl) -> None:
    shown = ctl("status", COLUMNS="80")
    assert (shown.exit_code, shown.err) == (0, "")
    for name in (
        "domain_svc",
        "commands",
        "events-policies",
        "projector_svc",
        "events-views",
        "events-sales",
    ):
        assert name in shown.out
    assert max(map(len, shown.out.splitlines())) <= 80
    workers = ctl("status", "--json").json["workers"]
    assert [worker["service"] for worker in workers] == ["domain_svc", "projector_svc", "stream_svc"]
    assert all(int(worker["memoryBytes"]) > 1_000_000 for worker in workers)


def test_what_is_paused_is_shown_and_goes_on(shop: Shop, ctl: Prismctl) -> None:
    assert ctl("pause", "events-sales").exit_code == 0
    try:
        shown = ctl("status")
        assert [line.split()[0] for line in shown.out.splitlines() if "PAUSED" in line] == ["events-sales"]
    finally:
        assert ctl("resume", "events-sales").exit_code == 0
    assert not shop.operator(shop.stack.projector_grpc).consumers()["events-sales"].paused
    assert "PAUSED" not in ctl("status").out


def test_what_does_not_exist_is_told_by_the_workers(ctl: Prismctl) -> None:
    failed = ctl("pause", "nothing")
    assert failed.exit_code == 5
    assert "domain_svc has no consumer 'nothing'; it has commands, events-policies" in failed.err

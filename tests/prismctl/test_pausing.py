"""pause and resume: on whichever worker has the consumer, and on each replica of it."""

import pytest

from tests.prismctl.program import Prismctl
from tests.prismctl.workers import Plane, running


def paused(plane: Plane) -> set[str]:
    desks = (plane.domain, plane.projector, plane.stream)
    return {name for desk in desks for name, consumer in desk.consumers.items() if consumer.paused}


def test_the_worker_that_has_the_consumer_is_found(plane: Plane, ctl: Prismctl) -> None:
    done = ctl("pause", "events-sales")
    assert done.exit_code == 0
    assert paused(plane) == {"events-sales"}
    assert "projector_svc" in done.out
    assert "events-sales" in done.out
    done = ctl("resume", "events-sales", "--json")
    assert done.exit_code == 0
    assert paused(plane) == set()
    address = plane.projector_server.address
    assert done.json == {"workers": [{"service": "projector_svc", "address": address, "paused": []}]}


def test_every_replica_is_paused(plane: Plane, ctl: Prismctl) -> None:
    with running() as other:
        targets = f"{plane.domain_server.address},{other.domain_server.address}"
        done = ctl("pause", "commands", "--domain", targets)
        assert done.exit_code == 0
        assert paused(plane) == paused(other) == {"commands"}
        assert done.out.count("domain_svc") == 2


def test_a_replica_that_was_not_reached_is_told_of(plane: Plane, ctl: Prismctl) -> None:
    done = ctl("pause", "commands", "--domain", f"{plane.domain_server.address},127.0.0.1:1")
    assert done.exit_code == 3
    assert paused(plane) == {"commands"}
    assert "127.0.0.1:1: unreachable: connection refused" in done.err


def test_a_worker_that_cannot_have_it_need_not_be_reached(plane: Plane, ctl: Prismctl) -> None:
    plane.stream_server.stop()
    assert ctl("pause", "commands").exit_code == 0
    assert paused(plane) == {"commands"}


def test_a_consumer_that_nobody_has_is_not_found(plane: Plane, ctl: Prismctl) -> None:
    done = ctl("pause", "comands")
    assert done.exit_code == 5
    assert "domain_svc has no consumer 'comands'" in done.err
    plane.stream_server.stop()
    # It may be the one that has it.
    assert ctl("pause", "comands").exit_code == 3


def test_all_of_a_service_are_paused_when_it_is_confirmed(plane: Plane, ctl: Prismctl) -> None:
    refused = ctl("pause", "--service", "domain_svc")
    assert refused.exit_code == 2
    assert "--yes" in refused.err
    assert paused(plane) == set()
    assert ctl("pause", "--service", "domain_svc", "--yes").exit_code == 0
    assert paused(plane) == {"commands", "events-policies"}
    assert ctl("resume", "--yes").exit_code == 0
    assert paused(plane) == set()


@pytest.mark.parametrize(("answer", "exit_code"), [("y\n", 0), ("n\n", 1)])
def test_a_terminal_is_asked(plane: Plane, ctl: Prismctl, answer: str, exit_code: int) -> None:
    with ctl.on_terminal("pause", "--service", "stream_svc") as terminal:
        terminal.await_text("Pause all consumers of stream_svc?")
        terminal.type(answer)
        assert terminal.end() == exit_code
    assert paused(plane) == ({"updates"} if exit_code == 0 else set())


def test_there_is_no_such_service(ctl: Prismctl) -> None:
    done = ctl("pause", "commands", "--service", "edge")
    assert done.exit_code == 2
    assert "domain_svc, projector_svc, stream_svc" in done.err

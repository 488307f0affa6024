"""status: how everything is, and what it says where somebody does not answer."""

import json
import signal

from prism.cart.v1.commands_pb2 import AddItemToCart
from tests.prismctl.program import Prismctl
from tests.prismctl.workers import Plane, Server, consumer, opened, token


def test_every_worker_and_its_consumers_are_shown(plane: Plane, ctl: Prismctl) -> None:
    plane.domain.consumers["commands"].paused = True
    plane.domain.consumers["commands"].oldest_age.FromSeconds(125)
    shown = ctl("status")
    assert shown.exit_code == 0
    for part in ("domain_svc", "projector_svc", "stream_svc", "9.8.7", "up 2h 3m", "61 MB", "updates"):
        assert part in shown.out
    commands = next(line for line in shown.out.splitlines() if line.startswith("commands"))
    assert commands.split() == ["commands", "PAUSED", "3", "2m", "5s", "12ms", "0", "1234", "0", "0"]
    assert shown.err == ""


def test_dead_letters_and_unknown_types_are_shown(plane: Plane, ctl: Prismctl) -> None:
    plane.domain.add_letter("commands", "1", opened(AddItemToCart()), "poison")
    plane.projector.consumers["events-views"].left = 4
    plane.projector.consumers["events-views"].unknown_types.append("prism.cart.v9.CartPainted")
    shown = ctl("status")
    commands = next(line for line in shown.out.splitlines() if line.startswith("commands"))
    assert commands.split()[-1] == "1"
    assert "events-views: 4 left for a newer replica; not known: prism.cart.v9.CartPainted" in shown.out


def test_an_unreachable_worker_is_a_row_that_says_so(plane: Plane, ctl: Prismctl) -> None:
    plane.projector_server.stop()
    shown = ctl("status")
    assert shown.exit_code == 1
    row = next(line for line in shown.out.splitlines() if line.startswith("projector_svc"))
    assert plane.projector_server.address in row
    assert "unreachable: connection refused" in row
    assert "1234" in shown.out
    assert len(shown.err.splitlines()) == 1


def test_a_worker_that_is_too_slow_is_a_row_that_says_so(plane: Plane, ctl: Prismctl) -> None:
    plane.stream.delay_s = 3
    shown = ctl("status", "--timeout", "0.5")
    assert shown.exit_code == 1
    assert "unreachable: no answer within 0.5 s" in shown.out


def test_a_wrong_token_is_a_row_that_says_so(ctl: Prismctl) -> None:
    for wrong in (token("merchant"), "nonsense", ""):
        shown = ctl("status", PRISM_TOKEN=wrong)
        assert shown.exit_code == 4
        assert shown.out.count("refused: operator token needed") == 3
        assert "export PRISM_TOKEN=$(prismctl token)" in shown.err


def test_replicas_are_a_row_each(plane: Plane, ctl: Prismctl) -> None:
    shown = ctl("status", "--domain", f"{plane.domain_server.address}, 127.0.0.1:1")
    assert shown.exit_code == 1
    assert shown.out.count("domain_svc") == 2
    assert "127.0.0.1:1  unreachable" in shown.out


def test_a_dns_name_is_every_address_that_it_has(plane: Plane, ctl: Prismctl) -> None:
    port = plane.domain_server.address.rpartition(":")[2]
    shown = ctl("status", "--json", PRISM_DOMAIN_GRPC=f"dns:///localhost:{port}")
    assert shown.json["workers"][0]["address"] == plane.domain_server.address
    shown = ctl("status", "--domain", "dns:///no-such-host.invalid:9101")
    assert shown.exit_code == 1
    assert "unreachable: its name does not resolve" in shown.out


def test_json_is_one_document_wherever_the_option_stands(plane: Plane, ctl: Prismctl) -> None:
    plane.stream_server.stop()
    for arguments in (("--json", "status"), ("status", "--json")):
        shown = ctl(*arguments)
        assert shown.exit_code == 1
        first, _, last = shown.json["workers"]
        assert (first["reachable"], first["consumers"][0]["name"]) == (True, "commands")
        assert (last["reachable"], last["problem"]) == (False, "unreachable: connection refused")


def test_it_fits_into_80_columns(plane: Plane, ctl: Prismctl) -> None:
    # As large as numbers get.
    large = consumer("events-policies", depth=123456, handled=12345678, retried=123456, in_flight=32)
    large.oldest_age.FromSeconds(4 * 86400 + 3600 * 5)
    large.lag.FromSeconds(7384)
    plane.domain.consumers["events-policies"] = large
    shown = ctl("status", COLUMNS="80")
    assert max(map(len, shown.out.splitlines())) <= 80
    for value in ("12345678", "123456", "events-policies"):
        assert value in shown.out


def test_names_cannot_command_the_terminal(plane: Plane, ctl: Prismctl) -> None:
    plane.stream.consumers["updates"].unknown_types.append("evil\x1b]0;owned\x07[red]")
    shown = ctl("status")
    assert "\x1b" not in shown.out
    assert r"evil\x1b]0;owned\x07[red]" in shown.out


def test_watching_goes_on_until_it_is_interrupted(plane: Plane, ctl: Prismctl) -> None:
    with ctl.started("status", "--watch", "--json") as process:
        assert process.stdout
        first, second = (json.loads(process.stdout.readline()) for _ in range(2))
        assert len(first["workers"]) == len(second["workers"]) == 3
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=10)
        assert (process.returncode, errors) == (0, "")


def test_watching_on_a_terminal_shows_what_changes(plane: Plane, ctl: Prismctl) -> None:
    with ctl.on_terminal("status", "--watch") as terminal:
        terminal.await_text("running")
        plane.domain.consumers["commands"].paused = True
        terminal.await_text("PAUSED")
        terminal.interrupt()
        assert terminal.end() == 0


def test_colours_are_for_terminals_that_want_them(ctl: Prismctl) -> None:
    assert "\x1b[" not in ctl("status").out
    with ctl.on_terminal("status") as terminal:
        assert terminal.end() == 0
        assert "\x1b[32m" in terminal.seen
    with ctl.on_terminal("status", NO_COLOR="1") as terminal:
        assert terminal.end() == 0
        assert "\x1b[32m" not in terminal.seen


def test_what_is_no_worker_is_a_row_too(ctl: Prismctl) -> None:
    for garbage in ("nowhere", "::::", "127.0.0.1:99999", "http://x", "127.0.0.1:notaport", "ü:1"):
        shown = ctl("status", "--domain", garbage, "--timeout", "3")
        assert shown.exit_code == 1, (garbage, shown.err)
        assert f"domain_svc  {garbage}  unreachable" in shown.out


def test_a_server_without_the_admin_plane_is_a_row_too(ctl: Prismctl) -> None:
    stranger = Server()
    try:
        shown = ctl("status", "--stream", stranger.address)
        assert shown.exit_code == 1
        assert f"stream_svc  {stranger.address}  unknown call" in shown.out
    finally:
        stranger.stop()

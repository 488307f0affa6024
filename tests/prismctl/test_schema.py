"""schema: the registry's verbs, without a second copy of them."""

import subprocess
import sys

from tests.prismctl.program import ROOT, Prismctl, environment

ctl = Prismctl({})


def test_a_check_says_what_make_schema_check_says() -> None:
    made = subprocess.run(
        [sys.executable, "-m", "dev.schema", "check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    done = ctl("schema", "check")
    assert (done.exit_code, done.out) == (made.returncode, made.stdout)
    checked = ctl("schema", "check", "--json")
    assert (checked.exit_code, checked.json["findings"]) == (0, [])


def test_a_report_is_markdown() -> None:
    done = ctl("schema", "report")
    assert done.exit_code == 0
    assert done.out.startswith("# Schema report")
    told = ctl("schema", "report", "--json").json
    assert told["markdown"] == done.out


def test_a_base_that_does_not_exist_is_not_found() -> None:
    for arguments in ((), ("--json",)):
        failed = ctl("schema", "report", "--base", "no-such-base", *arguments)
        assert failed.exit_code == 5
        assert "no-such-base" in failed.err


def test_a_release_that_is_refused_releases_nothing() -> None:
    before = sorted((ROOT / "schema").rglob("*"))
    for arguments in ((), ("--json",)):
        refused = ctl("schema", "release", "not-a-version", *arguments)
        assert refused.exit_code == 1
        assert "nothing was released" in refused.err
    assert sorted((ROOT / "schema").rglob("*")) == before


def test_without_the_developers_tools_it_says_what_is_missing() -> None:
    """As in the image, which has no `dev/schema`."""
    hidden = "import sys; sys.modules['dev.schema'] = None; from prismctl.__main__ import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", hidden, "schema", "check"],
        env=environment({}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 5
    assert "make setup" in done.stderr
    assert len(done.stderr.splitlines()) == 1

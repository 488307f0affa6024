"""The workflow runs what a change has to pass, with no right to write anything."""

import re

from dev.protos import ROOT

WORKFLOW = (ROOT / ".github/workflows/checks.yml").read_text()


def test_actions_are_pinned_to_commits() -> None:
    used = re.findall(r"uses: (.*)", WORKFLOW)
    assert used
    assert all(re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v[\d.]+", action) for action in used)


def test_it_may_only_read() -> None:
    assert "permissions:\n  contents: read\n" in WORKFLOW
    assert ": write" not in WORKFLOW
    assert "pull_request_target" not in WORKFLOW


def test_no_text_of_somebody_becomes_part_of_a_script() -> None:
    assert not re.search(r"run:.*\$\{\{", WORKFLOW)


def test_it_runs_what_everybody_runs() -> None:
    for command in ("make schema-check", "schema-report", ".ci/run"):
        assert command in WORKFLOW


def test_the_contracts_have_owners() -> None:
    owners = (ROOT / ".github/CODEOWNERS").read_text()
    for folder in ("/proto/", "/schema/", "/upcasters/", "/dev/schema/"):
        assert re.search(rf"^{folder}\s+@", owners, re.MULTILINE)

"""The schema registry, for a terminal.

python -m dev.schema check                       exit 1 and say what is wrong and what to do
python -m dev.schema report [--base REF]         Markdown for the review
python -m dev.schema golden                      write the golden bytes that new events lack
python -m dev.schema release VERSION             check, write golden bytes, freeze the baseline
"""

import argparse
import sys
from pathlib import Path

from dev.protos import ROOT
from dev.schema import buf, check, golden, release, report, sources
from dev.schema.compiling import DoesNotCompile
from dev.schema.findings import Finding, count


def main(arguments: list[str] | None = None) -> int:
    """Runs what is asked for. The exit code: 1 if the contracts are refused, 2 if nothing could be told."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "--root", type=Path, default=ROOT, help="the tree with proto/, upcasters/ and schema/"
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("check")
    base = "a git ref, a folder of contracts or a descriptor image; default: the release"
    verbs.add_parser("report").add_argument("--base", default="", help=base)
    verbs.add_parser("golden")
    verbs.add_parser("release").add_argument("version")
    try:
        return _run(parser.parse_args(arguments))
    except (DoesNotCompile, sources.NoSuchBase, buf.BufFailed) as error:
        print(f"schema: {error}", file=sys.stderr)
        return 2


def _run(asked: argparse.Namespace) -> int:
    match asked.verb:
        case "check":
            return _check(asked.root)
        case "report":
            return _report(asked.root, asked.base)
        case "golden":
            return _golden(asked.root)
        case _:
            return _release(asked.root, asked.version)


def _check(root: Path) -> int:
    checked = check.check(root)
    if checked.findings:
        _say(checked.findings)
        return 1
    base = f"release {checked.base.label}" if checked.base else "no release yet"
    print(f"schema: {count(checked.changes, 'change')} since {base}, none refused")
    if checked.golden_to_add:
        print(f"schema: {count(checked.golden_to_add, 'golden file')} to add: make schema-golden")
    return 0


def _report(root: Path, base: str) -> int:
    print(report.report(root, base), end="")
    return 0


def _golden(root: Path) -> int:
    written = golden.write(golden.look(root, sources.current(root)))
    _wrote(root, written)
    return 0


def _release(root: Path, version: str) -> int:
    try:
        written = release.release(root, version)
    except release.Refused as refused:
        _say(refused.checked.findings if refused.checked else [])
        print(f"schema: nothing was released: {refused}", file=sys.stderr)
        return 1
    _wrote(root, written)
    print(f"schema: {version} is frozen in schema/; commit it")
    return 0


def _say(findings: list[Finding]) -> None:
    for finding in findings:
        print(finding, end="\n\n")
    if findings:
        print(f"schema: {count(findings, 'finding')}; docs/schema.md tells how a contract changes")


def _wrote(root: Path, paths: list[Path]) -> None:
    for path in paths:
        print(f"wrote {path.relative_to(root)}")


if __name__ == "__main__":
    sys.exit(main())

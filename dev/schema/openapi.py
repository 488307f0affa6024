"""What a change of the contracts does to the API's description.

The edge builds the description from the contracts. Here it builds one for either version, each in a process
of its own, and both with today's edge: whatever differs comes from the contracts. What the edge itself is
made of, the envelope, the options and the workers' services, is today's as well, and in no description.
"""

import importlib
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

Json = dict[str, Any]
# An operation that is described otherwise in more places than these is best read in /docs.
MOST = 12
# Contracts that the edge's own code needs in today's shape.
MECHANISM = ("prism/admin/", "prism/envelope/", "prism/mesh/", "prism/options/")


class NotDescribed(Exception):
    """Today's edge cannot describe these contracts; the message says why."""


@lru_cache(maxsize=4)
def describe(image: bytes) -> Json:
    """The OpenAPI document of an image's contracts, to be read only. Takes half a second, once an image."""
    from dev.protos import GENERATED, IMAGE, ROOT
    from dev.schema.compiling import write_modules
    from dev.schema.contracts import Contracts

    files = [f.name for f in Contracts("", image).files if not f.name.startswith(MECHANISM)]
    with tempfile.TemporaryDirectory() as generated:
        write_modules(image, [*files, "buf/validate/validate.proto"], Path(generated), stubs=True)
        for folder in MECHANISM:
            shutil.copytree(GENERATED / folder, Path(generated) / folder, dirs_exist_ok=True)
        # The edge takes its texts from here.
        (Path(generated) / IMAGE).write_bytes(image)
        program = [sys.executable, "-P", "-B", __file__, generated, str(ROOT)]
        answer = subprocess.run(program, capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        raise NotDescribed(answer.stderr.strip().splitlines()[-1])
    document: Json = json.loads(answer.stdout)
    return document


def differences(base: Json, tree: Json) -> Iterator[str]:
    """What differs, a line of Markdown each: operations first, then what requests and answers hold."""
    before, after = _operations(base), _operations(tree)
    yield from _compared(before, after)
    before, after = base["components"]["schemas"], tree["components"]["schemas"]
    yield from _compared(
        {f"schema {k}": v for k, v in before.items()}, {f"schema {k}": v for k, v in after.items()}
    )


def _compared(before: Json, after: Json) -> Iterator[str]:
    for name in sorted(before.keys() | after.keys()):
        if name not in before:
            yield f"- **added** `{name}`"
        elif name not in after:
            yield f"- **removed** `{name}`"
        elif before[name] != after[name]:
            lines = list(_lines(dict(_flat(before[name])), dict(_flat(after[name]))))
            more = f"; and {len(lines) - MOST} more" if len(lines) > MOST else ""
            yield f"- **changed** `{name}`: {'; '.join(lines[:MOST])}{more}"


def _lines(before: Json, after: Json) -> Iterator[str]:
    for path in sorted(before.keys() | after.keys()):
        was, now = before.get(path), after.get(path)
        if was == now:
            continue
        if was is None:
            yield f"`{path}` added" + ("" if now is True else f" ({now})")
        elif now is None:
            yield f"`{path}` removed"
        else:
            yield f"`{path}` {was} → {now}"


def _operations(document: Json) -> Json:
    return {
        f"{verb.upper()} {path}": operation
        for path, verbs in document["paths"].items()
        for verb, operation in verbs.items()
    }


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:  # noqa: ANN401 # JSON
    """Every leaf by its path; what a list holds by its name, since its place says nothing."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(inner, f"{path}.{key}".lstrip("."))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            if not isinstance(inner, dict):
                yield f"{path}[{inner}]", True
            else:
                yield from _flat(inner, f"{path}[{inner.get('name', index)}]")
    else:
        yield path, value


def main() -> None:
    """The process that describes: the contracts of one folder, the edge of another."""
    generated, root = sys.argv[1:]
    others = [path for path in sys.path if not (Path(path) / "prism" / "options").is_dir()]
    sys.path[:] = [generated, root, *others]
    contract = importlib.import_module("kernel.contract").load()
    document = importlib.import_module("edge.openapi.document").build_document(contract, dev=False)
    json.dump(document, sys.stdout)


if __name__ == "__main__":
    main()

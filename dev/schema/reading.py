"""Reads stored events through the upcasters of a tree, which may not be the one that runs.

The tree's contracts and upcasters are imported in a process of their own, for two versions of a contract do
not fit into one. `read` starts it; run as a program, this module is that process: JSON in, JSON out.
"""

import importlib
import json
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_type_hints

from google.protobuf import json_format, symbol_database
from google.protobuf.message import Message

# No folder of ours in front of the standard library, and no caches left in a tree that is only looked at.
ALONE = ("-P", "-B")


@dataclass(frozen=True, slots=True)
class Upcaster:
    """An upcaster of a tree: what it is called, and the full names of what it takes and gives."""

    name: str
    takes: str
    gives: str


@dataclass(frozen=True, slots=True)
class Reading:
    """A stored event, read: in its own shape, then in each of its successors', by type. Or why it was not."""

    shapes: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""


@dataclass(frozen=True, slots=True)
class Readings:
    """What the tree's upcasters are, and what they make of stored events."""

    upcasters: list[Upcaster]
    events: Mapping[str, Reading]
    # Why there are no upcasters at all: upcasters/ does not import.
    error: str = ""


def read(root: Path, image: bytes, successors: Mapping[str, str], stored: Mapping[str, bytes]) -> Readings:
    """Reads stored events by type. Takes a quarter of a second; never raises for what the tree does wrong."""
    from dev.schema.compiling import write_modules
    from dev.schema.contracts import Contracts

    if not (root / "upcasters" / "__init__.py").exists():
        return Readings([], {}, "there is no upcasters/__init__.py")
    files = [file.name for file in Contracts("", image).files]
    with tempfile.TemporaryDirectory() as generated:
        write_modules(image, [*files, "buf/validate/validate.proto"], Path(generated))
        asked = {
            "root": str(root.resolve()),
            "generated": generated,
            "successors": dict(successors),
            "stored": {name: data.hex() for name, data in stored.items()},
        }
        answer = subprocess.run(
            [sys.executable, *ALONE, __file__],
            input=json.dumps(asked),
            capture_output=True,
            text=True,
            check=False,
        )
    if answer.returncode != 0:
        return Readings([], {}, answer.stderr.strip())
    told = json.loads(answer.stdout)
    return Readings(
        [Upcaster(**upcaster) for upcaster in told["upcasters"]],
        {name: Reading(**reading) for name, reading in told["events"].items()},
        told["error"],
    )


def main() -> None:
    """The other process."""
    asked = json.load(sys.stdin)
    # No other generated contracts may fill in for what this tree does not have.
    others = [path for path in sys.path if not (Path(path) / "prism" / "options").is_dir()]
    sys.path[:] = [asked["generated"], asked["root"], *others]
    try:
        functions = importlib.import_module("upcasters").ALL
    except Exception:  # noqa: BLE001 # whatever an upcaster's module does wrong is told
        json.dump({"upcasters": [], "events": {}, "error": _last_line()}, sys.stdout)
        return
    for path in Path(asked["generated"]).rglob("*_pb2.py"):
        importlib.import_module(".".join(path.relative_to(asked["generated"]).with_suffix("").parts))
    upcasters = [_described(function) for function in functions]
    by_type = {described["takes"]: function for described, function in zip(upcasters, functions, strict=True)}
    events = {
        name: _shapes(name, bytes.fromhex(data), asked["successors"], by_type)
        for name, data in asked["stored"].items()
    }
    json.dump({"upcasters": upcasters, "events": events, "error": ""}, sys.stdout)


def _described(function: Callable[..., Any]) -> dict[str, str]:
    try:
        hints = get_type_hints(function)
    except Exception:  # noqa: BLE001 # an annotation may be anything; one that says nothing is refused by its law
        hints = {}
    gives = _type(hints.pop("return", None))
    takes = _type(next(iter(hints.values()), None))
    return {"name": f"{function.__module__}.{function.__name__}", "takes": takes, "gives": gives}


def _type(annotation: Any) -> str:  # noqa: ANN401 # whatever somebody wrote
    return str(getattr(getattr(annotation, "DESCRIPTOR", None), "full_name", ""))


def _shapes(
    name: str, data: bytes, successors: Mapping[str, str], upcasters: Mapping[str, Callable[[Any], Message]]
) -> dict[str, Any]:
    shapes: dict[str, Any] = {}
    try:
        event = symbol_database.Default().GetSymbol(name).FromString(data)
        shapes[name] = _json(event)
        # A chain with a cycle is told by its own law; here it must only end.
        while (successor := successors.get(name)) and successor not in shapes and name in upcasters:
            event = upcasters[name](event)
            name = event.DESCRIPTOR.full_name
            if name != successor:
                return {"shapes": shapes, "error": f"an upcaster gives {name}, not {successor}"}
            shapes[name] = _json(event)
    except Exception:  # noqa: BLE001 # whatever an upcaster does wrong is told
        return {"shapes": shapes, "error": _last_line()}
    return {"shapes": shapes, "error": ""}


def _json(event: Message) -> Any:  # noqa: ANN401 # JSON
    return json_format.MessageToDict(event, always_print_fields_with_no_presence=True)


def _last_line() -> str:
    return traceback.format_exc().strip().splitlines()[-1]


if __name__ == "__main__":
    main()

"""Who may import whom. A rule that is broken names the file and the import."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
SERVICES = {"edge", "domain_svc", "projector_svc", "stream_svc"}
OURS = SERVICES | {"kernel", "prismctl", "upcasters", "dev", "tests"}
PURE = {
    "kernel.aggregate",
    "kernel.errors",
    "kernel.money",
    "kernel.policy",
    "kernel.projection",
}


def imports(folder: str) -> Iterator[tuple[str, str]]:
    """Every import in a folder's modules: (file, imported module)."""
    for path in sorted((ROOT / folder).rglob("*.py")):
        if "node_modules" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                yield from ((str(path.relative_to(ROOT)), alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                names = [f"{node.module}.{alias.name}" for alias in node.names]
                package = (ROOT / Path(*node.module.split("."))).is_dir()
                yield from ((str(path.relative_to(ROOT)), name if package else node.module) for name in names)


def top(module: str) -> str:
    return module.partition(".")[0]


def test_services_never_import_each_other() -> None:
    for service in SERVICES:
        broken = [(file, module) for file, module in imports(service) if top(module) in SERVICES - {service}]
        assert not broken


def test_the_kernel_imports_no_service_and_knows_no_domain() -> None:
    broken = [
        (file, module)
        for file, module in imports("kernel")
        if top(module) in OURS - {"kernel"} or (module.startswith("prism.") and not infrastructure(module))
    ]
    assert not broken


def infrastructure(module: str) -> bool:
    return module.split(".")[1] in {"admin", "common", "envelope", "mesh", "options"}


def test_nothing_that_runs_in_production_imports_what_developers_run() -> None:
    for folder in SERVICES | {"kernel", "upcasters"}:
        assert not [item for item in imports(folder) if top(item[1]) in {"dev", "tests"}]


def test_prismctl_is_a_client_that_knows_the_services_by_their_contracts_alone() -> None:
    # The registry is a developer's tool, and this its door: it says so where the tools are not installed.
    door = "prismctl/schema.py"
    broken = [
        (file, module)
        for file, module in imports("prismctl")
        if (top(module) in OURS - {"kernel", "prismctl"} and not (file == door and top(module) == "dev"))
        or (module.startswith("prism.") and not infrastructure(module))
    ]
    assert not broken


def test_nobody_imports_prismctl() -> None:
    for folder in SERVICES | {"kernel", "upcasters", "dev"}:
        assert not [item for item in imports(folder) if top(item[1]) == "prismctl"]


def test_aggregates_policies_and_projections_are_pure() -> None:
    """The standard library, generated code, each other, and the kernel's pure parts."""
    for folder in ("domain_svc/aggregates", "domain_svc/policies", "projector_svc/projections", "upcasters"):
        own = folder.replace("/", ".")
        broken = [
            (file, module)
            for file, module in imports(folder)
            if not (
                (top(module) in sys.stdlib_module_names and module not in {"random", "time", "uuid", "os"})
                or module.startswith(("prism.", "google.protobuf.", own))
                or module in PURE
                or module.startswith("kernel.money")
            )
        ]
        assert not broken


def test_the_edge_and_the_stream_service_know_no_domain() -> None:
    for service in ("edge", "stream_svc"):
        broken = [
            item for item in imports(service) if item[1].startswith("prism.") and not infrastructure(item[1])
        ]
        assert not broken

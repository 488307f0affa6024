"""Rebuilds `generated/` from `proto/`, or checks that it is what `proto/` gives.

python -m dev.protos           rebuild
python -m dev.protos --check   exit 1 and name the files that differ
"""

import argparse
import filecmp
import shutil
import sys
import tempfile
from pathlib import Path

import google.api
import grpc_tools
from google.protobuf import descriptor_pb2, duration_pb2, field_mask_pb2, timestamp_pb2
from grpc_tools import protoc
from protovalidate._gen.buf.validate import validate_pb

ROOT = Path(__file__).parent.parent
IMAGE = "contracts.binpb"
PROTO = ROOT / "proto"
GENERATED = ROOT / "generated"
# google/api/annotations.proto comes with googleapis-common-protos, google/protobuf/* with grpcio-tools.
INCLUDES = [
    PROTO,
    Path(next(iter(google.api.__path__))).parent.parent,
    Path(grpc_tools.__file__).parent / "_proto",
]


def write_validate_descriptors(path: Path) -> None:
    """Writes buf/validate/validate.proto, which no package ships as text, as a FileDescriptorSet."""
    files = descriptor_pb2.FileDescriptorSet()
    for module in (descriptor_pb2, duration_pb2, field_mask_pb2, timestamp_pb2):
        module.DESCRIPTOR.CopyToProto(files.file.add())
    files.file.add().ParseFromString(validate_pb.desc().proto.to_binary())
    path.write_bytes(files.SerializeToString())


def generate(out: Path) -> None:
    """Compiles every contract of `proto/` into `out`, with type stubs."""
    sources = sorted(str(path.relative_to(PROTO)) for path in PROTO.rglob("*.proto"))
    with tempfile.TemporaryDirectory() as scratch:
        validate = Path(scratch) / "validate.binpb"
        write_validate_descriptors(validate)
        includes = [f"-I{path}" for path in INCLUDES] + [f"--descriptor_set_in={validate}"]
        outputs = [f"--python_out={out}", f"--pyi_out={out}"]
        services = [f"--grpc_python_out={out}", f"--mypy_grpc_out={out}"]
        plugin = f"--plugin=protoc-gen-mypy_grpc={Path(sys.executable).parent / 'protoc-gen-mypy_grpc'}"
        # The edge and the aggregates need no stubs: only these two packages are served over gRPC.
        served = [s for s in sources if s.startswith(("prism/admin/", "prism/mesh/"))]
        run(includes + outputs + sources + ["buf/validate/validate.proto"])
        run([*includes, plugin, *services, *served])
        # With the comments, which the Python descriptors leave out: the API's documentation.
        image = f"--descriptor_set_out={out / IMAGE}"
        run([*includes, "--include_source_info", image, *sources])


def run(arguments: list[str]) -> None:
    """Runs protoc; ends the program when it refuses, after it has said why."""
    if protoc.main(["protoc", *arguments]) != 0:
        sys.exit("protoc refused the contracts: see above")


def differences(ours: Path, theirs: Path) -> list[str]:
    """The files that are not the same in both folders, caches aside."""
    names = {
        path.relative_to(root)
        for root in (ours, theirs)
        for path in root.rglob("*")
        if path.suffix in (".py", ".pyi", ".binpb")
    }
    return sorted(
        str(name)
        for name in names
        if not ((ours / name).exists() and (theirs / name).exists())
        or not filecmp.cmp(ours / name, theirs / name, shallow=False)
    )


def main() -> None:
    """Rebuilds or checks, as asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    check = parser.parse_args().check
    with tempfile.TemporaryDirectory() as scratch:
        generate(Path(scratch))
        drifted = differences(Path(scratch), GENERATED)
        if check and drifted:
            sys.exit("generated/ is not what proto/ gives; run `make proto`:\n  " + "\n  ".join(drifted))
        if not check:
            shutil.rmtree(GENERATED, ignore_errors=True)
            shutil.copytree(scratch, GENERATED)


if __name__ == "__main__":
    main()

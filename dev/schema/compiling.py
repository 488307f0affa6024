"""protoc: contracts to a descriptor image, an image to Python modules."""

import os
import sys
import tempfile
from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorSet
from grpc_tools import protoc

from dev.protos import INCLUDES, write_validate_descriptors

# What contracts import comes with the environment, whichever version of them is compiled.
IMPORTED = INCLUDES[1:]
# The folders of contracts that are not ours.
OTHERS = ("google/", "buf/")


class DoesNotCompile(Exception):
    """The contracts are not valid protobuf; the message is protoc's."""


def image_of(folder: Path) -> bytes:
    """A FileDescriptorSet of every contract below a folder, with imports and comments."""
    sources = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.proto"))
    if not sources:
        raise DoesNotCompile(f"{folder} holds no .proto file")
    with tempfile.TemporaryDirectory() as scratch:
        validate, image = Path(scratch) / "validate.binpb", Path(scratch) / "image.binpb"
        write_validate_descriptors(validate)
        includes = [f"-I{path}" for path in (folder, *IMPORTED)] + [f"--descriptor_set_in={validate}"]
        output = ["--include_imports", "--include_source_info", f"--descriptor_set_out={image}"]
        _run([*includes, *output, *sources])
        return _without_comments_of_others(image.read_bytes())


def _without_comments_of_others(image: bytes) -> bytes:
    """Others' comments are most of an image, and nobody asks for them."""
    files = FileDescriptorSet.FromString(image)
    for file in files.file:
        if file.name.startswith(OTHERS):
            file.ClearField("source_code_info")
    return files.SerializeToString()


def write_modules(image: bytes, files: list[str], out: Path, *, stubs: bool = False) -> None:
    """Generates the Python modules of an image's files into a folder, with gRPC stubs if asked."""
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "image.binpb"
        path.write_bytes(image)
        outputs = [f"--python_out={out}"] + ([f"--grpc_python_out={out}"] if stubs else [])
        _run([f"--descriptor_set_in={path}", *outputs, *files])


def _run(arguments: list[str]) -> None:
    """Runs protoc in this process, which spares the start of another one. It writes to stderr itself."""
    sys.stderr.flush()
    with tempfile.TemporaryFile() as errors:
        terminal = os.dup(2)
        os.dup2(errors.fileno(), 2)
        try:
            code = protoc.main(["protoc", *arguments])
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)
        errors.seek(0)
        if code != 0:
            raise DoesNotCompile(errors.read().decode(errors="replace").strip())

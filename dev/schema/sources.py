"""Where a version of the contracts comes from: the tree, the released baseline, a git ref, an image."""

import io
import subprocess
import tarfile
import tempfile
from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.message import DecodeError

from dev.schema import baseline
from dev.schema.compiling import OTHERS, image_of
from dev.schema.contracts import Contracts

# Released contracts that this process has compiled, by their digest: they stay as they are.
_COMPILED: dict[str, bytes] = {}


class NoSuchBase(Exception):
    """What was asked for is neither a git ref nor a baseline; the message says what was tried."""


def current(root: Path) -> Contracts:
    """The contracts of the tree. DoesNotCompile if they are not valid."""
    return Contracts("proto/", image_of(root / "proto"))


def released(root: Path) -> Contracts | None:
    """The contracts of the last release; None before the first."""
    release = baseline.load(root)
    if release is None:
        return None
    folder = root / baseline.RELEASED
    digest = baseline.digest_of_contracts(folder)
    if digest not in _COMPILED:
        _COMPILED[digest] = image_of(folder)
    return Contracts(release.version, _COMPILED[digest])


def named(root: Path, base: str) -> Contracts:
    """The contracts that somebody names: a folder of contracts, a descriptor image, or a git ref."""
    path = root / base
    if path.is_dir():
        return Contracts(base, image_of(path / "proto" if (path / "proto").is_dir() else path))
    if path.is_file():
        return Contracts(base, _with_imports(root, path))
    return _of_git(root, base)


def _with_imports(root: Path, path: Path) -> bytes:
    """An image, with what it imports from others where it was made without."""
    try:
        image = FileDescriptorSet.FromString(path.read_bytes())
    except DecodeError:
        raise NoSuchBase(f"{path} is no descriptor image") from None
    there = {file.name for file in image.file}
    ours = FileDescriptorSet.FromString(current(root).image)
    imported = [file for file in ours.file if file.name.startswith(OTHERS) and file.name not in there]
    return FileDescriptorSet(file=[*imported, *image.file]).SerializeToString()


def _of_git(root: Path, ref: str) -> Contracts:
    # `--` so that no ref is taken for an option.
    found = _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
    if found.returncode != 0:
        raise NoSuchBase(f"{ref} is no folder or image below {root}, and no commit that git knows")
    archive = _git(root, "archive", found.stdout.decode().strip(), "--", "proto")
    if archive.returncode != 0:
        raise NoSuchBase(f"{ref} has no proto/: {archive.stderr.decode().strip()}")
    with tempfile.TemporaryDirectory() as scratch:
        with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as tar:
            tar.extractall(scratch, filter="data")
        return Contracts(ref, image_of(Path(scratch) / "proto"))


def _git(root: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, check=False)

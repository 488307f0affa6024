"""Clocks that jump: libfaketime in a service's process, with a file that says by how much."""

import importlib.util
import platform
import sys
from pathlib import Path

SKEWED = ("domain_svc", "projector_svc")


class Clocks:
    """The clocks of the workers. The HTTP services keep theirs: tokens end by it."""

    def __init__(self, folder: Path) -> None:
        self._files = {service: folder / f"{service}.clock" for service in SKEWED}
        self._library = library()
        for service in SKEWED:
            self.set(service, 0)

    @property
    def can_jump(self) -> bool:
        """Whether this machine can run libfaketime."""
        return self._library is not None

    @property
    def service_env(self) -> dict[str, dict[str, str]]:
        """What a stack's services are started with, by service."""
        if self._library is None:
            return {}
        common = {
            "LD_PRELOAD": str(self._library),
            # The file is read once a second and process.
            "FAKETIME_CACHE_DURATION": "1",
            # Waits go by this clock, and no jump shortens or lengthens them.
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
        return {
            service: common | {"FAKETIME_TIMESTAMP_FILE": str(file)} for service, file in self._files.items()
        }

    def set(self, service: str, seconds: int) -> None:
        """Puts a service's clock ahead, or back. Within a second its process goes by it."""
        self._files[service].write_text(f"{seconds:+d}\n")


def library() -> Path | None:
    """The library that the wheel brings for Linux on x86-64; None elsewhere."""
    spec = importlib.util.find_spec("libfaketime")
    if spec is None or spec.origin is None or sys.platform != "linux" or platform.machine() != "x86_64":
        return None
    return Path(spec.origin).parent / "vendor/libfaketime/src/libfaketime.so.1"

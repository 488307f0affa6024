"""What the figures were measured on: without it they mean nothing."""

import os
import platform
import sqlite3
from importlib.metadata import version
from typing import Any

import psutil

PACKAGES = ("protobuf", "grpcio", "gunicorn", "flask", "redis", "azure-data-tables", "eventsourcing")


def facts() -> dict[str, Any]:
    """Cores, memory, load and versions. Nothing that names the machine or its user."""
    return {
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "load_before": load(),
        "system": platform.system(),
        "architecture": platform.machine(),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "packages": {name: version(name) for name in PACKAGES},
    }


def load() -> float:
    """How many programs wanted a core in the last minute: before a run, what others take."""
    return round(os.getloadavg()[0], 2)

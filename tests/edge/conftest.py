"""An edge of each test's own."""

import uuid
from pathlib import Path

import pytest

from tests.edge.client import Edge, settings_for


@pytest.fixture
def namespace() -> str:
    return f"e{uuid.uuid4().hex[:12]}"


@pytest.fixture
def edge(tmp_path: Path, redis_url: str, namespace: str) -> Edge:
    return Edge(settings_for(tmp_path / "data", redis_url, namespace))

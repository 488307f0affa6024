"""A tree to break."""

from pathlib import Path

import pytest

from tests.schema.trees import Tree, released


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    """Released once; nobody changes it."""
    return released(tmp_path_factory.mktemp("released"))


@pytest.fixture
def tree(template: Tree, tmp_path: Path) -> Tree:
    """A tree to change after a release, which nobody touches."""
    return Tree(tmp_path / "tree").follow(template.root)


@pytest.fixture
def owned(template: Tree, tmp_path: Path) -> Tree:
    """A tree to change with all that was released, or to release again."""
    return Tree(tmp_path / "tree").copy_from(template.root)

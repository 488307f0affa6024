import os
from pathlib import Path

import pytest

from dev.folder import FolderInUse, lock, token_key


def test_a_folder_is_private_and_held_by_one_stack_at_a_time(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    held = lock(folder)

    assert folder.stat().st_mode & 0o777 == 0o700
    with pytest.raises(FolderInUse, match=f"process {os.getpid()}.*PRISM_DATA_DIR"):
        lock(folder)

    os.close(held)
    os.close(lock(folder))


def test_the_token_key_is_made_once_and_private(tmp_path: Path) -> None:
    key = token_key(tmp_path)

    assert len(key) >= 32
    assert token_key(tmp_path) == key
    assert (tmp_path / "dev-token-key").stat().st_mode & 0o777 == 0o600


def test_every_folder_has_a_key_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()

    assert token_key(tmp_path) != token_key(tmp_path / "other")

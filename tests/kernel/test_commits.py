"""A commit that is set aside can be put back, whatever its size."""

from pathlib import Path

import pytest

from kernel.commits import CommitReader, dead_commit
from kernel.embedded.storage import EmbeddedStorage
from kernel.ports import MAX_BODY_BYTES, Message
from prism.envelope.v1.envelope_pb2 import Commit


@pytest.mark.parametrize("size", [10, 40_000, MAX_BODY_BYTES, 500_000])
def test_the_letter_of_a_commit_leads_to_it(tmp_path: Path, size: int) -> None:
    store = EmbeddedStorage(str(tmp_path)).events
    commit = Commit(stream="cart-c1", number=1, version=1)
    type_ = "prism.cart.v1.CartCheckedOut"
    commit.events.add(id="cart-c1:1", type=type_, stream="cart-c1", version=1, data=bytes(size))
    store.append([commit])
    letter = dead_commit(commit, ZeroDivisionError("oops"))
    assert len(letter.body) <= MAX_BODY_BYTES
    assert letter.reason == "ZeroDivisionError: oops"
    assert CommitReader(store).read([Message("1", letter.body, "", 1, 0)]) == ([commit], [], set())

"""What may happen to bytes between whoever wrote them and whoever reads them."""

from hypothesis import strategies as st

# A field that no message of ours has, as one of a later release.
UNKNOWN_FIELD = bytes.fromhex("92f1010568656c6c6f")


def truncated(body: bytes) -> st.SearchStrategy[bytes]:
    """Its end is missing, all of it perhaps."""
    return st.integers(0, len(body) - 1).map(lambda end: body[:end])


def flipped(body: bytes) -> st.SearchStrategy[bytes]:
    """Some of its bits are others."""

    def flip(bits: set[int]) -> bytes:
        damaged = bytearray(body)
        for bit in bits:
            damaged[bit // 8] ^= 1 << bit % 8
        return bytes(damaged)

    return st.sets(st.integers(0, 8 * len(body) - 1), min_size=1, max_size=4).map(flip)


def foreign() -> st.SearchStrategy[bytes]:
    """Nothing that we wrote."""
    deep = st.integers(50, 10_000).map(lambda depth: b"\x0b" * depth)
    nested = st.integers(2, 40).map(lambda depth: b"\x0a\x7f" * depth)
    return st.one_of(st.binary(max_size=200), deep, nested, st.just(b"{}"), st.just(b"\0" * 40_000))


def damaged(body: bytes) -> st.SearchStrategy[bytes]:
    """Any of these."""
    return st.one_of(truncated(body), flipped(body), foreign())

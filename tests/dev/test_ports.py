import socket

import pytest

from dev.ports import BLOCK, NoFreePorts, PortBlock, is_free


def test_a_port_that_something_listens_on_is_not_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert not is_free(port)
    assert is_free(port)


def test_a_block_hands_out_different_free_ports_and_no_more_than_it_has() -> None:
    block = PortBlock()
    try:
        ports = [block.take() for _ in range(BLOCK - 1)]
        assert len(set(ports)) == len(ports)
        assert all(is_free(port) for port in ports)
        with pytest.raises(NoFreePorts):
            block.take()
    finally:
        block.release()


def test_two_stacks_never_get_the_same_block() -> None:
    blocks = [PortBlock() for _ in range(20)]
    try:
        assert len({block.take() for block in blocks}) == len(blocks)
    finally:
        for block in blocks:
            block.release()

"""Whether a refused write may have taken effect: said only where it is known, through a proxy that makes trouble."""

import re
import uuid
from collections.abc import Iterator

import pytest

from dev import azurite
from dev.faults.proxy import Proxy, Trouble, proxied
from kernel.azure.storage import AzureStorage
from kernel.errors import EffectUnknown, StorageUnavailable
from kernel.ports import Queue


@pytest.fixture(scope="module")
def troubled(azurite_address: str) -> Iterator[tuple[Proxy, str]]:
    """A proxy in front of Azurite's queues, and the connection string past it."""
    queue, table = (int(port) for port in re.findall(r"Endpoint=http://127\.0\.0\.1:(\d+)", azurite_address))
    (port,) = azurite.free_ports(1)
    with proxied(port, queue, seed=1) as proxy:
        yield proxy, azurite.connection_string(port, table)


@pytest.fixture
def queues(troubled: tuple[Proxy, str], azurite_address: str) -> Iterator[tuple[Queue, Queue]]:
    """The same queue through the proxy, and past it."""
    namespace = f"t{uuid.uuid4().hex[:8]}"
    through, past = AzureStorage(troubled[1], namespace), AzureStorage(azurite_address, namespace)
    past.queue("commands").put([b"the queue is there"])
    yield through.queue("commands"), past.queue("commands")
    for rate in range(len(Trouble)):
        troubled[0].rates[rate] = 0.0
    through.close()
    past.close()


@pytest.mark.parametrize("trouble", [Trouble.RESET_AFTER, Trouble.ERROR_AFTER, Trouble.RESET_BEFORE])
def test_nobody_knows_what_became_of_a_put_without_an_answer(
    trouble: Trouble, troubled: tuple[Proxy, str], queues: tuple[Queue, Queue]
) -> None:
    through, past = queues
    troubled[0].rates[trouble] = 1.0
    with pytest.raises(EffectUnknown):
        through.put([b"perhaps"])
    bodies = {message.body for message in past.receive()}
    assert (b"perhaps" in bodies) == (trouble is not Trouble.RESET_BEFORE)


def test_a_put_that_a_busy_server_refused_is_known_to_be_none(
    troubled: tuple[Proxy, str], queues: tuple[Queue, Queue]
) -> None:
    through, past = queues
    troubled[0].rates[Trouble.BUSY] = 1.0
    with pytest.raises(StorageUnavailable) as refused:
        through.put([b"one", b"two"])
    assert not isinstance(refused.value, EffectUnknown)
    assert [message.body for message in past.receive()] == [b"the queue is there"]


def test_a_put_to_nobody_is_known_to_be_none() -> None:
    first, second = azurite.free_ports(2)
    away = AzureStorage(azurite.connection_string(first, second), "t")
    with pytest.raises(StorageUnavailable) as refused:
        away.queue("commands").put([b"one"])
    assert not isinstance(refused.value, EffectUnknown)
    away.close()


def test_a_put_of_many_of_which_some_failed_is_unknown(
    troubled: tuple[Proxy, str], queues: tuple[Queue, Queue]
) -> None:
    through, past = queues
    # Each of 40 messages is refused three times in a row with a chance of a fifth: some are, and some are not.
    troubled[0].rates[Trouble.BUSY] = 0.6
    with pytest.raises(EffectUnknown, match="of 40 failed"):
        through.put([b"%d" % number for number in range(40)])
    assert past.depth().messages > 1

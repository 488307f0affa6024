"""The storage account that a connection string names, and the SDK's clients for it."""

import base64
import binascii
import logging
from typing import Any

from azure.core.utils import parse_connection_string
from azure.data.tables import TableClient, TableServiceClient
from azure.storage.queue import ExponentialRetry, QueueClient, QueueServiceClient

from kernel.azure.transport import Transport
from kernel.errors import ConfigurationError

EXPECTED = (
    "`PRISM_STORAGE` takes `embedded`, `UseDevelopmentStorage=true` (an Azurite on its usual ports), or a "
    "connection string of Azure Storage: `AccountName=...;AccountKey=...;EndpointSuffix=core.windows.net`, "
    "or with `QueueEndpoint=...;TableEndpoint=...`"
)
# The account of every Azurite; Microsoft publishes its key.
DEVELOPMENT_ACCOUNT = "devstoreaccount1"
DEVELOPMENT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="

# Two quick repeats, then StorageUnavailable: whoever called knows better what to do meanwhile.
# The SDK would repeat a queue's call after 15 s, and a table's ten times.
QUEUE_RETRY: dict[str, Any] = {
    "initial_backoff": 0.1,
    "increment_base": 0.5,
    "random_jitter_range": 0.1,
    "retry_total": 2,
}
TABLE_RETRY: dict[str, Any] = {"retry_total": 2, "retry_backoff_factor": 0.1, "retry_backoff_max": 1}


def development_account(host: str = "127.0.0.1", *, queue_port: int = 10001, table_port: int = 10002) -> str:
    """The connection string of an Azurite."""
    return (
        f"DefaultEndpointsProtocol=http;AccountName={DEVELOPMENT_ACCOUNT};AccountKey={DEVELOPMENT_KEY};"
        f"QueueEndpoint=http://{host}:{queue_port}/{DEVELOPMENT_ACCOUNT};"
        f"TableEndpoint=http://{host}:{table_port}/{DEVELOPMENT_ACCOUNT};"
    )


class Account:
    """Makes clients of an account's tables and queues, all over one pool of connections.

    ConfigurationError, which never repeats the string, if it is no connection string.
    """

    def __init__(self, connection_string: str) -> None:
        # At INFO, the SDK would log every request with its headers.
        logging.getLogger("azure").setLevel(logging.WARNING)
        self._transport = Transport()
        # One policy for all queues: the SDK would make one a client, with its own defaults.
        options: dict[str, Any] = {"transport": self._transport}
        try:
            string = checked(connection_string)
            self._tables = TableServiceClient.from_connection_string(string, **options, **TABLE_RETRY)
            retry_policy = ExponentialRetry(**QUEUE_RETRY)
            self._queues = QueueServiceClient.from_connection_string(
                string, **options, retry_policy=retry_policy
            )
        except (ValueError, KeyError):
            # `from None`: the SDK's text may hold a part of the string, and so of the key.
            raise ConfigurationError(EXPECTED) from None

    def table(self, name: str) -> TableClient:
        """A client of one table. Makes no call."""
        return self._tables.get_table_client(name)

    def queue(self, name: str) -> QueueClient:
        """A client of one queue. Makes no call."""
        return self._queues.get_queue_client(name)

    def close(self) -> None:
        """Closes the connections."""
        self._transport.close()


def checked(connection_string: str) -> str:
    """The connection string, `UseDevelopmentStorage` written out; ValueError if it is none."""
    parts = parse_connection_string(connection_string)
    if parts.get("usedevelopmentstorage", "").lower() == "true":
        return development_account()
    if "sharedaccesssignature" not in parts:
        try:
            base64.b64decode(parts["accountkey"], validate=True)
        except binascii.Error:
            raise ValueError("the key is no base64") from None
    return connection_string

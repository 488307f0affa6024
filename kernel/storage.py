"""Opens the storage engine that the settings name."""

from kernel.ports import Storage
from kernel.settings import Settings


def open_storage(settings: Settings) -> Storage:
    """Opens storage, making tables and queues where they are missing.

    ConfigurationError for a connection string that is none; an engine out of reach shows only at
    the first call, as StorageUnavailable.
    """
    # The other engine's libraries stay unloaded: they are half of a worker's memory and start-up.
    if settings.prism_storage == "embedded":
        from kernel.embedded.storage import EmbeddedStorage

        return EmbeddedStorage(settings.prism_data_dir)
    from kernel.azure.storage import AzureStorage

    return AzureStorage(settings.prism_storage, settings.prism_namespace)

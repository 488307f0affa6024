"""Settings that are wrong in more than their form: found at the start of every process, before it forks."""

from kernel.browsers import read_origins
from kernel.certificates import check_files
from kernel.redis import connect
from kernel.settings import Settings
from kernel.tokens import open_tokens


def check(settings: Settings) -> None:
    """Returns if a service can start with the settings; else ConfigurationError. Reaches for nothing."""
    open_tokens(settings)
    check_files(settings)
    read_origins(settings)
    connect(settings).close()
    if settings.prism_storage != "embedded":
        # The embedded engine does without the SDK.
        from kernel.azure.account import Account

        Account(settings.prism_storage).close()

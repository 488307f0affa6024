"""Calls of the Azure SDK: counted, run in parallel, their errors sorted by who reacts."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import TypeVar

from azure.core.exceptions import (
    AzureError,
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)

from kernel.azure.transport import DOUBT
from kernel.errors import EffectUnknown, StorageUnavailable
from kernel.telemetry.storage_calls import storage_call

# Answers to a request of ours that is wrong: a defect, and no reason to try again.
DEFECTS = {400, 405, 411, 412, 413, 414, 415}
PARALLEL_CALLS = 8

Item = TypeVar("Item")
Result = TypeVar("Result")


@contextmanager
def calling(kind: str) -> Iterator[None]:
    """Around one HTTP request: counts it as `kind`.

    What a caller takes for an answer (there is none, there is one already, it was changed) passes,
    and so do our own defects; every other failure becomes StorageUnavailable, or EffectUnknown where
    one of the SDK's attempts may have taken effect.
    """
    DOUBT.present = False
    try:
        with storage_call(kind):
            yield
    except (ResourceNotFoundError, ResourceExistsError, ResourceModifiedError):
        raise
    except (AzureError, StorageUnavailable) as error:
        if isinstance(error, HttpResponseError) and error.status_code in DEFECTS:
            raise
        text = error.message.splitlines()[0] if isinstance(error, AzureError) else str(error)
        raise (EffectUnknown if DOUBT.present else StorageUnavailable)(f"{kind}: {text}") from error


def creating(kind: str, create: Callable[[], object], write: Callable[[], Result]) -> Result:
    """Runs a write; if its table or queue is missing, creates that and runs the write again."""
    try:
        with calling(kind):
            return write()
    except ResourceNotFoundError:
        # Another process may be faster.
        with suppress(ResourceExistsError), calling("create"):
            create()
    try:
        with calling(kind):
            return write()
    except ResourceNotFoundError as error:
        raise StorageUnavailable(f"{kind}: created, but not there yet") from error


class Parallel:
    """Runs calls that do not depend on each other, a few at once; its threads start when needed."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(PARALLEL_CALLS, thread_name_prefix="azure")

    def map(self, function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
        """The results in the order of the items. The first failure is raised after the others ran."""
        if len(items) < 2:
            return [function(item) for item in items]
        futures = [self._executor.submit(function, item) for item in items]
        failures = [failure for future in futures if (failure := future.exception())]
        if failures:
            raise failures[0]
        return [future.result() for future in futures]

    def close(self) -> None:
        """Ends the threads."""
        self._executor.shutdown()

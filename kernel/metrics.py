"""Every metric of Prism, with its kind and meaning."""

from collections.abc import Iterator

from prometheus_client import Counter
from prometheus_client.samples import Sample

# Calls to a storage engine, by kind (`queue.put`, `events.append`, ...). On the embedded engine a
# call is one transaction; on Azure it is one HTTP request, repeats by the retry policy not counted.
STORAGE_CALLS = Counter("prism_storage_calls", "Calls to the storage engine", ["kind"])

# Calls of `queue.receive` that brought nothing: a consumer's polls while nothing is to be done.
EMPTY_RECEIVES = Counter("prism_empty_receives", "Receives that found no message")

# Commands that were refused because their sender sends too many; and those that Redis, which was out of
# reach, would have counted.
LIMITED = Counter("prism_commands_rate_limited", "Commands refused by the rate limit")
UNLIMITED = Counter("prism_commands_unlimited", "Commands let through because nobody could count them")


def storage_calls() -> dict[str, int]:
    """This process's storage calls since its start, by kind; receives that brought nothing apart."""
    calls = {sample.labels["kind"]: int(sample.value) for sample in _totals(STORAGE_CALLS)}
    empty = sum(int(sample.value) for sample in _totals(EMPTY_RECEIVES))
    return calls | {"queue.receive": calls.get("queue.receive", 0) - empty, "queue.receive.empty": empty}


def _totals(counter: Counter) -> Iterator[Sample]:
    for metric in counter.collect():
        yield from (sample for sample in metric.samples if sample.name.endswith("_total"))

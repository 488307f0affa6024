"""Every metric of Prism, with its kind and meaning."""

from prometheus_client import Counter

# Calls to a storage engine, by kind (`queue.put`, `events.append`, ...). On the embedded engine a
# call is one transaction; on Azure it is one HTTP request, repeats by the retry policy not counted.
STORAGE_CALLS = Counter("prism_storage_calls", "Calls to the storage engine", ["kind"])


def storage_calls() -> dict[str, int]:
    """This process's storage calls since its start, by kind."""
    return {
        sample.labels["kind"]: int(sample.value)
        for metric in STORAGE_CALLS.collect()
        for sample in metric.samples
        if sample.name.endswith("_total")
    }

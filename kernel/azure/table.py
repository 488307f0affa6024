"""One table: the few calls that the stores need, each one HTTP request."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any, cast

from azure.core import MatchConditions
from azure.core.exceptions import ResourceExistsError, ResourceModifiedError, ResourceNotFoundError
from azure.core.paging import PageIterator
from azure.data.tables import TableClient, TableEntity, UpdateMode

from kernel.azure.calls import calling, creating
from kernel.azure.entities import quoted
from kernel.ports import end_of

# The SDK does not repeat an insert whose answer was lost. Ours may be repeated: it meets itself.
INSERT_OPTIONS: dict[str, Any] = {
    "retry_on_methods": frozenset({"POST"}),
    "response_preference": "return-no-content",
}
LARGEST_PAGE = 1000


class Table:
    """A table, made by the first write to it; until then it is empty."""

    def __init__(self, client: TableClient) -> None:
        self._client = client

    def get(self, kind: str, partition: str, row: str) -> TableEntity | None:
        """The entity, if there is one."""
        with suppress(ResourceNotFoundError), calling(kind):
            return self._client.get_entity(partition, row)
        return None

    def insert(self, kind: str, entity: Mapping[str, Any]) -> str | None:
        """The new entity's etag; None if its place is taken (perhaps by this very call, repeated)."""
        with suppress(ResourceExistsError):
            return etag_of(self._write(kind, lambda: self._client.create_entity(entity, **INSERT_OPTIONS)))
        return None

    def replace(self, kind: str, entity: Mapping[str, Any], etag: str) -> str | None:
        """The entity's new etag; None if it has another etag than the one given, or is gone."""
        with suppress(ResourceModifiedError, ResourceNotFoundError), calling(kind):
            condition = MatchConditions.IfNotModified
            return etag_of(
                self._client.update_entity(entity, UpdateMode.REPLACE, etag=etag, match_condition=condition)
            )
        return None

    def put(self, kind: str, entity: Mapping[str, Any]) -> None:
        """Inserts or replaces, whatever is there."""
        self._write(kind, lambda: self._client.upsert_entity(entity, UpdateMode.REPLACE))

    def delete(self, kind: str, partition: str, row: str) -> None:
        """Removes the entity, if it is there."""
        with suppress(ResourceNotFoundError), calling(kind):
            self._client.delete_entity(partition, row)

    def query(
        self, kind: str, where: str | None, page: int = LARGEST_PAGE, select: list[str] | None = None
    ) -> Iterator[TableEntity]:
        """Entities in the order of their keys, all if `where` is None; asks for `page` of them at once."""
        if where is None:
            found = self._client.list_entities(results_per_page=page, select=select)
        else:
            found = self._client.query_entities(where, results_per_page=page, select=select)
        # The SDK says Iterator; only the class tells whether there is another page to ask for.
        pages = cast("PageIterator[TableEntity]", found.by_page())
        more = True
        while more:
            with suppress(ResourceNotFoundError), calling(kind):
                yield from list(next(pages))
            more = pages.continuation_token is not None

    def ping(self, **options: Any) -> None:  # noqa: ANN401 - what the SDK takes
        """Returns if the service answers; the options bound how long it may take."""
        with suppress(ResourceNotFoundError), calling("ping"):
            self._client.get_entity("ping", "ping", **options)

    def _write(self, kind: str, write: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any]:
        return creating(kind, self._client.create_table, write)


def within(partition: str, *, above: str = "", first: str = "", last: str = "") -> str:
    """The query of a partition's rows between bounds; an empty bound is none."""
    bounds = {"gt": above, "ge": first, "le": last}
    rows = [f" and RowKey {sign} {quoted(row)}" for sign, row in bounds.items() if row]
    return f"PartitionKey eq {quoted(partition)}" + "".join(rows)


def beginning(start: str, after: str = "") -> str | None:
    """The query of all partitions whose keys begin with a text, and are above another one; None: of all."""
    bounds = {"ge": start, "lt": end_of(start) if start else "", "gt": after}
    return " and ".join(f"PartitionKey {sign} {quoted(key)}" for sign, key in bounds.items() if key) or None


def etag_of(answer: Mapping[str, Any]) -> str:
    """The etag that a write answered."""
    return str(answer["etag"])

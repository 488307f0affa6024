"""The view store on Table Storage: one entity a row."""

from collections.abc import Iterator, Sequence
from itertools import islice

from azure.data.tables import TableEntity

from kernel.azure.calls import Parallel
from kernel.azure.entities import data_of, decode, encode, entity
from kernel.azure.table import LARGEST_PAGE, Table, beginning, within
from kernel.ports import Row, RowId, check_size


class AzureViewStore:
    """A row rests at PartitionKey = view|partition, RowKey = its key, all three encoded."""

    def __init__(self, rows: Table, parallel: Parallel) -> None:
        self._rows = rows
        self._parallel = parallel

    def get(self, ids: Sequence[RowId]) -> list[Row | None]:
        """Reads one entity a row, several at once."""
        return self._parallel.map(self._get, ids)

    def _get(self, id_: RowId) -> Row | None:
        stored = self._rows.get("views.get", partition_key(id_.view, id_.partition), encode(id_.key))
        return None if stored is None else row_of(id_, stored)

    def save(self, rows: Sequence[Row]) -> list[str | None]:
        """Writes one entity a row, several at once."""
        for row in rows:
            check_size(row.data)
        return self._parallel.map(self._save, rows)

    def _save(self, row: Row) -> str | None:
        stored = entity(partition_key(row.id.view, row.id.partition), encode(row.id.key), row.data)
        if row.etag is None:
            return self._rows.insert("views.save", stored)
        return self._rows.replace("views.save", stored, row.etag)

    def page(
        self,
        view: str,
        partition: str,
        *,
        first: str = "",
        last: str = "",
        after: str = "",
        limit: int = 1000,
    ) -> list[Row]:
        """One query, answered in pages."""
        where = within(
            partition_key(view, partition), above=encode(after), first=encode(first), last=encode(last)
        )
        found = self._rows.query("views.page", where, min(limit, LARGEST_PAGE))
        return [row_of(RowId(view, partition, decode(e["RowKey"])), e) for e in islice(found, limit)]

    def count(self, view: str, partition: str, limit: int = 1000) -> int:
        """One query, answered in pages, of the keys."""
        where = within(partition_key(view, partition))
        found = self._rows.query("views.count", where, min(limit, LARGEST_PAGE), select=["RowKey"])
        return sum(1 for _ in islice(found, limit))

    def scan(self, view: str) -> Iterator[Row]:
        """One query, answered in pages."""
        start = partition_key(view, "")
        for stored in self._rows.query("views.scan", beginning(start)):
            partition = decode(stored["PartitionKey"].removeprefix(start))
            yield row_of(RowId(view, partition, decode(stored["RowKey"])), stored)

    def delete(self, ids: Sequence[RowId]) -> None:
        """Deletes one entity a row, several at once."""
        self._parallel.map(
            lambda id_: self._rows.delete(
                "views.delete", partition_key(id_.view, id_.partition), encode(id_.key)
            ),
            ids,
        )

    def drop(self, view: str) -> None:
        """Deletes row by row, several at once; another reader may see a part until it returns."""
        where = beginning(partition_key(view, ""))
        found = self._rows.query("views.drop", where, select=["PartitionKey", "RowKey"])
        while chunk := list(islice(found, LARGEST_PAGE)):
            self._parallel.map(
                lambda e: self._rows.delete("views.drop", e["PartitionKey"], e["RowKey"]), chunk
            )


def partition_key(view: str, partition: str) -> str:
    """The key of a view's partition: an encoded text contains no `|`."""
    return f"{encode(view)}|{encode(partition)}"


def row_of(id_: RowId, stored: TableEntity) -> Row:
    """A row as it is stored."""
    return Row(id_, data_of(stored), str(stored.metadata["etag"]))

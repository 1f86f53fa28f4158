"""Tables as Parquet files, one each, in a folder.

Each file carries in its metadata (`bystack`) which chain it is of and which heights it holds.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Self

import pyarrow
import pyarrow.parquet

from bystack.client.indexing.columns import ChainKind, Row, Rows, Table, Type, tables_of

ROWS: Final = 100_000
"""Rows of a row group, about: what is held in memory before it is written."""
TYPES: Final[Mapping[Type, Any]] = {
    Type.TEXT: pyarrow.string(),
    Type.SMALL: pyarrow.int32(),
    Type.WHOLE: pyarrow.int64(),
    Type.FLAG: pyarrow.bool_(),
    Type.TIME: pyarrow.timestamp("ms", "UTC"),
    Type.SMALLS: pyarrow.list_(pyarrow.int32()),
    Type.JSON: pyarrow.string(),
}


def schema_of(table: Table) -> Any:
    """A table's schema."""
    return pyarrow.schema(
        [
            pyarrow.field(
                one.name, TYPES[one.type], nullable=one.empty, metadata={"says": one.says}
            )
            for one in table.written
        ]
    )


class Files:
    """Writes the files of a chain into `folder`; use as a context, so that they are closed."""

    def __init__(self, folder: Path, kind: ChainKind, about: dict[str, Any]) -> None:
        meta = {"bystack": json.dumps(about)}
        self._tables = {table.name: table for table in tables_of(kind)}
        self._schemas = {name: schema_of(one) for name, one in self._tables.items()}
        self._rows: dict[str, list[Row]] = {name: [] for name in self._tables}
        self._seen: dict[str, set[Any]] = {name: set() for name in self._tables}
        self._files = {
            name: pyarrow.parquet.ParquetWriter(
                folder / f"{name}.parquet", schema.with_metadata(meta), compression="zstd"
            )
            for name, schema in self._schemas.items()
        }

    @property
    def names(self) -> Sequence[str]:
        """The tables."""
        return list(self._tables)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        for name in self._files:
            if error[0] is None:
                self._flush(name)
            self._files[name].close()

    def add(self, rows: Rows) -> None:
        """Add rows, of a block or of several."""
        for name, more in rows.items():
            self._rows[name] += self._fresh(name, more) if self._tables[name].once else more
            if len(self._rows[name]) >= ROWS:
                self._flush(name)

    def _fresh(self, name: str, rows: Sequence[Row]) -> list[Row]:
        """The first row of each key; the key's one column stands first."""
        seen, found = self._seen[name], list[Row]()
        for row in rows:
            if row[0] not in seen:
                seen.add(row[0])
                found.append(row)
        return found

    def _flush(self, name: str) -> None:
        rows, self._rows[name] = self._rows[name], []
        if rows:
            schema = self._schemas[name]
            columns = zip(schema, zip(*rows, strict=True), strict=True)
            arrays = [pyarrow.array(column, field.type) for field, column in columns]
            self._files[name].write_batch(pyarrow.record_batch(arrays, schema=schema))

"""The tables in PostgreSQL: what is created, in one schema for each chain.

`indexer` has a single row: which chain it is, and the last block that is in the tables. It changes
in the same transaction as they do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from psycopg.sql import SQL, Composed, Identifier, Literal

from bystack.client.indexing.columns import ChainKind, Column, Table, Type, tables_of

VERSION: Final = 1
"""Of the tables. A change of `columns` that a database can see raises it."""
TYPES: Final[Mapping[Type, str]] = {
    # Byte order, not a language's: ids are compared a million times.
    Type.TEXT: 'text COLLATE "C"',
    Type.SMALL: "integer",
    Type.WHOLE: "bigint",
    Type.FLAG: "boolean",
    Type.TIME: "timestamptz",
    Type.SMALLS: "integer[]",
    Type.JSON: "jsonb",
}
INDEXER: Final = """CREATE TABLE {schema}.indexer (
  single boolean PRIMARY KEY DEFAULT true CHECK (single),
  version integer NOT NULL,
  chain_id text NOT NULL,
  chain text NOT NULL,
  first bigint NOT NULL,
  height bigint NOT NULL,
  id text NOT NULL,
  changed timestamptz NOT NULL DEFAULT now()
)"""
UNSPENT: Final = """CREATE VIEW {schema}.unspent AS
  SELECT height, transaction, position, asset, amount, lock, address, vault
  FROM {schema}.outputs WHERE spent_height IS NULL AND lock <> 'retire'"""
BALANCES: Final = """CREATE VIEW {schema}.balances AS
  SELECT address, asset, sum(amount) AS amount, count(*) AS coins
  FROM {schema}.unspent WHERE address IS NOT NULL AND lock = 'policy' GROUP BY address, asset"""
COMMENTS: Final = {
    "indexer": "which chain this is, and the last block that the tables hold",
    "unspent": "the coins that nobody has spent",
    "balances": "what each address holds of each asset",
}


def statements(schema: str, kind: ChainKind) -> Iterator[Composed]:
    """Everything that a chain's schema, which is there, is made of, in order."""
    name = Identifier(schema)
    yield SQL(INDEXER).format(schema=name)
    for table in tables_of(kind):
        yield from _table(name, table)
    for view in (UNSPENT, BALANCES):
        yield SQL(view).format(schema=name)
    for one, says in COMMENTS.items():
        which = SQL("TABLE" if one == "indexer" else "VIEW")
        place = Identifier(schema, one)
        yield SQL("COMMENT ON {} {} IS {}").format(which, place, Literal(says))


def _table(schema: Identifier, table: Table) -> Iterator[Composed]:
    place = SQL("{}.{}").format(schema, Identifier(table.name))
    parts = [_column(column) for column in table.columns]
    parts.append(SQL("PRIMARY KEY ({})").format(_names(table.key)))
    yield SQL("CREATE TABLE {} ({})").format(place, SQL(", ").join(parts))
    for columns in table.indexes:
        yield SQL("CREATE INDEX ON {} ({})").format(place, _names(columns))
    yield SQL("COMMENT ON TABLE {} IS {}").format(place, Literal(table.says))
    for column in table.columns:
        at = SQL("{}.{}").format(place, Identifier(column.name))
        yield SQL("COMMENT ON COLUMN {} IS {}").format(at, Literal(column.says))


def _column(column: Column) -> Composed:
    rest = "" if column.empty else " NOT NULL"
    return SQL("{} {}").format(Identifier(column.name), SQL(TYPES[column.type] + rest))


def _names(columns: tuple[str, ...]) -> Composed:
    return SQL(", ").join(map(Identifier, columns))

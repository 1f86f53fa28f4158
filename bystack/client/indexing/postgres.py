"""A chain's tables in PostgreSQL: blocks are added and taken back, each time in one transaction.

The row of `indexer` moves in the same transaction, so whoever is killed, wherever, finds the tables
of a whole chain up to the block that row names. One index is written by one process: it holds an
advisory lock, and every transaction begins where the row says that the last one ended.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.sql import SQL, Composed, Identifier

from bystack.client.indexing.columns import BlockRows, Place, Row, Table, Type, tables_of
from bystack.client.indexing.layout import VERSION, statements
from bystack.client.indexing.reaching import SAY, DatabaseDown, DatabaseRefused, masked
from bystack.client.indexing.source import Identity

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(9999, 12, 31, tzinfo=UTC)
"""Later than any time that PostgreSQL's clients can show."""
CONNECT_SECONDS: Final = 20
LOCK_SECONDS: Final = "SET lock_timeout = '10s'"
SPEND: Final = """UPDATE {outputs} o SET spent_height = i.height,
  spent_transaction = i.transaction, spent_position = i.position
  FROM {inputs} i WHERE i.height BETWEEN %s AND %s
  AND o.transaction = i.spent_transaction AND o.position = i.spent_position
  AND o.spent_height IS NULL AND o.height <= i.height"""
UNSPEND: Final = """UPDATE {outputs} o
  SET spent_height = NULL, spent_transaction = NULL, spent_position = NULL
  FROM {inputs} i WHERE i.height > %s AND o.height <= %s
  AND o.transaction = i.spent_transaction AND o.position = i.spent_position"""
RESTART: Final = "UPDATE {indexer} SET first = %s, height = %s"
BY_INDEX: Final = "SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off"
"""A join with the few coins of some blocks never reads all coins there ever were."""


class Database:
    """One chain's schema of a database, open for writing.

    Every method raises `DatabaseDown` where the database went away, and `DatabaseRefused` where it
    says no; the transaction under way is undone then.
    """

    def __init__(self, address: str, schema: str, identity: Identity) -> None:
        self._address, self._schema, self._identity = address, schema, identity
        if "%" in schema:  # the driver reads it as the place of a value
            raise DatabaseRefused(f"the schema {schema} has a % in its name: choose another")
        self._secrets = [password_in(address)]
        self._tables = tables_of(identity.kind)
        self._connection: psycopg.Connection[Any] | None = None
        self.place, self.first = Place(0, ""), 1

    # Opening

    def open(self, first: int, assets: Sequence[Row]) -> None:
        """Connect; begin the schema before height `first` if it is not there, else go on with it.

        Raises `DatabaseRefused` for a schema of another chain, of a newer version, or not ours.
        """
        self.close()
        with self._faults():
            self._connection = psycopg.connect(
                self._address,
                application_name="bystack index",
                connect_timeout=CONNECT_SECONDS,
                autocommit=True,
            )
            self._lock()
            with self._connection.transaction():
                found = self._begun()
                if found is None:
                    self._begin(first, assets)
                    found = (VERSION, self._identity.chain_id, first, first - 1, "")
                self._take_over(*found)
                if not self.place.id and self.first != first:  # nothing is held yet
                    self._do(self._sql(RESTART), (first, first - 1))
                    self.place, self.first = Place(first - 1, ""), first

    def close(self) -> None:
        """Let go of the database; what is not committed is undone there."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _lock(self) -> None:
        """Wait a little: of one that was killed the database may not know yet."""
        self._do(LOCK_SECONDS)
        try:
            asked = "SELECT pg_advisory_lock(hashtextextended(%s, 0))"
            self._do(asked, (f"bystack index {self._schema}",))
        except psycopg.errors.LockNotAvailable:
            text = f"another bystack index writes to the schema {self._schema} of this database"
            raise DatabaseDown(f"{text}: end it, or choose another with --schema") from None

    def _begun(self) -> tuple[int, str, int, int, str] | None:
        asked = "SELECT count(*), count(*) FILTER (WHERE relname = 'indexer') FROM pg_class"
        where = "WHERE relnamespace = to_regnamespace(quote_ident(%s))"
        every, ours = self._one(SQL(f"{asked} {where}"), (self._schema,))
        if every and not ours:
            text = f"the schema {self._schema} holds something that is no index of bystack's"
            raise DatabaseRefused(f"{text}: choose another name with --schema")
        if not every:
            return None
        row = self._one(self._sql("SELECT version, chain_id, first, height, id FROM {indexer}"))
        return row

    def _begin(self, first: int, assets: Sequence[Row]) -> None:
        (there,) = self._one("SELECT to_regnamespace(quote_ident(%s))", (self._schema,))
        if there is None:
            self._do(SQL("CREATE SCHEMA {}").format(Identifier(self._schema)))
        for statement in statements(self._schema, self._identity.kind):
            self._do(statement)
        values = (VERSION, self._identity.chain_id, self._identity.name, first, first - 1, "")
        columns = "(version, chain_id, chain, first, height, id)"
        insert = f"INSERT INTO {{indexer}} {columns} VALUES (%s, %s, %s, %s, %s, %s)"
        self._do(self._sql(insert), values)
        self._insert("assets", assets)

    def _take_over(self, version: int, chain_id: str, first: int, height: int, id: str) -> None:
        if version > VERSION:
            known = f"a newer bystack made the tables (version {version}; this one knows {VERSION})"
            raise DatabaseRefused(f"{known}: install a bystack as new as that one")
        if version < VERSION:
            known = f"an older bystack made the tables (version {version}; this one {VERSION})"
            text = f"index anew into another schema, or after DROP SCHEMA {self._schema} CASCADE"
            raise DatabaseRefused(f"{known}: {text}")
        if chain_id != self._identity.chain_id:
            text = f"the schema {self._schema} holds another chain ({chain_id[:16]}…)"
            mine = f"the node's {self._identity.name} is {self._identity.chain_id[:16]}…"
            raise DatabaseRefused(f"{text}, {mine}: choose another name with --schema")
        self.place, self.first = Place(height, id), first

    # Reading

    def ids(self, heights: range) -> dict[int, str]:
        """The ids of the blocks at these heights, as far as they are held."""
        with self._faults():
            asked = self._sql("SELECT height, id FROM {blocks} WHERE height BETWEEN %s AND %s")
            rows = self._do(asked, (heights.start, heights.stop - 1)).fetchall()
            return {int(height): str(id) for height, id in rows}

    # Writing

    def extend(self, blocks: Sequence[BlockRows]) -> None:
        """Add blocks, the first of which follows the last that is held."""
        first, last = blocks[0].height, blocks[-1].height
        with self._moving(Place(last, blocks[-1].id)):
            for table in self._tables:
                self._copy(table, [row for b in blocks for row in b.rows.get(table.name, ())])
            self._do(SQL(BY_INDEX))
            self._do(self._sql(SPEND), (first, last))

    def undo(self, to: Place) -> None:
        """Take back every block above `to`."""
        height = to.height
        with self._moving(to):
            self._do(SQL(BY_INDEX))
            self._do(self._sql(UNSPEND), (height, height))
            for table in self._tables:
                self._do(self._sql("DELETE FROM {table} WHERE height > %s", table), (height,))

    @contextmanager
    def _moving(self, to: Place) -> Iterator[None]:
        """A transaction from the place that is held to another one."""
        with self._faults():
            assert self._connection is not None
            with self._connection.transaction():
                asked = self._sql("SELECT height, id FROM {indexer} FOR UPDATE")
                if (found := self._one(asked)) != self.place:
                    text = f"the index stood at {self.place.height} and now stands at {found[0]}"
                    raise DatabaseDown(f"{text}: somebody else changed it")
                yield
                moved = "UPDATE {indexer} SET height = %s, id = %s, changed = now()"
                self._do(self._sql(moved), to)
            self.place = to

    def _copy(self, table: Table, rows: Sequence[Row]) -> None:
        if table.once:
            return self._insert(table.name, rows)
        if not rows:
            return
        columns = SQL(", ").join(Identifier(column.name) for column in table.written)
        into = SQL("COPY {} ({}) FROM STDIN").format(self._place_of(table.name), columns)
        times = [at for at, column in enumerate(table.written) if column.type is Type.TIME]
        assert self._connection is not None
        with self._connection.cursor() as cursor, cursor.copy(into) as copy:
            for row in rows:
                copy.write_row(_with_times(row, times) if times else row)

    def _insert(self, name: str, rows: Sequence[Row]) -> None:
        """Rows of a table where only the first of a key is kept."""
        if rows:
            values = SQL(", ").join(SQL("%s") for _ in rows[0])
            insert = SQL("INSERT INTO {} VALUES ({}) ON CONFLICT DO NOTHING")
            assert self._connection is not None
            with self._connection.cursor() as cursor:
                cursor.executemany(insert.format(self._place_of(name), values), rows)

    # Speaking SQL

    def _place_of(self, name: str) -> Identifier:
        return Identifier(self._schema, name)

    def _sql(self, text: str, table: Table | None = None) -> Composed:
        names = {name: self._place_of(name) for name in ("indexer", "blocks", "inputs", "outputs")}
        if table is not None:
            names["table"] = self._place_of(table.name)
        return SQL(text).format(**names)

    def _do(self, statement: Any, values: Sequence[Any] | None = None) -> psycopg.Cursor[Any]:
        assert self._connection is not None
        return self._connection.execute(statement, values)

    def _one(self, statement: Any, values: Sequence[Any] | None = None) -> tuple[Any, ...]:
        row = self._do(statement, values).fetchone()
        if row is None:
            raise DatabaseRefused(f"the table indexer of the schema {self._schema} is empty")
        return tuple(row)

    @contextmanager
    def _faults(self) -> Iterator[None]:
        """The driver's errors as this file's, without the password."""
        try:
            yield
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            raise DatabaseDown(self._said(error)) from None
        except psycopg.Error as error:
            raise DatabaseRefused(self._said(error)) from None

    def _said(self, error: psycopg.Error) -> str:
        lines = masked(str(error), self._secrets).splitlines()
        return f"the database says: {' '.join(line.strip() for line in lines)}"


def password_in(address: str) -> str:
    """The password in an address, or nothing; raises `DatabaseRefused` for what is no address."""
    try:
        return str(conninfo_to_dict(address).get("password") or "")
    except psycopg.Error:
        # The driver's text would show what was given, password and all.
        text = f"this is no address of a database: say {SAY}, or service=NAME"
        raise DatabaseRefused(text) from None


def _with_times(row: Row, times: Sequence[int]) -> Row:
    return tuple(_time(value) if at in times else value for at, value in enumerate(row))


def _time(milliseconds: int) -> datetime:
    try:
        return min(LATEST, EPOCH + timedelta(milliseconds=milliseconds))
    except OverflowError:
        return LATEST

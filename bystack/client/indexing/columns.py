"""What analysts get of a chain: tables and their columns, the same in PostgreSQL and in Parquet.

Ids, roots and bytes are hex. Amounts are whole numbers of an asset's smallest unit, times UTC. A
coin is known by (`transaction`, `position`): what is unspent, who paid whom and what a fee was are
joins. Rows lie in the chain's order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any, Final, Literal, NamedTuple

ChainKind = Literal["main", "sidechain"]
Row = tuple[Any, ...]
Rows = Mapping[str, list[Row]]
"""Rows of a block (or of several) by table."""


class Place(NamedTuple):
    """A block's height and id; what comes before the first one that is read has an empty id."""

    height: int
    id: str


class BlockRows(NamedTuple):
    """A block as rows: where it stands, what it follows, and how many bytes were read for it."""

    height: int
    id: str
    previous: str
    rows: Rows
    size: int


class Type(Enum):
    """What a column holds. A time is milliseconds in a row, JSON a text."""

    TEXT = "text"
    SMALL = "integer, 32 bits"
    WHOLE = "integer, 64 bits"
    FLAG = "true or false"
    TIME = "time, UTC"
    SMALLS = "list of integers"
    JSON = "JSON"


class Column(NamedTuple):
    """A column; `empty` where a row may have none. `later`: filled after the row was made, so only
    a database has it."""

    name: str
    type: Type
    says: str
    empty: bool = False
    later: bool = False


class Table(NamedTuple):
    """A table: what a row is, its columns, what makes a row unique, what is looked up by.

    `of`: the kind of chain that has it, or both. Where `once` holds, only the first row of a key is
    kept.
    """

    name: str
    says: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    indexes: tuple[tuple[str, ...], ...] = ()
    of: tuple[ChainKind, ...] = ("main", "sidechain")
    once: bool = False

    @property
    def written(self) -> tuple[Column, ...]:
        """The columns that a block's rows fill."""
        return tuple(column for column in self.columns if not column.later)


_HEIGHT = Column("height", Type.WHOLE, "of the block")
_TRANSACTION = Column("transaction", Type.TEXT, "the transaction's id")
_ASSET = Column("asset", Type.TEXT, "the asset's id; BTM's is 64 times `f`")
_AMOUNT = Column("amount", Type.WHOLE, "smallest units")

BLOCKS: Final = Table(
    "blocks",
    "a block of the best chain, from height 1 on",
    (
        Column("height", Type.WHOLE, "how many blocks lie before it"),
        Column("id", Type.TEXT, "the block's id"),
        Column("previous", Type.TEXT, "the id of the block before it"),
        Column("time", Type.TIME, "what its header says; a sidechain's to the millisecond"),
        Column("transactions", Type.SMALL, "how many there are in it"),
        Column("bytes", Type.WHOLE, "its size (a sidechain's without header)"),
        Column("target", Type.WHOLE, "main chain: compact form of the target", empty=True),
        Column("epoch", Type.WHOLE, "sidechain: the epoch whose validators voted", empty=True),
        Column("proposer", Type.SMALL, "sidechain: who proposed it, by index", empty=True),
    ),
    key=("height",),
    indexes=(("id",), ("time",)),
)
TRANSACTIONS: Final = Table(
    "transactions",
    "a transaction; on the main chain the coinbase stands first in its block",
    (
        _HEIGHT,
        Column("position", Type.SMALL, "in the block, from 0"),
        Column("id", Type.TEXT, "the transaction's id"),
        Column("bytes", Type.WHOLE, "its size"),
        Column("inputs", Type.SMALL, "how many coins it spends"),
        Column("outputs", Type.SMALL, "how many outputs it has"),
        Column("actions", Type.SMALLS, "the kinds of its actions, in order"),
    ),
    key=("height", "position"),
    indexes=(("id",),),
)
INPUTS: Final = Table(
    "inputs",
    "a coin spent",
    (
        _HEIGHT,
        _TRANSACTION,
        Column("position", Type.SMALL, "among the transaction's inputs, from 0"),
        Column("spent_transaction", Type.TEXT, "which made the coin"),
        Column("spent_position", Type.WHOLE, "among that one's outputs"),
    ),
    key=("height", "transaction", "position"),
    indexes=(("transaction",), ("spent_transaction", "spent_position")),
)
OUTPUTS: Final = Table(
    "outputs",
    "a coin made by a transaction's output, or given out by a sidechain itself",
    (
        _HEIGHT,
        Column("transaction", Type.TEXT, "which made it; of what modules pay at a block's end, "
               "an id of the block's payments"),
        Column("position", Type.WHOLE, "among its outputs; from 65536 on, what the sidechain "
               "itself gave out for it: refunds, sponsors repaid, what modules pay"),
        _ASSET,
        _AMOUNT,
        Column("lock", Type.TEXT, "`policy`, `retire` (destroyed), `vault`, `deposit`, "
               "`treasury`, `pending`"),
        Column("address", Type.TEXT, "that pays to the lock, if there is one", empty=True),
        Column("vault", Type.TEXT, "that holds the coin, if one does", empty=True),
        Column("spent_height", Type.WHOLE, "of the block that spent it", empty=True, later=True),
        Column("spent_transaction", Type.TEXT, "which spent it", empty=True, later=True),
        Column("spent_position", Type.SMALL, "among that one's inputs", empty=True, later=True),
    ),
    key=("height", "transaction", "position"),
    indexes=(("transaction", "position"), ("address",)),
)  # fmt: skip
ASSETS: Final = Table(
    "assets",
    "an asset that was issued on the main chain, or that the sidechain takes",
    (
        Column("asset", Type.TEXT, "the asset's id"),
        Column("symbol", Type.TEXT, "its short name, which anybody may choose"),
        Column("unit", Type.TEXT, "what an amount is counted in", empty=True),
        Column("decimals", Type.SMALL, "10^decimals smallest units are one"),
        Column("fungible", Type.FLAG, "whether one is like another"),
        Column("divisible", Type.FLAG, "whether parts of one may move", empty=True),
        Column("serial", Type.TEXT, "which of its kind, if it is not fungible", empty=True),
        Column("cap", Type.WHOLE, "most that may ever be issued, if there is one", empty=True),
        Column("height", Type.WHOLE, "of the first issue; none if there was none", empty=True),
    ),
    key=("asset",),
    once=True,
)
ISSUES: Final = Table(
    "issues",
    "an amount of an asset created",
    (
        _HEIGHT,
        _TRANSACTION,
        Column("position", Type.SMALL, "among its actions"),
        _ASSET,
        _AMOUNT,
    ),
    key=("height", "transaction", "position"),
    indexes=(("asset",),),
    of=("main",),
)
DEPOSITS: Final = Table(
    "deposits",
    "an output that pays into a vault; the coin itself is in `outputs`, too",
    (
        _HEIGHT,
        _TRANSACTION,
        Column("position", Type.WHOLE, "among its outputs"),
        Column("vault", Type.TEXT, "which it pays into"),
        Column("sidechain", Type.TEXT, "the chain id that its note names"),
        Column("recipient", Type.TEXT, "the policy root there that its note names; zeros: nobody, "
               "a donation"),
        _ASSET,
        _AMOUNT,
    ),
    key=("height", "transaction", "position"),
    indexes=(("transaction", "position"), ("vault",), ("sidechain",)),
    of=("main",),
)  # fmt: skip
OPERATIONS: Final = Table(
    "vault_operations",
    "something done to a vault",
    (
        _HEIGHT,
        _TRANSACTION,
        Column("vault", Type.TEXT, "which; of a `complete` the coin it spends says it", empty=True),
        Column("operation", Type.TEXT, "`create`, `order`, `touch`, `complete`, `veto`, …"),
        Column("counter", Type.WHOLE, "the seq or turn it was signed for", empty=True),
    ),
    key=("height", "transaction"),
    indexes=(("vault",), ("transaction",)),
    of=("main",),
)
RELEASES: Final = Table(
    "releases",
    "a payment that a vault's order makes",
    (
        _HEIGHT,
        _TRANSACTION,
        Column("position", Type.SMALL, "among the order's payments"),
        Column("vault", Type.TEXT, "which pays"),
        Column("seq", Type.WHOLE, "the order's number; on the sidechain, its batch's"),
        Column("tier", Type.SMALL, "whose signatures and limits it stands under"),
        Column("delayed", Type.FLAG, "set aside first: paid by a later `complete`, or vetoed"),
        _ASSET,
        _AMOUNT,
        Column("address", Type.TEXT, "who is paid", empty=True),
    ),
    key=("height", "transaction", "position"),
    indexes=(("vault",), ("address",)),
    of=("main",),
)
CLAIMS: Final = Table(
    "claims",
    "a deposit of the main chain minted here",
    (
        _HEIGHT,
        _TRANSACTION,
        Column("deposit_transaction", Type.TEXT, "the main chain's transaction"),
        Column("deposit_position", Type.WHOLE, "among its outputs"),
        _ASSET,
        Column("amount", Type.WHOLE, "deposited, smallest units"),
        Column("fee", Type.WHOLE, "of that, what the pegs took"),
        Column("address", Type.TEXT, "who got the rest", empty=True),
    ),
    key=("height", "transaction"),
    indexes=(("deposit_transaction", "deposit_position"),),
    of=("sidechain",),
)
BURNS: Final = Table(
    "burns",
    "an amount burned here to be paid out on the main chain",
    (
        _HEIGHT,
        _TRANSACTION,
        Column("position", Type.SMALL, "among its actions"),
        Column("pegout", Type.TEXT, "the peg-out's id, which its later `peg_events` carry"),
        _ASSET,
        Column("amount", Type.WHOLE, "burned, smallest units"),
        Column("payout", Type.WHOLE, "of that, what is paid out", empty=True),
        Column("address", Type.TEXT, "main-chain address to be paid", empty=True),
        Column("refund", Type.TEXT, "address here that a refund would pay", empty=True),
    ),
    key=("height", "transaction", "position"),
    indexes=(("pegout",), ("transaction",)),
    of=("sidechain",),
)
PEG_EVENTS: Final = Table(
    "peg_events",
    "something that pegs or modules did: each step of a peg-out, batches, stops, payments",
    (
        _HEIGHT,
        Column("position", Type.SMALL, "in the block, from 0"),
        Column("event", Type.TEXT, "`claimed`, `pegout`, `pegout_state`, `batch`, `given`, …"),
        Column("subject", Type.TEXT, "what it happened to: a peg-out's or transaction's id, a "
               "batch's seq, a deposit as `id:position`", empty=True),
        Column("state", Type.TEXT, "it is in since: `requested`, `batched`, `pending`, `settled`, "
               "`refunded`; of a batch `open`, `pending`, `settled`, `voided`", empty=True),
        Column("asset", Type.TEXT, "the asset's id", empty=True),
        Column("amount", Type.WHOLE, "smallest units; of `pegout` what is paid out", empty=True),
        Column("facts", Type.JSON, "everything the event says"),
    ),
    key=("height", "position"),
    indexes=(("subject",), ("event",)),
    of=("sidechain",),
)  # fmt: skip
TABLES: Final = (
    BLOCKS, TRANSACTIONS, INPUTS, OUTPUTS, ASSETS, ISSUES, DEPOSITS, OPERATIONS, RELEASES, CLAIMS,
    BURNS, PEG_EVENTS,
)  # fmt: skip


def tables_of(kind: ChainKind) -> tuple[Table, ...]:
    """The tables that a chain of this kind has."""
    return tuple(table for table in TABLES if kind in table.of)


def described() -> Iterator[str]:
    """The tables as the lines of a Markdown page."""
    for table in TABLES:
        where = "" if len(table.of) > 1 else f" ({'main chain' if 'main' in table.of else 'side'})"
        yield f"**`{table.name}`**{where.replace('side)', 'sidechains)')}: {table.says}."
        yield from ("", "| column | type | what it says |", "|---|---|---|")
        yield from (f"| `{one.name}` | {_type(one)} | {one.says} |" for one in table.columns)
        keys = ", ".join(f"`{name}`" for name in table.key)
        found = "; ".join(", ".join(f"`{name}`" for name in index) for index in table.indexes)
        yield from ("", f"Key: {keys}." + (f" Indexes: {found}." if found else ""), "")


def _type(column: Column) -> str:
    later = ", PostgreSQL only" if column.later else ""
    return column.type.value + (" or none" if column.empty else "") + later


if __name__ == "__main__":
    print("\n".join(described()))

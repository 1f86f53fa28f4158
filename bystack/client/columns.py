"""What analysts get of the main chain: four tables in Parquet files, rows in the chain's order.

Ids are hex, amounts base units, times UTC. A coin is known by (transaction, position), an input
says which coin it spends: what is unspent, who paid whom and what a fee was are joins. Each file
carries the network and the heights in its metadata (`bystack`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Self

import pyarrow
import pyarrow.parquet

from bystack.ledger.transactions import (
    DepositLock,
    Lock,
    Output,
    PendingLock,
    PolicyLock,
    Transaction,
    TreasuryLock,
    VaultLock,
)
from bystack.mainchain.blocks import Block
from bystack.primitives.addresses import DEPOSIT, POLICY, Address, encode_address

ROWS: Final = 100_000
"""Rows of a row group, about: what is held in memory before it is written."""

_id, _height, _place = pyarrow.string(), pyarrow.int64(), pyarrow.int32()
SCHEMAS: Final[dict[str, Any]] = {
    "blocks": pyarrow.schema(
        {
            "height": _height,
            "id": _id,
            "previous": _id,
            "time": pyarrow.timestamp("s", "UTC"),
            "target": pyarrow.int64(),
            "transactions": _place,
            "bytes": pyarrow.int64(),
        }
    ),
    "transactions": pyarrow.schema(
        {
            "height": _height,
            "position": _place,
            "id": _id,
            "bytes": pyarrow.int64(),
            "inputs": _place,
            "outputs": _place,
            "actions": pyarrow.list_(_place),
        }
    ),
    "inputs": pyarrow.schema(
        {
            "height": _height,
            "transaction": _id,
            "position": _place,
            "spent_transaction": _id,
            "spent_position": pyarrow.int64(),
        }
    ),
    "outputs": pyarrow.schema(
        {
            "height": _height,
            "transaction": _id,
            "position": _place,
            "asset": _id,
            "amount": pyarrow.int64(),
            "lock": pyarrow.string(),
            "address": pyarrow.string(),
            "vault": _id,
        }
    ),
}
"""Each table's columns; a file is called as its table."""

Row = tuple[Any, ...]


def address_of(lock: Lock, hrp: str) -> str | None:
    """The address that pays to a lock, if it has one; None without a prefix."""
    match lock:
        case PolicyLock(root) if hrp:
            return encode_address(Address(hrp, POLICY, root))
        case DepositLock(vault, note) if hrp:
            return encode_address(Address(hrp, DEPOSIT, vault + note))
        case _:
            return None


def vault_of(lock: Lock) -> str | None:
    """The vault that holds the coin, in hex; None for a coin of nobody's vault."""
    match lock:
        case VaultLock(vault) | DepositLock(vault) | TreasuryLock(vault) | PendingLock(vault):
            return vault.hex()
        case _:
            return None


def _output(height: int, id: str, place: int, output: Output, hrp: str) -> Row:
    kind = type(output.lock).__name__.removesuffix("Lock").lower()
    held = (address_of(output.lock, hrp), vault_of(output.lock))
    return (height, id, place, output.asset.hex(), output.amount, kind, *held)


class Tables:
    """Writes the four files into `folder`; use as a context, so that they are closed."""

    def __init__(self, folder: Path, hrp: str, about: dict[str, Any]) -> None:
        meta = {"bystack": json.dumps(about)}
        self._hrp = hrp
        self._rows: dict[str, list[Row]] = {name: [] for name in SCHEMAS}
        self._files = {
            name: pyarrow.parquet.ParquetWriter(
                folder / f"{name}.parquet", schema.with_metadata(meta), compression="zstd"
            )
            for name, schema in SCHEMAS.items()
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        for name in self._files:
            if error[0] is None:
                self._flush(name)
            self._files[name].close()

    def block(self, block: Block, size: int) -> None:
        """Add a block of `size` bytes with everything in it."""
        header = block.header
        facts = (header.id.hex(), header.previous.hex(), header.time, header.target)
        self._add("blocks", [(header.height, *facts, len(block.transactions), size)])
        for place, transaction in enumerate(block.transactions):
            self._transaction(header.height, place, transaction)

    def _transaction(self, height: int, place: int, transaction: Transaction) -> None:
        size, body, id = len(transaction.encoded()), transaction.body, transaction.id.hex()
        kinds = [action.kind for action in body.actions]
        counts = (len(body.inputs), len(body.outputs), kinds)
        self._add("transactions", [(height, place, id, size, *counts)])
        spent = ((one.transaction.hex(), one.index) for one in body.inputs)
        self._add("inputs", [(height, id, number, *one) for number, one in enumerate(spent)])
        made = enumerate(body.outputs)
        self._add("outputs", [_output(height, id, number, one, self._hrp) for number, one in made])

    def _add(self, name: str, rows: Sequence[Row]) -> None:
        self._rows[name] += rows
        if len(self._rows[name]) >= ROWS:
            self._flush(name)

    def _flush(self, name: str) -> None:
        rows, self._rows[name] = self._rows[name], []
        if rows:
            schema = SCHEMAS[name]
            columns = zip(schema, zip(*rows, strict=True), strict=True)
            arrays = [pyarrow.array(column, field.type) for field, column in columns]
            self._files[name].write_batch(pyarrow.record_batch(arrays, schema=schema))

"""A main-chain block as rows."""

from __future__ import annotations

from typing import Final

from bystack.client.indexing.columns import BlockRows, Row
from bystack.client.indexing.locks import address_of, output_row, vault_of
from bystack.client.indexing.texts import plain
from bystack.ledger.amounts import BTM, BTM_DECIMALS
from bystack.ledger.transactions import DepositLock, PendingLock, Transaction
from bystack.ledger.vault_operations import (
    VAULT_KINDS,
    Operation,
    Order,
    counter_of,
    decode_operation,
    name_of,
)
from bystack.mainchain.blocks import decode_block
from bystack.mainchain.issues import ISSUE, Issue, decode_issue, issued_asset

BTM_ROW: Final[Row] = (BTM.hex(), "BTM", "", BTM_DECIMALS, True, True, "", None, None)
"""The main chain's own asset, which nobody issues."""


class MainRows:
    """Rows of one block after another; addresses begin with `hrp`: where it is empty, none."""

    def __init__(self, hrp: str) -> None:
        self._hrp = hrp
        self._rows: dict[str, list[Row]] = {}

    def block(self, data: bytes) -> BlockRows:
        """The rows of an encoded block; raises the codec's errors."""
        block = decode_block(data)
        header, self._rows = block.header, {}
        id, previous, count = header.id.hex(), header.previous.hex(), len(block.transactions)
        facts = (header.time * 1000, count, len(data), header.target, None, None)
        self._add("blocks", (header.height, id, previous, *facts))
        for position, tx in enumerate(block.transactions):
            self._transaction(header.height, position, tx)
        return BlockRows(header.height, id, previous, self._rows, len(data))

    def _add(self, table: str, *rows: Row) -> None:
        self._rows.setdefault(table, []).extend(rows)

    def _transaction(self, height: int, position: int, tx: Transaction) -> None:
        size, body, id = len(tx.encoded()), tx.body, tx.id.hex()
        self._add("transactions", transaction_row(height, position, tx, size))
        self._add("inputs", *input_rows(height, tx))
        made = enumerate(body.outputs)
        self._add("outputs", *(output_row(height, id, n, one, self._hrp) for n, one in made))
        for number, output in enumerate(body.outputs):
            if isinstance(output.lock, DepositLock):
                note, coin = output.lock.note, (output.asset.hex(), output.amount)
                meant = (output.lock.vault.hex(), note[:32].hex(), note[32:].hex())
                self._add("deposits", (height, id, number, *meant, *coin))
        for number, action in enumerate(body.actions):
            if action.kind == ISSUE:
                self._issue(height, id, number, decode_issue(action))
            elif action.kind in VAULT_KINDS:
                self._operation(height, tx, decode_operation(action.kind, action.body))

    def _issue(self, height: int, id: str, number: int, issue: Issue) -> None:
        asset, what = issued_asset(issue).hex(), issue.definition
        self._add("issues", (height, id, number, asset, issue.amount))
        names = (plain(what.symbol), plain(what.unit), what.decimals)
        flags = (bool(what.fungible), bool(what.divisible))
        row = (asset, *names, *flags, what.serial.hex(), what.cap or None, height)
        self._add("assets", row)

    def _operation(self, height: int, tx: Transaction, operation: Operation) -> None:
        held = (vault_of(o.lock) for o in tx.body.outputs if not isinstance(o.lock, DepositLock))
        vault = next((one for one in held if one is not None), None)
        name, id = name_of(operation), tx.id.hex()
        signed = name not in ("create", "complete", "veto", "adopt", "consolidate")
        counter = counter_of(operation) if signed else None
        self._add("vault_operations", (height, id, vault, name, counter))
        if isinstance(operation, Order):
            delayed = any(isinstance(output.lock, PendingLock) for output in tx.body.outputs)
            self._order(height, id, vault or "", operation, delayed)

    def _order(self, height: int, id: str, vault: str, order: Order, delayed: bool) -> None:
        for number, one in enumerate(order.outputs):
            place = (height, id, number, vault, order.seq, order.tier, delayed)
            paid = (one.asset.hex(), one.amount, address_of(one.lock, self._hrp))
            self._add("releases", (*place, *paid))


def transaction_row(height: int, position: int, tx: Transaction, size: int) -> Row:
    """A row of `transactions`."""
    body = tx.body
    kinds = [action.kind for action in body.actions]
    return (height, position, tx.id.hex(), size, len(body.inputs), len(body.outputs), kinds)


def input_rows(height: int, tx: Transaction) -> list[Row]:
    """A transaction's rows of `inputs`."""
    spent = enumerate(tx.body.inputs)
    return [(height, tx.id.hex(), n, one.transaction.hex(), one.index) for n, one in spent]

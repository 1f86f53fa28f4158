"""Looking things up for RPC and for other processes: what the store and the machine know together.

Nothing here changes anything. Errors carry Bitcoin Core's codes.
"""

from __future__ import annotations

from typing import NamedTuple

from bystack.ledger.coins import Coin
from bystack.ledger.transactions import Outpoint, Transaction
from bystack.mainchain.blocks import Block, decode_block
from bystack.mainchain.chain import Entry
from bystack.mainchain.departures import Departure, prove_departure
from bystack.mainchain.history import prove_history
from bystack.mainchain.issues import RECORD_INDEX
from bystack.mainchain.proofs import HistoryProof, TransactionProof, prove_transaction
from bystack.node.ipc import RemoteError
from bystack.node.mainchain.driver import Driver
from bystack.node.rpc import BAD_PARAMETER, NOT_FOUND


class Found(NamedTuple):
    """A transaction and the block it stands in; no block for one that waits in the pool."""

    tx: Transaction
    block: Entry | None


class Reader:
    """Reads beside the chain's task, between two of its events."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._store = driver.store

    @property
    def tip(self) -> Entry:
        """The entry of the last connected block."""
        return self._driver.machine.tip

    def entry(self, id: bytes) -> Entry:
        """A header's entry; raises `RemoteError` (-5)."""
        entry = self._driver.machine.tree.entry(id)
        if entry is None:
            raise RemoteError(NOT_FOUND, "Block not found")
        return entry

    def entry_at(self, height: int) -> Entry | None:
        """The entry of the connected block at a height."""
        id = self._driver.machine.line.at(height)
        return None if id is None else self._driver.machine.tree.entry(id)

    def id_at(self, height: int) -> bytes:
        """The id of the connected block at a height; raises `RemoteError` (-8)."""
        id = self._driver.machine.line.at(height)
        if id is None:
            raise RemoteError(BAD_PARAMETER, "Block height out of range")
        return id

    def verdict(self, id: bytes) -> str:
        """How the chain holds a header: `best`, `side` (valid so far), `invalid`, `unknown`.

        Of a chain that left the best one at an invalid block, only what was seen before the block
        was judged is `invalid`; later headers are not kept, and `unknown`.
        """
        tree = self._driver.machine.tree
        if tree.refused(id):
            return "invalid"
        if tree.entry(id) is None:
            return "unknown"
        return "best" if self._driver.machine.line.holds(id) else "side"

    def departure(self, id: bytes, work: bytes) -> Departure | None:
        """That the chain parts from a side branch below the header `id` and has more than `work`.

        None where that is not so, or the header is not known.
        """
        machine = self._driver.machine
        entry = machine.tree.entry(id)
        if entry is None or machine.line.holds(id):
            return None
        return prove_departure(machine.tree, machine.line, self._store.node, entry, work)

    def confirmations(self, entry: Entry) -> int:
        """How deep a block lies, 1 at the tip; -1 beside the chain."""
        if not self._driver.machine.line.holds(entry.id):
            return -1
        return self.tip.header.height - entry.header.height + 1

    def following(self, entry: Entry) -> bytes | None:
        """The id of the connected block after this one."""
        line = self._driver.machine.line
        return line.at(entry.header.height + 1) if line.holds(entry.id) else None

    def block_bytes(self, id: bytes) -> bytes:
        """A block's bytes; raises `RemoteError` (-5, -1 when only its header is here)."""
        entry = self.entry(id)
        data = self._store.block_bytes(id)
        if data is None:
            raise RemoteError(-1, f"Block not available ({self._why_absent(entry)})")
        return data

    def _why_absent(self, entry: Entry) -> str:
        first = self._store.first_kept
        if entry.header.height < first and self._driver.machine.line.holds(entry.id):
            return f"pruned; this node has those from {first} on"
        return "not downloaded yet"

    def block(self, id: bytes) -> Block:
        """As `block_bytes`, decoded."""
        return decode_block(self.block_bytes(id))

    def transaction(self, id: bytes, block: bytes | None = None) -> Found:
        """A transaction of the pool, the connected chain, or a given block; raises -5."""
        if block is not None:
            return Found(_of(self.block(block), id), self.entry(block))
        waiting = self._driver.pool.get(id)
        if waiting is not None:
            return Found(waiting, None)
        place = self._store.find(id)
        if place is None:
            first = self._store.first_kept
            hint = f" (blocks below {first} are pruned)" if first > 1 else ""
            raise RemoteError(NOT_FOUND, f"No such mempool or blockchain transaction{hint}")
        whole = self._store.block(place.block)
        return Found(whole.transactions[place.position], self.entry(place.block))

    def inclusion(self, id: bytes) -> TransactionProof | None:
        """The proof that a transaction stands in the connected chain."""
        place = self._store.find(id)
        if place is None:
            return None
        return prove_transaction(self._store.block(place.block), place.position)

    def history(self, old: int, newer: int) -> HistoryProof:
        """The proof that the header at one height is below that at another; raises -8."""
        before, after = self.entry_at(old), self.entry_at(newer)
        if before is None or after is None or old >= newer:
            raise RemoteError(BAD_PARAMETER, "Block height out of range")
        return prove_history(self._store.node, after.header, before)

    def coin(self, place: Outpoint) -> Coin | None:
        """An unspent coin of the connected chain."""
        return self._store.coins.get(place)

    def asset(self, id: bytes) -> Coin | None:
        """The coin that holds an asset's registration."""
        return self.coin(Outpoint(id, RECORD_INDEX))


def _of(block: Block, id: bytes) -> Transaction:
    for tx in block.transactions:
        if tx.id == id:
            return tx
    raise RemoteError(NOT_FOUND, "No such transaction found in the provided block")

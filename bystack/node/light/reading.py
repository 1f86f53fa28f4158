"""Looking things up on a light node: headers, and transactions by their proofs."""

from __future__ import annotations

from bystack.ledger.transactions import decode_transaction
from bystack.mainchain.chain import Entry
from bystack.mainchain.departures import Departure, prove_departure
from bystack.mainchain.history import prove_history
from bystack.mainchain.proofs import HistoryProof
from bystack.node.ipc import RemoteError
from bystack.node.light.driver import LightDriver
from bystack.node.mainchain.reading import Found
from bystack.node.rpc import BAD_PARAMETER, NOT_FOUND


class LightReader:
    """Reads beside the chain's task, between two of its events."""

    def __init__(self, driver: LightDriver) -> None:
        self._driver = driver

    @property
    def tip(self) -> Entry:
        """The entry of the best header."""
        return self._driver.machine.tip

    def entry(self, id: bytes) -> Entry:
        """A header's entry; raises `RemoteError` (-5)."""
        entry = self._driver.machine.tree.entry(id)
        if entry is None:
            raise RemoteError(NOT_FOUND, "Block not found")
        return entry

    def entry_at(self, height: int) -> Entry | None:
        """The entry of the best chain's header at a height."""
        id = self._driver.machine.line.at(height)
        return None if id is None else self._driver.machine.tree.entry(id)

    def id_at(self, height: int) -> bytes:
        """The id at a height; raises `RemoteError` (-8)."""
        entry = self.entry_at(height)
        if entry is None:
            raise RemoteError(BAD_PARAMETER, "Block height out of range")
        return entry.id

    def departure(self, id: bytes, work: bytes) -> Departure | None:
        """As a full node's reader: that the best chain parts from a side branch below a header."""
        machine = self._driver.machine
        entry = machine.tree.entry(id)
        if entry is None or machine.line.holds(id):
            return None
        return prove_departure(machine.tree, machine.line, self._driver.history.node, entry, work)

    def confirmations(self, entry: Entry) -> int:
        """How deep a header lies, 1 at the tip; -1 beside the best chain."""
        if not self._driver.machine.line.holds(entry.id):
            return -1
        return self.tip.header.height - entry.header.height + 1

    def following(self, entry: Entry) -> bytes | None:
        """The id of the header after this one on the best chain."""
        line = self._driver.machine.line
        return line.at(entry.header.height + 1) if line.holds(entry.id) else None

    def history(self, old: int, newer: int) -> HistoryProof:
        """The proof that the header at one height is below that at another; raises -8."""
        before, after = self.entry_at(old), self.entry_at(newer)
        if before is None or after is None or old >= newer:
            raise RemoteError(BAD_PARAMETER, "Block height out of range")
        return prove_history(self._driver.history.node, after.header, before)

    def transaction(self, id: bytes) -> Found:
        """A transaction we sent or that concerned somebody here; raises -5."""
        kept = self._driver.store.watched(id)
        if kept is not None and self._driver.machine.line.holds(kept.header):
            return Found(decode_transaction(kept.transaction), self.entry(kept.header))
        if (sent := self._driver.sending.get(id)) is not None:
            return Found(sent, None)
        text = "No such transaction among those this light node watched or sent"
        raise RemoteError(NOT_FOUND, text)

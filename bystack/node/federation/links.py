"""The member's private lines to its own node: main chain, sidechain, signer."""

from __future__ import annotations

from typing import Any, Final

import trio

from bystack.ledger.coins import Coin
from bystack.ledger.transactions import Outpoint
from bystack.ledger.vault_building import OwnedCoin
from bystack.mainchain.proofs import HistoryProof, TransactionProof
from bystack.node.announce import socket_of
from bystack.node.ipc import Reconnecting
from bystack.primitives.codec import decode
from bystack.primitives.mountain import MountainProof
from bystack.sidechain.consensus.light import FinalHeader
from bystack.sidechain.inclusion import Inclusion
from bystack.sidechain.state import MAX_VALUE

MAX_COIN = 200_000
MAX_PROOF = 3_000_000
MAX_FINAL = 1_000_000
PATIENCE: Final = 3.0
"""Seconds a call waits for a sidechain's process that has only just been started."""


class Links:
    """Typed calls; each raises `ipc.Unavailable` while the other process is down."""

    def __init__(self, name: str) -> None:
        self.main = Reconnecting(socket_of("mainchain"))
        self.side = Reconnecting(socket_of("sidechain", name), patience=PATIENCE)
        self.signer = Reconnecting(f"run/signer-federation-{name}.sock")

    async def run(self, nursery: trio.Nursery) -> None:
        """Keep the lines up."""
        for link in (self.main, self.side, self.signer):
            await nursery.start(link.run)

    async def vault_coins(self, vault: bytes) -> list[OwnedCoin]:
        """Every coin of a vault on the main chain's tip, its anchor included."""
        rows = await self.main.call("vault", vault)
        return [
            (decode(Outpoint, point, 100), decode(Coin, coin, MAX_COIN)) for point, coin in rows
        ]

    async def inclusion(self, txid: bytes) -> Inclusion | None:
        """The proof of a transaction on the best chain, under a header of the window."""
        proof = await self.main.call("inclusion", txid)
        return Inclusion(decode(TransactionProof, proof, MAX_PROOF), ()) if proof else None

    async def history(self, old: int, newer: int) -> HistoryProof:
        """The proof of an old header under a newer one's history root."""
        data = await self.main.call("history", old, newer)
        return decode(HistoryProof, data, MAX_PROOF)

    async def state(self, kind: Any, key: bytes) -> Any:
        """A typed entry of the sidechain's final state, or None."""
        data = await self.side.call("state", key)
        return None if data is None else decode(kind, data, MAX_VALUE)

    async def final_header(self, height: int) -> FinalHeader:
        """The sidechain's final header at a height, with all that shows it final."""
        return decode(FinalHeader, await self.side.call("final_header", height), MAX_FINAL)

    async def newest_final(self) -> FinalHeader:
        """The newest header of the sidechain that can be shown final."""
        return decode(FinalHeader, await self.side.call("newest_final"), MAX_FINAL)

    async def record(self, leaf: int, height: int) -> MountainProof:
        """The proof of an outbox leaf under the outbox root of the block at `height`."""
        return decode(MountainProof, await self.side.call("record", leaf, height), MAX_PROOF)

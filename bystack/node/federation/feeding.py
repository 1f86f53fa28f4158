"""Feeding the signer what it verifies itself: main-chain headers, and its vault's anchor spends.

The signer says how far it is; everything else follows from that, so it may restart at any time.
"""

from __future__ import annotations

from bystack.ledger.transactions import VaultLock
from bystack.ledger.vault_operations import VAULT_KINDS
from bystack.mainchain.blocks import Block
from bystack.node.federation.links import Links
from bystack.primitives.codec import encode
from bystack.sidechain.inclusion import Inclusion
from bystack.sidechain.params import Genesis
from bystack.sidechain.relay import MAX_BRANCH

# A better branch comes whole: its first part alone may have less work than what it replaces.
BATCH = MAX_BRANCH


class Feeding:
    """What the signer has been fed and what it still lacks. `depth` is its watch's."""

    def __init__(self, links: Links, genesis: Genesis, depth: int | None = None) -> None:
        self._links, self._genesis = links, genesis
        self._depth = genesis.depth if depth is None else depth
        self._anchors: list[tuple[int, bytes]] = []

    def connect(self, height: int, block: Block) -> None:
        """Note the spends of the vault's anchor (and its creation) in a main-chain block."""
        for tx in block.transactions:
            moves = any(action.kind in VAULT_KINDS for action in tx.body.actions)
            if moves and any(o.lock == VaultLock(self._genesis.vault) for o in tx.body.outputs):
                self._anchors.append((height, tx.id))

    def disconnect(self, height: int) -> None:
        """Forget those of a block that left the best chain."""
        self._anchors = [anchor for anchor in self._anchors if anchor[0] < height]

    def restart(self) -> None:
        """The main chain is followed from its start again."""
        self._anchors.clear()

    async def step(self) -> bool:
        """Feed one batch of headers and the anchors that are deep enough; True if there is more."""
        height, _, seq = await self._links.signer.call("seen")
        # The signer says itself where a reorganisation may leave from: this process may restart.
        known = await self._links.signer.call("locator")
        headers = await self._links.main.call("headers", known, BATCH)
        if headers:
            height, _, seq = await self._links.signer.call("headers", headers)
        await self._feed_anchors(height, seq)
        return len(headers) == BATCH

    async def _feed_anchors(self, height: int, seq: int) -> None:
        """The creation comes first (seq −1 says it is not proved), then each spend in order."""
        depth = self._depth
        while seq + 1 < len(self._anchors):
            at, txid = self._anchors[seq + 1]
            if height - at < depth:
                return
            inclusion = await self._inclusion(txid, at, height)
            if inclusion is None:
                return
            height, _, seq = await self._links.signer.call("anchor", encode(inclusion))

    async def _inclusion(self, txid: bytes, at: int, height: int) -> Inclusion | None:
        inclusion = await self._links.inclusion(txid)
        if inclusion is None or height - at < self._genesis.window:
            return inclusion
        history = await self._links.history(at, height - self._depth)
        return Inclusion(inclusion.proof, (history,))

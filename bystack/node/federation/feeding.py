"""Feeding the signer what it verifies itself: main-chain headers, anchor spends, vetoes.

The signer says how far it is; everything else follows from that, so it may restart at any time.
"""

from __future__ import annotations

from bystack.ledger.transactions import VaultLock
from bystack.ledger.vault_operations import VAULT_KINDS, VETO
from bystack.mainchain.blocks import Block
from bystack.node.federation.links import Links
from bystack.primitives.codec import encode
from bystack.sidechain.inclusion import Inclusion
from bystack.sidechain.params import Genesis
from bystack.sidechain.relay import MAX_BRANCH

MOST_VETOES = 1000

# A better branch comes whole: its first part alone may have less work than what it replaces.
BATCH = MAX_BRANCH


class Feeding:
    """What the signer has been fed and what it still lacks. `depth` is its watch's."""

    def __init__(self, links: Links, genesis: Genesis, depth: int | None = None) -> None:
        self._links, self._genesis = links, genesis
        self._depth = genesis.depth if depth is None else depth
        self._anchors: list[tuple[int, bytes]] = []
        self._vetoes: list[tuple[int, bytes, bytes]] = []

    def connect(self, height: int, block: Block) -> None:
        """Note the spends of the vault's anchor (and its creation), and vetoes, in a block."""
        for tx in block.transactions:
            if any(action.kind == VETO for action in tx.body.actions) and tx.body.inputs:
                self._vetoes.append((height, tx.id, encode(tx.body.inputs[0])))
            moves = any(action.kind in VAULT_KINDS for action in tx.body.actions)
            if moves and any(o.lock == VaultLock(self._genesis.vault) for o in tx.body.outputs):
                self._anchors.append((height, tx.id))

    def disconnect(self, height: int) -> None:
        """Forget those of a block that left the best chain."""
        self._anchors = [anchor for anchor in self._anchors if anchor[0] < height]
        self._vetoes = [veto for veto in self._vetoes if veto[0] < height]

    def restart(self) -> None:
        """The main chain is followed from its start again."""
        self._anchors.clear()
        self._vetoes.clear()

    async def step(self) -> bool:
        """Feed one batch of headers and the anchors that are deep enough; True if there is more."""
        height, _, seq = await self._links.signer.call("seen")
        # The signer says itself where a reorganisation may leave from: this process may restart.
        known = await self._links.signer.call("locator")
        headers = await self._links.main.call("headers", known, BATCH)
        if headers:
            height, _, seq = await self._links.signer.call("headers", headers)
        await self._feed_anchors(height, seq)
        await self._feed_vetoes(height)
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

    async def _feed_vetoes(self, height: int) -> None:
        """Those deep enough that the signer lacks; it says which, for it may have begun anew."""
        deep = [veto for veto in self._vetoes if height - veto[0] >= self._genesis.depth]
        for first in range(0, len(deep), MOST_VETOES):
            some = deep[first : first + MOST_VETOES]
            coins = [coin for _, _, coin in some]
            lacking = set(await self._links.signer.call("unvetoed", coins))
            for at, txid, coin in some:
                inclusion = await self._inclusion(txid, at, height) if coin in lacking else None
                if inclusion is not None:
                    await self._links.signer.call("veto", encode(inclusion))

    async def _inclusion(self, txid: bytes, at: int, height: int) -> Inclusion | None:
        inclusion = await self._links.inclusion(txid)
        if inclusion is None or height - at < self._genesis.window:
            return inclusion
        history = await self._links.history(at, height - self._depth)
        return Inclusion(inclusion.proof, (history,))

"""Feeding the signer what it verifies itself: main-chain headers, anchor spends, vetoes.

The signer says how far it is; everything else follows from that, so it may restart at any time.
"""

from __future__ import annotations

from bystack.federation.trail import Operations
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
    """What the signer has been fed and what it still lacks. `depth` is its watch's.

    `operations`: the main chain's, where somebody else follows it.
    """

    def __init__(
        self,
        links: Links,
        genesis: Genesis,
        depth: int | None = None,
        operations: Operations | None = None,
    ) -> None:
        self._links, self._genesis = links, genesis
        self._depth = genesis.depth if depth is None else depth
        self._operations = Operations() if operations is None else operations

    def connect(self, height: int, block: Block) -> None:
        """Note the spends of anchors (and their creation), and vetoes, in a block."""
        self._operations.connect(height, block)

    def disconnect(self, height: int) -> None:
        """Forget those of a block that left the best chain."""
        self._operations.disconnect(height)

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
        depth, anchors = self._depth, self._operations.anchors(self._genesis.vault)
        while seq + 1 < len(anchors):
            at, txid = anchors[seq + 1].height, anchors[seq + 1].transaction
            if height - at < depth:
                return
            inclusion = await self._inclusion(txid, at, height)
            if inclusion is None:
                return
            height, _, seq = await self._links.signer.call("anchor", encode(inclusion))

    async def _feed_vetoes(self, height: int) -> None:
        """Those deep enough that the signer lacks; it says which, for it may have begun anew."""
        deep = [
            (veto.height, veto.transaction, encode(veto.coins[0]))
            for veto in self._operations.vetoes
            if height - veto.height >= self._genesis.depth
        ]
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

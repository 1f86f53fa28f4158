"""What peers ask of us, answered from connected blocks: nobody passes on what is not checked."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from bystack.mainchain.events import Action, Send, Serve, ServeCompact, ServeTransactions
from bystack.mainchain.messages import (
    MAX_HEADERS,
    GetBlocks,
    GetBlockTransactions,
    GetCompact,
    GetHeaders,
    Headers,
    MainMessage,
    Missing,
)
from bystack.mainchain.switching import Switching
from bystack.mainchain.sync.peers import BAD_POSITIONS, Peers
from bystack.mainchain.tree import HeaderTree

RECENT: Final = 10
"""Blocks this far below the tip are still given in compact form."""


class Answers:
    """Answers questions; who asks for what cannot be is scored."""

    def __init__(self, tree: HeaderTree, peers: Peers, switching: Switching) -> None:
        self._tree, self._peers, self._switching = tree, peers, switching

    def answer(self, peer: bytes, message: MainMessage, now: int) -> list[Action]:
        """What to send a peer for its question; nothing for a message that is none."""
        match message:
            case GetHeaders(locator):
                headers = self._switching.line.after(locator, MAX_HEADERS)
                return [Send(peer, Headers(headers))]
            case GetBlocks(ids):
                return [Serve(peer, ids)]
            case GetCompact(id):
                recent = self._recent(id)
                return [ServeCompact((peer,), id) if recent else Send(peer, Missing((id,)))]
            case GetBlockTransactions(id, positions):
                return self._part(peer, id, positions, now)
            case _:
                return []

    def _recent(self, id: bytes) -> bool:
        entry, tip = self._tree.entry(id), self._switching.tip
        near = entry is not None and entry.header.height > tip.header.height - RECENT
        return near and self._switching.line.holds(id)

    def _part(self, peer: bytes, id: bytes, positions: Sequence[int], now: int) -> list[Action]:
        entry = self._tree.entry(id)
        if entry is None or not self._recent(id):
            return [Send(peer, Missing((id,)))]
        ascending = all(one < other for one, other in pairwise(positions))
        if not ascending or positions[-1] >= entry.header.transaction_count:
            return [*self._peers.blame(peer, BAD_POSITIONS, now)]
        return [ServeTransactions(peer, id, tuple(positions))]

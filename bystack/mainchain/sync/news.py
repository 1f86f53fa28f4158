"""Telling peers of new tips, and hearing of theirs: by header, or in compact form among a few.

The last few peers that brought us a block first are asked for compact blocks at once; all others
announce headers, and the block is then asked for in compact form if it is worth it. Everything that
is half put together here is bounded: one block a peer, `FILLINGS` in all.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Final

from bystack.ledger.transactions import Transaction
from bystack.mainchain.blocks import Header
from bystack.mainchain.chain import Entry
from bystack.mainchain.events import Action, Match, Send, ServeCompact
from bystack.mainchain.messages import (
    Announce,
    CompactBlock,
    GetBlockTransactions,
    GetCompact,
    WantCompact,
)
from bystack.mainchain.sync.compact import Filling
from bystack.mainchain.sync.peers import Peers

FEW: Final = 3
"""Of how many peers we want compact blocks unasked."""
WANTERS: Final = 8
"""To how many we send them unasked."""
FILLINGS: Final = 8
WORTH: Final = 8
"""From how many transactions on a block is asked for in compact form."""
PATIENCE: Final = 4
LATE: Final = 16
"""Of how many blocks we remember, for each peer, that it was not waited for."""


class News:
    """Who is told what, and the compact blocks being put together; times are steady seconds."""

    def __init__(self, peers: Peers) -> None:
        self._peers = peers
        self._wanters: dict[bytes, None] = {}
        self._favourites: deque[bytes] = deque()
        self._former: set[bytes] = set()
        self._asked: dict[bytes, tuple[bytes, int]] = {}
        self._fillings: dict[bytes, Filling] = {}
        self._late: dict[bytes, deque[bytes]] = {}

    def leave(self, peer: bytes) -> None:
        """A peer is gone."""
        self._wanters.pop(peer, None)
        self._asked.pop(peer, None)
        self._fillings.pop(peer, None)
        self._late.pop(peer, None)
        if peer in self._favourites:
            self._favourites.remove(peer)
        self._former.discard(peer)

    # Telling

    def wants(self, peer: bytes, unasked: bool) -> None:
        """A peer wants compact blocks at once, or no longer; headers for those beyond `WANTERS`."""
        self._wanters.pop(peer, None)
        if unasked and len(self._wanters) < WANTERS:
            self._wanters[peer] = None

    def tell(self, tip: Entry) -> list[Action]:
        """Tell everybody of our tip who has not shown it to us."""
        unaware = [peer for peer in self._peers if not self._knows(peer, tip)]
        compact = tuple(peer for peer in unaware if peer in self._wanters)
        news: list[Action] = [ServeCompact(compact, tip.id)] if compact else []
        announce = Announce(tip.header)
        return [*news, *(Send(peer, announce) for peer in unaware if peer not in self._wanters)]

    def _knows(self, peer: bytes, tip: Entry) -> bool:
        shown = self._peers.shown(peer)
        return shown is not None and shown.id == tip.id

    # Hearing

    def thank(self, peer: bytes) -> list[Action]:
        """A peer brought a new tip first: from now on it may send compact blocks unasked."""
        if peer in self._favourites or peer in self._late or peer not in self._peers:
            return []
        self._favourites.append(peer)
        last = self._favourites[0] if len(self._favourites) > FEW else b""
        return [Send(peer, WantCompact(1)), *self.dismiss(last)]

    def dismiss(self, peer: bytes) -> list[Action]:
        """Want compact blocks of a peer unasked no longer, if we did."""
        if peer not in self._favourites:
            return []
        self._favourites.remove(peer)
        self._former.add(peer)  # a block of its may be on the way
        return [Send(peer, WantCompact(0))]

    def ask(self, peer: bytes, header: Header, now: int) -> list[Action]:
        """Ask for an announced block in compact form, if that is worth it and was so far."""
        if header.transaction_count < WORTH or not self.free(peer):
            return []
        self._asked[peer] = (header.id, now)
        return [Send(peer, GetCompact(header.id))]

    def free(self, peer: bytes) -> bool:
        """Whether a compact block of this peer can be put together now, and it never was late."""
        idle = all(peer not in some for some in (self._asked, self._fillings, self._late))
        return idle and len(self._fillings) + len(self._asked) < FILLINGS

    def expected(self, peer: bytes, id: bytes) -> bool:
        """Whether a compact block of this peer answers us or was wanted unasked."""
        return peer in self._favourites or peer in self._former or self.asked(peer, id)

    def asked(self, peer: bytes, id: bytes) -> bool:
        """Whether a peer was asked for this block in compact form."""
        asked = self._asked.get(peer)
        return asked is not None and asked[0] == id

    def begin(self, peer: bytes, block: CompactBlock, now: int) -> list[Action]:
        """Put a compact block together; there must be room (`asked` or `free`)."""
        self._asked.pop(peer, None)
        self._fillings[peer] = Filling(peer, block, now)
        return [Match(peer, block)]

    def matched(
        self, peer: bytes, id: bytes, found: Mapping[int, Transaction]
    ) -> tuple[Filling | None, list[Action]]:
        """What waits here is known: the filling if nothing lacks, or the question for the rest."""
        filling = self._fillings.get(peer)
        if filling is None or filling.block.header.id != id or filling.found is not None:
            return None, []
        filling.found = found
        lacking = filling.lacking()
        if not lacking:
            return self._fillings.pop(peer), []
        return None, [Send(peer, GetBlockTransactions(id, lacking))]

    def answered(self, peer: bytes, id: bytes) -> Filling | None:
        """The filling that a peer's `BlockTransactions` completes, None when it was not asked."""
        filling = self._fillings.get(peer)
        if filling is None or filling.found is None or filling.block.header.id != id:
            return None
        return self._fillings.pop(peer)

    def missing(self, peer: bytes, ids: Sequence[bytes]) -> bool:
        """A peer has not what was asked in compact form; True when that was so."""
        asked, filling = self._asked.get(peer), self._fillings.get(peer)
        if asked is not None and asked[0] in ids:
            del self._asked[peer]
            return True
        if filling is not None and filling.block.header.id in ids:
            del self._fillings[peer]
            return True
        return False

    def overdue(self, now: int) -> list[tuple[bytes, bytes]]:
        """Peers that let us wait for a block in compact form, and which.

        They may be slow, or mean to hold up one block after the other: from now on blocks are asked
        of them like of any other, whole.
        """
        late = [(peer, id) for peer, (id, since) in self._asked.items() if now >= since + PATIENCE]
        late += [
            (peer, one.block.header.id)
            for peer, one in self._fillings.items()
            if now >= one.since + PATIENCE
        ]
        for peer, id in late:
            self._asked.pop(peer, None)
            self._fillings.pop(peer, None)
            self._late.setdefault(peer, deque(maxlen=LATE)).append(id)
        return late

    def pardons(self, peer: bytes, id: bytes) -> bool:
        """Whether an answer about a block comes late from one who was waited for."""
        return id in self._late.get(peer, ())

"""What the member shows its signer: headers, anchor spends, epochs, entries of the state.

The signer says how far it is, and verifies each piece itself.
"""

from __future__ import annotations

import time
from typing import Annotated, Any

from msgspec import Meta

from bystack.federation.knowledge import MAX_ENTRY_PROOF
from bystack.mainchain.blocks import decode_header
from bystack.node.signer.vault.calls import Calls
from bystack.node.signer.vault.view import View
from bystack.primitives.codec import decode
from bystack.sidechain.consensus.light import EpochProof, FinalHeader
from bystack.sidechain.inclusion import Inclusion
from bystack.sidechain.proofs import StateProof
from bystack.sidechain.relay import locator

MAX_PROOF = 3_000_000
MAX_PROOFS = 64

Epochs = Annotated[list[bytes], Meta(max_length=MAX_PROOFS)]


class Feeding:
    """The methods by which a signer is fed."""

    def __init__(self, view: View) -> None:
        self._view = view

    def add_to(self, calls: Calls) -> None:
        """Add the methods of this room."""
        calls.add(self.headers, self.anchor, self.seen, self.locator)
        calls.add(self.epoch, self.epochs, self.compare, self.entry)

    def headers(self, headers: list[bytes]) -> list[Any]:
        """A better branch of main-chain headers; how far the signer is then (`seen`)."""
        decoded = [decode_header(header) for header in headers]
        self._view.watch.headers(decoded, int(time.time()))
        return self.seen()

    def anchor(self, inclusion: bytes) -> list[Any]:
        """The next spend of the vault's anchor, or its creation, proved; `seen` then."""
        self._view.watch.anchor(decode(Inclusion, inclusion, MAX_PROOF))
        return self.seen()

    def seen(self) -> list[Any]:
        """Height and id of the best verified header, seq of the vault as proved (-1: unproven)."""
        watch = self._view.watch
        seq = watch.vault.seq if watch.vault else -1
        return [watch.tip.header.height, watch.tip.id, seq]

    def locator(self) -> list[bytes]:
        """Ids of verified headers, the newest first: where a branch may leave from."""
        watch = self._view.watch
        return list(locator(watch.view, watch.genesis))

    def epoch(self) -> int:
        """The newest epoch of the sidechain whose validators are known."""
        return self._view.followed.epoch

    def epochs(self, proofs: Epochs) -> int:
        """Proofs of the next epochs, in order; the newest epoch known then."""
        found = [decode(EpochProof, one, MAX_PROOF) for one in proofs]
        return self._view.followed.advance(found)

    def compare(self, first: bytes, second: bytes) -> bool:
        """Two final headers that may contradict each other; whether they froze the client."""
        pair = [decode(FinalHeader, one, MAX_PROOF) for one in (first, second)]
        return self._view.followed.compare(*pair)

    def entry(self, proof: bytes) -> int:
        """An entry of the sidechain's state, or that there is none, proved; its block's height.

        Its key is one that the signer asks for, or whatever a rule reads later.
        """
        shown = decode(StateProof, proof, MAX_ENTRY_PROOF)
        try:
            return self._view.knowledge.learn(shown)
        finally:
            self._view.followed.keep()

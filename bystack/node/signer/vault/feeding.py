"""What the member shows its signer: headers, anchor spends, epochs, entries of the state.

The signer says how far it is, and verifies each piece itself.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated, Any

from msgspec import Meta

from bystack.federation.knowledge import MAX_ENTRY_PROOF
from bystack.federation.upstreams import OWN, Upstreams
from bystack.ledger.transactions import Outpoint
from bystack.mainchain.blocks import decode_header
from bystack.node.signer.audit_log import Clock
from bystack.node.signer.vault.calls import Calls
from bystack.node.signer.vault.view import View
from bystack.primitives.codec import decode
from bystack.sidechain.consensus.light import EpochProof, FinalHeader
from bystack.sidechain.inclusion import Inclusion
from bystack.sidechain.proofs import StateProof
from bystack.sidechain.relay import RelayNotBetter, locator

MAX_PROOF = 3_000_000
MAX_PROOFS = 64
MAX_OUTPOINT = 100

Source = Annotated[str, Meta(max_length=300)]
Coins = Annotated[list[bytes], Meta(max_length=1000)]
Epochs = Annotated[list[bytes], Meta(max_length=MAX_PROOFS)]


class Feeding:
    """The methods by which a signer is fed."""

    def __init__(self, view: View, upstreams: Upstreams, clock: Clock) -> None:
        self._view, self._upstreams, self._clock = view, upstreams, clock

    def add_to(self, calls: Calls) -> None:
        """Add the methods of this room."""
        calls.add(self.headers, self.upstream, self.anchor, self.seen, self.locator)
        calls.add(self.epoch, self.epochs, self.compare, self.entry, self.wanted)
        calls.add(self.unvetoed, self.veto)

    def headers(self, headers: list[bytes]) -> list[Any]:
        """A better branch of main-chain headers from the own node, or none while it has no better.

        How far the signer is then (`seen`).
        """
        watch, now = self._view.watch, self._clock()
        if headers:
            watch.headers([decode_header(header) for header in headers], now)
        self._upstreams.hear(OWN, watch.view, [watch.tip.id], now)
        self._view.keep()
        return self.seen()

    def upstream(self, source: Source, headers: list[bytes]) -> list[Any]:
        """What another main-chain node shows behind a header we both have; `seen` then.

        More work makes it the best chain, whoever showed it; less makes it no witness of ours.
        """
        watch, now = self._view.watch, self._clock()
        decoded = [decode_header(header) for header in headers]
        fresh = [one for one in decoded if watch.view.entry(one.id) is None]
        if fresh:
            with suppress(RelayNotBetter):
                watch.headers(fresh, now)
        self._upstreams.hear(source, watch.view, [one.id for one in decoded], now)
        self._view.keep()
        return self.seen()

    def anchor(self, inclusion: bytes) -> list[Any]:
        """The next spend of the vault's anchor, or its creation, proved; `seen` then."""
        self._view.watch.anchor(decode(Inclusion, inclusion, MAX_PROOF))
        self._view.keep()
        return self.seen()

    def unvetoed(self, coins: Coins) -> list[bytes]:
        """Of these outpoints those of the vault's delayed payouts whose veto is not proved here."""
        vetoes = self._view.watch.vetoes
        return [coin for coin in coins if vetoes.lacks(decode(Outpoint, coin, MAX_OUTPOINT))]

    def veto(self, inclusion: bytes) -> None:
        """A guard's veto of such a payout, proved: its requests may be signed again."""
        self._view.watch.veto(decode(Inclusion, inclusion, MAX_PROOF))

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

    def wanted(self) -> list[Any]:
        """The newest height shown final, and each entry that is to be shown: key, height shown."""
        knowledge = self._view.knowledge
        return [knowledge.newest, [[key, knowledge.height_of(key)] for key in self._view.wanted()]]

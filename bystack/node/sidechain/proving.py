"""Proofs for those who hold nothing but the sidechain's id: finals, epochs, records, entries.

A node keeps the state's trie of its last final block only, so an entry is proved as it is now; a
record of the outbox is proved for ever. Where finality is a matter of depth, a header is provable
once enough others stand on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from bystack.node.sidechain.store import SideStore
from bystack.node.store.errors import StoreCorrupt
from bystack.primitives.codec import MAX_INT
from bystack.primitives.errors import Invalid
from bystack.primitives.mountain import MountainProof, mountain_leaf
from bystack.sidechain import epochs
from bystack.sidechain.consensus.engine import Verifier
from bystack.sidechain.consensus.light import MAX_ABOVE, EpochProof, FinalHeader
from bystack.sidechain.consensus.validators import ValidatorSet
from bystack.sidechain.proof_files import (
    NO_ID,
    BatchedOrder,
    BurnRecord,
    ProofFile,
    RecordProof,
    leaf_of,
)
from bystack.sidechain.proofs import StateProof, StateProofs
from bystack.sidechain.records import Batch, PegoutState, Request, batch_key, request_key
from bystack.sidechain.state import SystemState

MOST_EPOCHS: Final = 64


class NotProvable(Invalid):
    """This node cannot prove it (yet): what it takes is not in its store."""


class Prover:
    """Makes proofs from the store of a sidechain; reads only, from any thread."""

    def __init__(self, store: SideStore, verifier: Verifier) -> None:
        self._store, self._verifier = store, verifier

    def final(self, height: int) -> FinalHeader:
        """A final header with all that shows it final; raises `NotProvable`.

        The genesis' header is shown by the genesis alone, and never here.
        """
        for above in self._depths():
            found = self._store.final_header(height, above)
            if height and found is not None and self._shown(found):
                return found
        raise NotProvable(height=height, tip=self._store.height)

    def _depths(self) -> tuple[int, ...]:
        """How many headers on top to try: where it matters, as few as will do, about."""
        if not self._verifier.depth:
            return (0,)
        size = len(epochs.current(SystemState(self._store.state)).validators)
        return tuple(n for n in (size, 2 * size, MAX_ABOVE) if n <= MAX_ABOVE)

    def _shown(self, final: FinalHeader) -> bool:
        validators = self._set_of(final.header.epoch)
        if not self._verifier.depth or validators is None:
            return True
        try:
            self._verifier.check_final(final.line, validators, self._store.genesis.id)
        except Invalid:
            return False
        return True

    def _set_of(self, epoch: int) -> ValidatorSet | None:
        record = epochs.record_of(SystemState(self._store.state), epoch)
        return None if record is None else record.validators

    def newest(self) -> FinalHeader:
        """The newest header that can be shown final; raises `NotProvable`."""
        top = self._store.height
        for height in range(top, max(0, top - MAX_ABOVE), -1):
            try:
                return self.final(height)
            except NotProvable:
                continue
        raise NotProvable(height=top)

    def epochs(self, first: int, most: int = MOST_EPOCHS) -> tuple[EpochProof, ...]:
        """What proves the sets of the epochs after `first`, `first` + 1, …: up to `most`."""
        found = (self._epoch(epoch) for epoch in range(first, first + min(most, MOST_EPOCHS)))
        proofs: list[EpochProof] = []
        for one in found:
            if one is None:
                break
            proofs.append(one)
        return tuple(proofs)

    def _epoch(self, epoch: int) -> EpochProof | None:
        kept = self._store.epoch_proof(epoch)
        if kept is None or not self._verifier.depth:
            return kept
        for above in self._depths():
            proof = self._store.epoch_proof(epoch, above)
            if proof is not None and self._shown(proof.final):
                return proof
        return None

    def _path(self, header_epoch: int) -> tuple[EpochProof, ...]:
        """The epochs from the genesis to a header's; raises `NotProvable`."""
        proofs: list[EpochProof] = []
        while len(proofs) < header_epoch:
            more = self.epochs(len(proofs), header_epoch - len(proofs))
            if not more:
                raise NotProvable(epoch=len(proofs), of=header_epoch)
            proofs += more
        return tuple(proofs)

    # Files

    def burn(self, id: bytes) -> ProofFile:
        """The proof that a peg-out was burned for; raises `NotProvable`."""
        whole = len(id) == len(NO_ID) and id != NO_ID
        request = SystemState(self._store.state).read(Request, request_key(id)) if whole else None
        if request is None:
            raise NotProvable(burn=id)
        return self._record_file(BurnRecord(id, as_recorded(request)))

    def batch(self, seq: int) -> ProofFile:
        """The proof of the order recorded under a seq; raises `NotProvable`."""
        known = 0 <= seq <= MAX_INT
        batch = SystemState(self._store.state).read(Batch, batch_key(seq)) if known else None
        if batch is None:
            raise NotProvable(batch=seq)
        return self._record_file(BatchedOrder(batch.record), batch.leaf)

    def _record_file(self, record: BurnRecord | BatchedOrder, leaf: int = -1) -> ProofFile:
        final = self.newest()
        at = leaf if leaf >= 0 else self._leaf(leaf_of(record), final.header.height)
        proof = self.record(at, final.header.height)
        path = self._path(final.header.epoch)
        return ProofFile(self._store.genesis, path, (RecordProof(final, record, proof),), ())

    def record(self, leaf: int, height: int) -> MountainProof:
        """An outbox leaf's place under the header at a height; raises `NotProvable`, `ProofIndex`.

        A store that began from a snapshot may lack the older part of the outbox.
        """
        try:
            found = self._store.record(leaf, height)
        except StoreCorrupt:
            if not self._store.base_height:
                raise
            found = None
        if found is None:
            raise NotProvable(leaf=leaf, height=height)
        return found

    def _leaf(self, leaf: bytes, height: int) -> int:
        """The index of an outbox leaf, the newest first; raises `NotProvable`."""
        wanted, count = mountain_leaf(leaf), self._store.leaves_at(height) or 0
        for index in range(count - 1, -1, -1):
            if self._store.leaf_hash(index) == wanted:
                return index
        raise NotProvable(leaf=leaf)

    def entry(self, key: bytes) -> StateProof:
        """What a key of the state has after the last final block; `final` is not shown yet.

        Raises `NotProvable` where that header is not in the store.
        """
        return self._store.state_proof(key)

    def entries(self, keys: Sequence[bytes]) -> StateProofs:
        """What keys of the state have after the last final block; `final` is not shown yet."""
        return self._store.state_proofs(keys)

    def page(self, keys: Sequence[bytes], block: bytes = b"") -> StateProofs:
        """A page of entries of one block, the last final one or that of the first page.

        Raises `MomentGone` once that block's state is not held any more.
        """
        return self._store.held_proofs(keys, block)

    def shown(self, proofs: StateProofs) -> StateProofs:
        """The same with its header shown final; raises `NotProvable` while it cannot be."""
        final = self.final(proofs.final.header.height)
        return StateProofs(final, proofs.system_root, proofs.coin_digest, proofs.entries)

    def entry_shown(self, proof: StateProof) -> StateProof:
        """The same with its header shown final; raises `NotProvable` while it cannot be."""
        final = self.final(proof.header.height)
        return StateProof(
            final, proof.system_root, proof.coin_digest, proof.key, proof.value, proof.proof
        )

    def entry_file(self, proof: StateProof) -> ProofFile:
        """The file around an entry's proof.

        Raises `NotProvable` until its header can be shown final.
        """
        whole = self.entry_shown(proof)
        path = self._path(whole.header.epoch)
        return ProofFile(self._store.genesis, path, (), (whole,))


def as_recorded(request: Request) -> Request:
    """A request as its burn recorded it, before it moved on."""
    return Request(
        number=request.number,
        destination=request.destination,
        asset=request.asset,
        burned=request.burned,
        payout=request.payout,
        flat=request.flat,
        refund=request.refund,
        tier=request.tier,
        state=int(PegoutState.REQUESTED),
        seq=0,
        vetoes=0,
    )

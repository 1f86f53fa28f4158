"""A sidechain at rest: found again, proved from, and the one synced batch of a final block.

What lies under which key is said in `columns`. Nothing of a block is written before its commit
certificate is here; a process killed at any instruction finds the last complete block. A store
that began from a snapshot holds the header and the certificate of that block, and whole blocks
above it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from bystack.node.addresses import rows as addresses
from bystack.node.sidechain.columns import (
    BASE,
    BLOCK,
    BODY,
    EPOCH,
    EVENTS,
    EVIDENCE,
    FINAL,
    FORMAT,
    HEADER,
    KEPT,
    KIND,
    LEAVES,
    MAX_CERTIFICATE,
    MAX_EPOCH_PROOF,
    NODE,
    REBUILD,
    STATE,
    TIP,
    TRANSACTION,
    TRIE,
    WRITE_BUFFER,
    Changes,
    Coins,
    Events,
    Place,
    Tip,
    Under,
    block_changes,
    evidence_key,
    first_changes,
    parent_changes,
    plain_events,
    state_changes,
)
from bystack.node.sidechain.moments import Moments
from bystack.node.store.coinstore import CoinStore
from bystack.node.store.failpoints import failpoint
from bystack.node.store.storage import Snapshot, Store, StoreCorrupt, View
from bystack.primitives.codec import decode, encode
from bystack.primitives.hashes import fixed
from bystack.primitives.mountain import EMPTY_PEAKS, MountainProof, Peaks, append, mountain_prove
from bystack.primitives.multiset import multiset_digest
from bystack.primitives.trie import TrieProof, prove
from bystack.sidechain import epochs
from bystack.sidechain.blocks import Body, Header, decode_body, decode_header
from bystack.sidechain.consensus.evidence import AnyEvidence
from bystack.sidechain.consensus.light import Certified, EpochProof, FinalHeader
from bystack.sidechain.consensus.messages import MAX_MESSAGE, BlockData, FinalBlock
from bystack.sidechain.consensus.statements import Certificate
from bystack.sidechain.modules.base import Modules
from bystack.sidechain.params import Genesis
from bystack.sidechain.proofs import ProvedEntry, StateProof, StateProofs
from bystack.sidechain.records import OUTBOX
from bystack.sidechain.state import MAX_VALUE, SystemState
from bystack.sidechain.transition import Base, Executed


class SideStore:
    """A sidechain's directory. Made by `SideStore.open`."""

    def __init__(self, store: Store, path: str, genesis: Genesis, cache_mb: int) -> None:
        self.genesis, self.raw, self.indexed = genesis, store, False
        """`indexed`: the index of addresses follows each block."""
        self.coins = CoinStore(store, cache_mb)
        self.state = Under(store, STATE)
        self.base_height = int.from_bytes(store.get(BASE) or b"", "big")
        self._store = store
        self._path = path
        self._kept: dict[bytes, int] = {}
        self.moments = Moments()

    @classmethod
    def open(cls, path: str, genesis: Genesis, modules: Modules, cache_mb: int = 64) -> SideStore:
        """Open or begin the chain at `path`; raises a `StoreError` that names what is wrong."""
        store = Store.open(
            path, kind=KIND, magic=genesis.id[:4], version=FORMAT, write_buffer=WRITE_BUFFER
        )
        made = cls(store, path, genesis, cache_mb)
        try:
            if store.get(TIP) is None:
                store.commit_now(first_changes(genesis, modules))
            made.tip, made.header, made.certificate = made._read_tip()
            made._kept = {one.header.id: one.header.height for one in made.kept()}
        except BaseException:
            store.close()
            raise
        return made

    tip: Tip
    header: Header
    certificate: Certificate

    def _read_tip(self) -> tuple[Tip, Header, Certificate]:
        tip = decode(Tip, self._need(TIP), 1_000)
        header, certificate = self.header_at(tip.height), self.certificate_at(tip.height)
        if header is None or certificate is None or header.chain != self.genesis.id:
            raise StoreCorrupt(self._path, "the last block is missing", REBUILD)
        if self.holds(tip.height):
            self._need(BODY + fixed(tip.height))
        return tip, header, certificate

    def _need(self, key: bytes) -> bytes:
        data = self._store.get(key)
        if data is None:
            raise StoreCorrupt(self._path, f"the entry {key.hex()} is missing", REBUILD)
        return data

    @property
    def height(self) -> int:
        """The height of the last final block."""
        return self.tip.height

    def holds(self, height: int) -> bool:
        """Whether the block at a height lies above the snapshot the store began from, if any."""
        return height > self.base_height or not self.base_height

    @property
    def first(self) -> int:
        """The lowest height whose block is held."""
        return self.base_height + 1 if self.base_height else 0

    @property
    def size(self) -> int:
        """Bytes of disk, about."""
        return self._store.size

    def close(self) -> None:
        """Release the directory."""
        self.moments.close()
        self._store.close()

    # Reading

    def snapshot(self) -> Snapshot:
        """The store at this moment; close it."""
        return self._store.snapshot()

    def base(self, view: View) -> Base:
        """What executing the block after a snapshot's tip reads."""
        tip = decode(Tip, view.get(TIP) or b"", 1_000)
        header = decode_header(view.get(HEADER + fixed(tip.height)) or b"")
        state, nodes = Under(view, STATE), Under(view, TRIE)
        return Base(header, Coins(view), state, nodes, tip.system_root, tip.multiset)

    def parts(self, height: int) -> tuple[bytes, bytes, bytes] | None:
        """Header, commit certificate and body of a final block, in bytes; None if not held."""
        header = self._store.get(HEADER + fixed(height))
        if header is None or not self.holds(height):
            return None
        return header, self._need(FINAL + fixed(height)), self._need(BODY + fixed(height))

    def final(self, height: int) -> FinalBlock | None:
        """The final block at a height; None if there is none, or it is not held."""
        parts = self.parts(height)
        if parts is None:
            return None
        header, certificate, body = parts
        proof = decode(Certificate, certificate, MAX_CERTIFICATE)
        return FinalBlock(decode_header(header), body, proof)

    def header_at(self, height: int) -> Header | None:
        """The header of the final block at a height."""
        data = self._store.get(HEADER + fixed(height))
        return None if data is None else decode_header(data)

    def body_at(self, height: int) -> Body:
        """The body of the final block at a height that there is."""
        return decode_body(self._need(BODY + fixed(height)))

    def certificate_at(self, height: int) -> Certificate | None:
        """The commit certificate of the block at a height."""
        data = self._store.get(FINAL + fixed(height))
        return None if data is None else decode(Certificate, data, MAX_CERTIFICATE)

    def events_at(self, height: int) -> Events:
        """What the pegs did in a block: names with facts."""
        data = self._store.get(EVENTS + fixed(height))
        events: Events = [] if data is None else msgspec.msgpack.decode(data)
        return events

    def height_of(self, block: bytes) -> int | None:
        """The height of a final block."""
        data = self._store.get(BLOCK + block)
        return None if data is None else int.from_bytes(data, "big")

    def find(self, transaction: bytes) -> Place | None:
        """Where a final transaction stands."""
        data = self._store.get(TRANSACTION + transaction)
        if data is None:
            return None
        return Place(int.from_bytes(data[:8], "big"), int.from_bytes(data[8:], "big"))

    def leaves_at(self, height: int) -> int | None:
        """How many outbox leaves there were after a block."""
        data = self._store.get(LEAVES + fixed(height))
        return None if data is None else int.from_bytes(data, "big")

    def record(self, leaf: int, height: int) -> MountainProof | None:
        """The proof of an outbox leaf under the outbox root of the header at `height`.

        Raises `ProofIndex` for a leaf that was not there yet.
        """
        count = self.leaves_at(height)
        if count is None:
            return None
        return mountain_prove(self._node, count, leaf)

    def leaf_hash(self, index: int) -> bytes | None:
        """The node over an outbox leaf, if it is held."""
        return self._store.get(NODE + fixed(0, 1) + fixed(index))

    def _node(self, level: int, index: int) -> bytes:
        return self._need(NODE + fixed(level, 1) + fixed(index))

    def epoch_proof(self, epoch: int, above: int = 0) -> EpochProof | None:
        """What proves who votes in the epoch after this one.

        `above`: how many headers on top to name, where finality is a matter of depth.
        """
        data = self._store.get(EPOCH + fixed(epoch))
        if data is None:
            return None
        proof = decode(EpochProof, data, MAX_EPOCH_PROOF)
        final = self.final_header(proof.final.header.height, above)
        # Below a snapshot the headers on top are those that came with the proof.
        return proof if final is None else EpochProof(final, proof.validators)

    def final_header(self, height: int, above: int = 0) -> FinalHeader | None:
        """The header at a height, its certificate, and as many headers on top of it, if there."""
        line = [one for at in range(height, height + above + 1) if (one := self._certified(at))]
        return FinalHeader(line[0].header, line[0].certificate, tuple(line[1:])) if line else None

    def _certified(self, height: int) -> Certified | None:
        header, certificate = self.header_at(height), self.certificate_at(height)
        return None if header is None or certificate is None else Certified(header, certificate)

    def prove_state(self, key: bytes) -> TrieProof:
        """The proof of what `key` is under the tip's trie root."""
        return prove(Under(self._store, TRIE), self.tip.system_root, key)

    def state_proof(self, key: bytes, above: int = 0) -> StateProof:
        """What `key` has under the tip's header, of one moment; `above` as `final_header`."""
        with self.snapshot() as view:
            tip, value = decode(Tip, view.get(TIP) or b"", 1_000), view.get(STATE + key)
            proof = prove(Under(view, TRIE), tip.system_root, key)
        final = self.final_header(tip.height, above)
        assert final is not None
        digest, found = multiset_digest(tip.multiset), () if value is None else (value,)
        return StateProof(final, tip.system_root, digest, key, found, proof)

    def state_proofs(self, keys: Sequence[bytes], view: View | None = None) -> StateProofs:
        """What several keys have under one header: the tip's, or that of a view of the past."""
        if view is None:
            with self.snapshot() as now:
                return self.state_proofs(keys, now)
        tip, nodes = decode(Tip, view.get(TIP) or b"", 1_000), Under(view, TRIE)
        found = ((key, view.get(STATE + key)) for key in keys)
        entries = tuple(
            ProvedEntry(key, () if v is None else (v,), prove(nodes, tip.system_root, key))
            for key, v in found
        )
        final = self.final_header(tip.height)
        assert final is not None
        return StateProofs(final, tip.system_root, multiset_digest(tip.multiset), entries)

    def held_proofs(self, keys: Sequence[bytes], block: bytes = b"") -> StateProofs:
        """A page of entries of one block, whose state is held for the next pages.

        `block`: of the first page; empty begins with the tip. Raises `MomentGone`.
        """
        if block:
            with self.moments.reading(block) as view:
                return self.state_proofs(keys, view)
        view = self.snapshot()
        try:
            proofs = self.state_proofs(keys, view)
        except BaseException:
            view.close()
            raise
        header = proofs.final.header
        self.moments.hold(header.id, header.height, view)
        return proofs

    def _kept_up_to(self, height: int) -> list[bytes]:
        """Blocks kept that are of no use once a height is final; they are noted no more."""
        old = [block for block, at in self._kept.items() if at <= height]
        for block in old:
            del self._kept[block]
        return old

    def kept(self) -> tuple[BlockData, ...]:
        """Blocks kept before voting for them."""
        return tuple(decode(BlockData, data, MAX_MESSAGE) for _, data in self._store.iterate(KEPT))

    def lasting_rows(self) -> Iterator[tuple[bytes, bytes]]:
        """What stays where the state comes from a snapshot: proofs of epochs, evidence."""
        yield from self._store.iterate(EPOCH)
        yield from self._store.iterate(EVIDENCE)

    def evidence(self) -> Iterator[AnyEvidence]:
        """Proof of misbehaviour seen so far."""
        for _, data in self._store.iterate(EVIDENCE):
            yield decode(AnyEvidence, data, MAX_MESSAGE)  # type: ignore[arg-type]

    # Changes

    async def keep(self, block: BlockData) -> None:
        """Make a block durable before voting for it."""
        self._kept[block.header.id] = block.header.height
        await self._store.commit({KEPT + block.header.id: encode(block)})

    async def keep_evidence(self, evidence: AnyEvidence) -> bool:
        """Store proof of misbehaviour; False if it was there."""
        data = encode(evidence)
        key = EVIDENCE + evidence_key(data)
        if self._store.get(key) is not None:
            return False
        await self._store.commit({key: data})
        return True

    async def commit(
        self,
        header: Header,
        body: bytes,
        certificate: Certificate,
        executed: Executed,
        read: Body | None = None,
    ) -> Body | None:
        """Make the block after the tip durable with all it changes, in one batch.

        Its body, which is not decoded if it is given as `read`; None if it was durable already.
        """
        if header.height <= self.height:
            return None
        coins, read = self.coins.changes(executed.delta), read or decode_body(body)
        tip = Tip(header.height, executed.trie.root, executed.multiset)
        changes = {
            **block_changes(header, body, certificate, read.transactions),
            **state_changes(executed),
            **self._outbox_changes(header.height, executed),
            **self._epoch_changes(header, certificate, executed),
            **coins,
            **{KEPT + block: None for block in self._kept_up_to(header.height)},
            **parent_changes(header.height, read),
            EVENTS + fixed(header.height): plain_events(executed),
            TIP: encode(tip),
        }
        if self.indexed:
            where = (header.id, header.height, read.transactions)
            changes |= addresses.connected(*where, executed.delta)
        failpoint("sidechain.before_commit")
        await self._store.commit(changes)
        failpoint("sidechain.after_commit")
        self.coins.apply(coins)
        self.tip, self.header, self.certificate = tip, header, certificate
        self.moments.pass_on(tip.height)
        return read

    def _epoch_changes(
        self, header: Header, certificate: Certificate, executed: Executed
    ) -> Changes:
        """The block that freezes the next validators proves them to who knows the present ones."""
        if executed.changes.get(epochs.NEXT) is None:
            return {}
        state = SystemState(self.state)
        state.changes.update(executed.changes)
        present, chosen = epochs.current(state).validators, epochs.upcoming(state)
        assert chosen is not None
        same = chosen.validators == present.validators
        final = FinalHeader(header, certificate, ())
        proof = EpochProof(final, () if same else chosen.validators)
        return {EPOCH + fixed(header.epoch): encode(proof)}

    def _outbox_changes(self, height: int, executed: Executed) -> Changes:
        data = self.state.get(OUTBOX)
        peaks = EMPTY_PEAKS if data is None else decode(Peaks, data, MAX_VALUE)
        changes: Changes = {}
        for leaf in executed.outbox:
            peaks, nodes = append(peaks, leaf)
            changes |= {NODE + fixed(n.level, 1) + fixed(n.index): n.hash for n in nodes}
        return {**changes, LEAVES + fixed(height): fixed(peaks.count)}

"""A state to take snapshots of, and one of each wire object of snapshots, fixed for ever."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from bystack.primitives.codec import Wire, encode
from bystack.primitives.hashes import fixed
from bystack.primitives.mountain import Peaks, mountain_leaf
from bystack.primitives.trie import TrieProof
from bystack.sidechain.blocks import Header
from bystack.sidechain.consensus.light import EpochProof, FinalHeader
from bystack.sidechain.proofs import ProvedEntry, StateProof, StateProofs
from bystack.sidechain.snapshots import messages
from bystack.sidechain.snapshots.manifests import Manifest, chunk_hash
from bystack.sidechain.snapshots.restoring import Progress
from bystack.sidechain.snapshots.rows import Row, Section, cut
from tests.sidechain.consensus.samples import COMMITTED, HEADER
from tests.sidechain.world import Side, World

FINAL = FinalHeader(HEADER, COMMITTED, ())
MANIFEST = Manifest(HEADER, b"\x21" * 32, b"\x22" * 384, 1_500_000, (b"\x23" * 32, b"\x24" * 32))
ENTRY = ProvedEntry(b"key", (), TrieProof((), ()))
PROOF = StateProof(FINAL, b"\x25" * 32, b"\x26" * 32, b"key", (b"value",), TrieProof((), ()))

SAMPLES: dict[str, Wire] = {
    "snapshot_manifest": MANIFEST,
    "snapshot_progress": Progress(
        1, b"\x00key", b"rest", b"\x25" * 32, b"\x22" * 384, Peaks(1, (b"\x27" * 32,))
    ),
    "snapshot_offer": messages.Offer(7, b"\x28" * 32, 1_500_000),
    "snapshot_described": messages.Described(MANIFEST, FINAL),
    "snapshot_get_epochs": messages.GetEpochs(3),
    "snapshot_epochs": messages.Epochs((EpochProof(FINAL, ()),)),
    "snapshot_get_snapshots": messages.GetSnapshots(),
    "snapshot_snapshots": messages.Snapshots((messages.Offer(7, b"\x28" * 32, 9),)),
    "snapshot_get_manifest": messages.GetManifest(b"\x28" * 32),
    "snapshot_manifest_given": messages.ManifestGiven(b"\x28" * 32, ()),
    "snapshot_get_chunk": messages.GetChunk(b"\x28" * 32, 5),
    "snapshot_chunk_given": messages.ChunkGiven(b"\x28" * 32, 5, (b"chunk",)),
    "snapshot_get_proof": messages.GetProof(b"key"),
    "snapshot_proof_given": messages.ProofGiven(PROOF),
    "sidechain_state_proof": PROOF,
    "sidechain_proved_entry": ENTRY,
    "sidechain_state_proofs": StateProofs(FINAL, b"\x25" * 32, b"\x26" * 32, (ENTRY,)),
}


def rows_of(side: Side) -> Iterator[Row]:
    """The rows of a sidechain that is kept in dicts."""
    for key in sorted(side.state):
        yield Row(Section.ENTRY, key, side.state[key])
    coins = {p.transaction + p.index.to_bytes(4, "big"): c for p, c in side.coins.items()}
    for key in sorted(coins):
        yield Row(Section.COIN, key, encode(coins[key]))
    for index, leaf in enumerate(side.outbox):
        yield Row(Section.LEAF, fixed(index), mountain_leaf(leaf))


@dataclass
class Taken:
    """A snapshot of a world: its manifest, its chunks."""

    header: Header
    root: bytes
    multiset: bytes
    rows: list[Row]
    chunks: list[bytes] = field(default_factory=list)

    @classmethod
    def of(cls, world: World) -> Taken:
        side = world.side
        return cls(side.header, side.root, side.multiset, list(rows_of(side)))

    def manifest(self) -> Manifest:
        """What an honest node would say of these rows."""
        self.chunks = list(cut(self.rows))
        hashes = tuple(chunk_hash(one) for one in self.chunks)
        size = sum(map(len, self.chunks))
        return Manifest(self.header, self.root, self.multiset, size, hashes)

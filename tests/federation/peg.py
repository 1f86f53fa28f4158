"""A vault on a real main chain, certified sidechain headers over it, and a signer's judgement.

The sidechain is only what a signer sees of one: headers with an outbox, commit certificates by
real BLS keys. So tests may let it record anything, as a captured sidechain could.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from msgspec.structs import replace

from bystack.federation.warrants import OrderRequest, Warrant, Warrants
from bystack.federation.watch import Watch
from bystack.ledger.amounts import BTM
from bystack.ledger.transactions import Output
from bystack.primitives.codec import Wire
from bystack.primitives.hashes import sha256
from bystack.primitives.mountain import EMPTY_PEAKS, append, mountain_prove, mountain_root
from bystack.sidechain.blocks import Header
from bystack.sidechain.consensus.certificates import certificate_from
from bystack.sidechain.consensus.light import FinalHeader, LightClient, begin
from bystack.sidechain.consensus.statements import (
    COMMIT,
    NO_HASH,
    NO_SIGNATURE,
    Certificate,
    Vote,
)
from bystack.sidechain.consensus.verifier import InstantFinality
from bystack.sidechain.params import Genesis
from bystack.sidechain.records import BatchRecord, record_leaf
from tests.ledger.people import BOB, CAROL
from tests.sidechain.consensus.samples import HEADER
from tests.sidechain.mainside import VaultChain, vault_chain
from tests.sidechain.world import K, genesis_for
from tests.simulation.schemes import Keyring, bls_keyring

RING = bls_keyring(4)
QUORUM = (0, 1, 2)
LATE = 2**40
CERTIFICATE_JUSTIFY = b"\x0d" * 32


def certified(
    header: Header,
    signers: Sequence[int] = QUORUM,
    *,
    kind: int = COMMIT,
    chain: bytes | None = None,
    epoch: int = 0,
    ring: Keyring = RING,
) -> Certificate:
    """What these validators sign of a header; a signer named twice signs twice."""
    justify = NO_HASH if kind == COMMIT else CERTIFICATE_JUSTIFY
    vote = Vote(kind, epoch, header.height, 0, header.id, justify, 0, NO_SIGNATURE)
    digest = vote.digest(header.chain if chain is None else chain)
    whole = ring.scheme.aggregate([ring.sign(i, digest) for i in signers])
    return certificate_from(vote, sorted(set(signers)), whole, len(ring.validators))


def final(header: Header, signers: Sequence[int] = QUORUM, **facts: object) -> FinalHeader:
    """The header with a certificate of these signers; see `certified`."""
    return FinalHeader(header, certified(header, signers, **facts), ())  # type: ignore[arg-type]


@lru_cache
def header_of(
    genesis: Genesis, height: int, outbox: bytes = mountain_root(EMPTY_PEAKS), **fields: object
) -> Header:
    usual = {
        "chain": genesis.id,
        "height": height,
        "outbox_root": outbox,
        "validators_hash": genesis.validator_set.hash,
    }
    return replace(HEADER, **{**usual, **fields})


class Outbox:
    """The records of a sidechain in order, with proofs."""

    def __init__(self) -> None:
        self.peaks = EMPTY_PEAKS
        self.nodes: dict[tuple[int, int], bytes] = {}

    def add(self, record: Wire, id: bytes = bytes(32)) -> int:
        """The index of the record's leaf."""
        self.peaks, new = append(self.peaks, record_leaf(record, id))  # type: ignore[arg-type]
        self.nodes |= {(node.level, node.index): node.hash for node in new}
        return self.peaks.count - 1

    def prove(self, index: int, count: int = 0):
        """The proof of a leaf under the root there is now, or was after so many leaves."""
        whole = count or self.peaks.count
        return mountain_prove(lambda level, at: self.nodes[level, at], whole, index)

    @property
    def root(self) -> bytes:
        return mountain_root(self.peaks)


def request_id(number: int) -> bytes:
    return sha256(b"request %d" % number)


def pays(amount: int, to=CAROL) -> Output:
    return Output(BTM, amount, to.lock)


class Peg:
    """One signer: its watch and its warrants, and the chains it is told about."""

    def __init__(self, main: VaultChain | None = None, **fields: object) -> None:
        self.main = main or vault_chain()
        usual = {"validators": RING.validators.validators}
        self.genesis = genesis_for(self.main, **{**usual, **fields})
        self.journal: list[Warrant] = []
        self.height = 5
        self.watch = Watch(self.genesis)
        self.client = self.follow()
        self.warrants = Warrants(self.watch, (), self.client)
        self.outbox = Outbox()
        self.outbox.add(self.record(99, [pays(1)], [999]))

    def restart(self) -> None:
        """A new process: the journal is all it remembers; headers and anchors are fed again."""
        self.watch = Watch(self.genesis)
        self.warrants = Warrants(self.watch, self.journal, self.client)

    def follow(self) -> LightClient:
        """A light client that knows the genesis only."""
        known = begin(self.genesis.id, self.genesis.validator_set)
        return LightClient(known, InstantFinality(RING.scheme))

    # -- what the signer is fed

    def feed(self) -> None:
        """Headers up to the main chain's tip."""
        base = self.genesis.checkpoint.header.height
        known = [e for e in self.main.entries if self.watch.view.entry(e.id) is not None]
        fork = known[-1].header.height if known else base
        headers = [e.header for e in self.main.entries[fork + 1 :]]
        if headers:
            self.watch.headers(headers, LATE)

    def prove(self, tx) -> None:
        """One anchor spend, buried and shown."""
        self.main.grow(K)
        self.feed()
        self.watch.anchor(self.main.inclusion(tx))

    def created(self) -> None:
        self.prove(self.main.created)

    # -- what the sidechain records

    def record(
        self, seq: int, outputs: Sequence[Output], requests: Sequence[int], tier: int = 0
    ) -> BatchRecord:
        ids = tuple(request_id(number) for number in requests)
        return BatchRecord(self.genesis.vault, seq, tier, tuple(outputs), ids)

    def request(self, record: BatchRecord) -> OrderRequest:
        """The record in the next final block, and a final block `finality` later."""
        index, finality = self.outbox.add(record), self.genesis.consensus.finality
        self.height += finality + 2  # so that no two blocks are neighbours by chance
        header = header_of(self.genesis, self.height, self.outbox.root)
        later = header_of(self.genesis, self.height + finality, parent=header.id)
        proof = self.outbox.prove(index)
        return OrderRequest(record, proof, final(header), final(later))

    def sign(self, record: BatchRecord) -> Warrant:
        """Have it judged, and journal the warrant as the signer's process does."""
        warrant = self.warrants.order(self.request(record))
        self.journal.append(warrant)
        self.warrants.remember(warrant)
        return warrant


USUAL = ([pays(20), pays(30, BOB)], [1, 2])

"""What a signer may sign for its vault: decided from proofs, never from its member's word.

An order is signed exactly as the sidechain recorded it, once its block is final and old enough;
one seq has one order, one request one seq (W01, W04, W08). The signer journals a `Warrant` before
any partial signature leaves.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from msgspec import Meta

from bystack.federation.watch import Watch
from bystack.ledger.terms import Terms, terms_hash
from bystack.ledger.transactions import Outpoint
from bystack.ledger.vault_operations import Create, Order, Touch, operation_digest, vault_id
from bystack.ledger.vault_state import tier_of
from bystack.mainchain.params import chain_id
from bystack.primitives.codec import U8, U63, Bytes32, Wire
from bystack.primitives.errors import Invalid
from bystack.primitives.mountain import MountainProof, mountain_verify
from bystack.sidechain.consensus.light import FinalHeader, LightClient
from bystack.sidechain.params import Genesis
from bystack.sidechain.records import MAX_BATCH, BatchRecord, record_leaf

TOUCH, ORDER, CREATE, SERVE = 0, 1, 2, 3
TOUCH_AFTER = 144


class ForeignVault(Invalid):
    """The record is about another vault than this signer's."""


class NotBuried(Invalid):
    """Too few final sidechain blocks lie on the block that recorded the batch."""


class SeqSigned(Invalid):
    """Another order was signed under this seq."""


class RequestSigned(Invalid):
    """A request was signed under another seq that is not proved spent otherwise."""


class RequestPaid(Invalid):
    """A request was paid, or is to be after a delay, by the order of an earlier seq."""


class NotStuck(Invalid):
    """A touch is signed only for the vault's present seq, and only when it stood still."""


class VaultTaken(Invalid):
    """This key serves a vault already; it founds no other."""


class SidechainSecond(Invalid):
    """This key serves another sidechain or vault already."""


class OrderRequest(Wire):
    """A recorded batch and the proof of it: a final header whose outbox holds the record, and a
    final header at least `finality` blocks later.

    The outbox only grows, so the first need not be the block of the record: any later one of an
    epoch that the signer still knows will do.
    """

    record: BatchRecord
    proof: MountainProof
    final: FinalHeader
    later: FinalHeader


class Warrant(Wire):
    """A line of the signer's journal: what was signed under which seq, for which requests.

    A line of kind SERVE holds the sidechain's id as `digest` and its vault as the only request.
    """

    kind: U8
    seq: U63
    digest: Bytes32
    requests: Annotated[tuple[Bytes32, ...], Meta(max_length=MAX_BATCH)]


class Warrants:
    """What this signer has signed for one vault, and the judge of what it may sign next.

    `client` says which sidechain headers are final; once it is frozen nothing is signed (W02).
    """

    def __init__(self, watch: Watch, records: Iterable[Warrant], client: LightClient) -> None:
        self._watch, self._client = watch, client
        self._orders: dict[int, bytes] = {}
        self._seqs: dict[bytes, list[int]] = {}
        for record in records:
            self.remember(record)

    def remember(self, warrant: Warrant) -> None:
        """Take note of a durable warrant."""
        if warrant.kind != ORDER:
            return
        self._orders[warrant.seq] = warrant.digest
        for request in warrant.requests:
            seqs = self._seqs.setdefault(request, [])
            if warrant.seq not in seqs:
                seqs.append(warrant.seq)

    def order(self, request: OrderRequest) -> Warrant:
        """The warrant to sign a recorded order; raises why not."""
        genesis, record = self._watch.genesis, request.record
        if record.vault != genesis.vault:
            raise ForeignVault(vault=record.vault)
        self._check_final(request)
        root = request.final.header.outbox_root
        mountain_verify(root, record_leaf(record, bytes(32)), request.proof)
        order = Order(record.seq, record.tier, record.outputs)
        main = chain_id(genesis.main)
        digest = operation_digest(main, record.vault, record.seq, order)
        self._check_seq(record.seq, digest)
        for id in record.requests:
            self._check_request(id, record.seq)
        return Warrant(ORDER, record.seq, digest, record.requests)

    def _check_final(self, request: OrderRequest) -> None:
        for one in (request.final, request.later):
            self._client.verify(one)
        needed = request.final.header.height + self._watch.genesis.consensus.finality
        if request.later.header.height < needed:
            raise NotBuried(height=request.later.header.height, needed=needed)

    def _check_seq(self, seq: int, digest: bytes) -> None:
        before = self._orders.get(seq)
        if before is not None and before != digest:
            raise SeqSigned(seq=seq, signed=before, asked=digest)

    def _check_request(self, id: bytes, seq: int) -> None:
        for other in self._seqs.get(id, []):
            if other == seq:
                continue
            spent = self._watch.spent.get(other)
            if spent is None:
                raise RequestSigned(request=id, seq=other, asked=seq)
            if spent == self._orders[other] and not self._watch.vetoes.sent_back(other):
                raise RequestPaid(request=id, seq=other)

    def touch(self, seq: int, tier: int) -> Warrant:
        """The warrant to void a seq that nobody spends; raises `NotStuck`, `TierUnknown`.

        Also while the client is frozen: a touch pays nobody, and what else waits under the seq is
        void then.
        """
        vault, height = self._watch.vault, self._watch.tip.header.height
        if vault is None or vault.seq != seq:
            raise NotStuck(seq=seq, present=vault.seq if vault else None)
        if height - vault.touched < TOUCH_AFTER:
            raise NotStuck(seq=seq, touched=vault.touched, height=height, after=TOUCH_AFTER)
        tier_of(self._watch.terms, tier)
        main, name = chain_id(self._watch.genesis.main), self._watch.genesis.vault
        digest = operation_digest(main, name, seq, Touch(seq, tier))
        return Warrant(TOUCH, seq, digest, ())


def serve_warrant(genesis: Genesis, records: Iterable[Warrant]) -> Warrant:
    """The line that binds this key to one sidechain, written before the first order or touch.

    Two sidechains over one vault would both mint its coins. Raises `SidechainSecond`.
    """
    warrant = Warrant(SERVE, 0, genesis.id, (genesis.vault,))
    for record in records:
        if record.kind == SERVE and record != warrant:
            raise SidechainSecond(serves=record.digest, asked=genesis.id)
    return warrant


def create_warrant(
    main: bytes, terms: Terms, first: Outpoint, index: int, records: Iterable[Warrant]
) -> Warrant:
    """The warrant to found a vault under terms this signer compiled itself.

    `main` is the main chain's id; `first` the first outpoint the creation spends, `index` the
    anchor's output. Several drafts may be signed, since a draft can fail and any member may ask;
    none once the key serves a vault. Raises `VaultTaken`.
    """
    for record in records:
        if record.kind == SERVE:
            raise VaultTaken(sidechain=record.digest)
    vault = vault_id(first, index, terms_hash(terms))
    return Warrant(CREATE, 0, operation_digest(main, vault, 0, Create(terms)), ())

"""One fact of a sidechain, with all it takes to believe it: checked offline, by its id alone.

Whoever checks brings the sidechain's id, from anybody he believes. The file brings the genesis
that hashes to it, a proof for each epoch since, a final header, and what stands under it: a
record of the outbox (a burn, a batch), or an entry of the state (or that there is none).
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from bystack.primitives.codec import Bytes32, Wire, decode, encode
from bystack.primitives.errors import Invalid
from bystack.primitives.mountain import MountainProof, mountain_verify
from bystack.sidechain.consensus.light import (
    EpochProof,
    FinalHeader,
    LightClient,
    Verifier,
    begin,
)
from bystack.sidechain.consensus.scheme import BlsScheme
from bystack.sidechain.consensus.validators import check_set
from bystack.sidechain.params import Genesis, check_genesis
from bystack.sidechain.proofs import StateProof, check_state_proof
from bystack.sidechain.records import BatchRecord, Request, record_leaf

MAGIC = b"bystack sidechain proof 1\n"
MAX_PROOF_FILE = 64_000_000
MAX_EPOCHS = 100_000
NO_ID = bytes(32)


class ChainNotTrusted(Invalid):
    """The proof is of another sidechain than the one that is trusted."""


class NoProofFile(Invalid):
    """These bytes are no proof of a sidechain's fact."""


class ClaimCount(Invalid):
    """A proof shows one thing: one record, or one entry."""


class RecordId(Invalid):
    """A batch stands under no id, and a burn under its own."""


class BurnRecord(Wire, tag=1):
    """A burn as its block recorded it: what is to be paid on the main chain, to whom."""

    id: Bytes32
    request: Request


class BatchedOrder(Wire, tag=2):
    """A batch as its block recorded it: the order the federation has to sign."""

    record: BatchRecord


class RecordProof(Wire):
    """A record of the outbox, and its place under the outbox root of a final header."""

    final: FinalHeader
    record: BurnRecord | BatchedOrder
    proof: MountainProof


class ProofFile(Wire):
    """A genesis, the epochs up to the header's, and one claim: a record or an entry."""

    genesis: Genesis
    epochs: Annotated[tuple[EpochProof, ...], Meta(max_length=MAX_EPOCHS)]
    records: Annotated[tuple[RecordProof, ...], Meta(max_length=1)]
    entries: Annotated[tuple[StateProof, ...], Meta(max_length=1)]

    @property
    def claim(self) -> RecordProof | StateProof:
        """What it shows; raises `ClaimCount`."""
        claims: list[RecordProof | StateProof] = [*self.records, *self.entries]
        if len(claims) != 1:
            raise ClaimCount(records=len(self.records), entries=len(self.entries))
        return claims[0]


def write_proof(file: ProofFile) -> bytes:
    """The bytes of a proof, with the words that tell what it is in front."""
    return MAGIC + encode(file)


def is_proof(data: bytes) -> bool:
    """Whether bytes begin as a sidechain's proof does."""
    return data.startswith(MAGIC)


def read_proof(data: bytes) -> ProofFile:
    """A proof from its bytes; raises `NoProofFile` and the codec's errors."""
    if not is_proof(data):
        raise NoProofFile(begins=data[:16])
    return decode(ProofFile, data[len(MAGIC) :], MAX_PROOF_FILE)


def check_proof(file: ProofFile, chain_id: bytes, verifier: Verifier) -> RecordProof | StateProof:
    """What the file proves, to who believes that `chain_id` is the sidechain's id.

    Raises `ChainNotTrusted`, `ClaimCount`, `RecordId`, `EpochUnknown` where epochs are missing, and
    what the checks of genesis, epochs, header and claim raise.
    """
    if file.genesis.id != chain_id:
        raise ChainNotTrusted(proof=file.genesis.id, trusted=chain_id)
    claim = file.claim
    check_genesis(file.genesis)
    check_set(file.genesis.validator_set, BlsScheme())
    client = LightClient(begin(chain_id, file.genesis.validator_set), verifier)
    for one in file.epochs:
        client.advance(one)
    client.verify(claim.final)
    if isinstance(claim, StateProof):
        check_state_proof(claim)
    else:
        mountain_verify(claim.final.header.outbox_root, leaf_of(claim.record), claim.proof)
    return claim


def leaf_of(record: BurnRecord | BatchedOrder) -> bytes:
    """The outbox leaf that a record makes; raises `RecordId`."""
    match record:
        case BurnRecord(id, request):
            if id == NO_ID:
                raise RecordId(id=id)
            return record_leaf(request, id)
        case BatchedOrder(batch):
            return record_leaf(batch, NO_ID)

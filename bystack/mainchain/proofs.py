"""Proofs that a transaction stands in a block, alone or beneath a newer header.

The proof leads to the *witness* root, whose leaves bind id and witnesses: so every byte handed over
is proved, and a stranger's signature cannot be slipped under a true id. The count comes from the
header, never from the prover (attack P06), and no default value is a root (attack P04).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta

from bystack.ledger.transactions import MAX_TRANSACTION, Transaction, decode_transaction
from bystack.mainchain.blocks import Block, Header
from bystack.mainchain.history import MAX_HISTORY_PROOF, HistoryProof, verify_history_proof
from bystack.primitives.codec import U63, Bytes32, Wire, encode
from bystack.primitives.errors import Invalid, Misuse
from bystack.primitives.merkle import MerkleProof, merkle_prove, merkle_verify

MAX_PROOF = MAX_TRANSACTION + MAX_HISTORY_PROOF


class ProofHeader(Invalid):
    """The proof is about another header."""


class ProofHeight(Invalid):
    """The proof states another height than its header's."""


class TransactionProof(Wire):
    """That the transaction with these bytes stands in the block `header` at `height`."""

    header: Bytes32
    height: U63
    branch: MerkleProof
    transaction: Annotated[bytes, Meta(max_length=MAX_TRANSACTION)]


class DeepProof(Wire):
    """A transaction's proof with the proof of its header: all a light client needs of old times."""

    history: HistoryProof
    transaction: TransactionProof


def prove_transaction(block: Block, index: int) -> TransactionProof:
    """The proof of the transaction at `index`. Raises `ProofIndex`."""
    branch = merkle_prove([tx.witness_id for tx in block.transactions], index)
    return TransactionProof(
        block.id, block.header.height, branch, encode(block.transactions[index])
    )


def verify_transaction_proof(header: Header, data: bytes, branch: MerkleProof) -> Transaction:
    """The transaction these bytes are, once shown to stand in the block of a trusted header.

    Raises the codec's errors and `ProofCount`, `ProofIndex`, `ProofLength`, `ProofMismatch`.
    """
    transaction = decode_transaction(data)
    merkle_verify(header.witness_root, header.transaction_count, transaction.witness_id, branch)
    return transaction


def check_transaction_proof(header: Header, proof: TransactionProof) -> Transaction:
    """As `verify_transaction_proof`, of a whole proof; also `ProofHeader` and `ProofHeight`."""
    if proof.header != header.id:
        raise ProofHeader(expected=header.id, given=proof.header)
    if proof.height != header.height:
        raise ProofHeight(expected=header.height, given=proof.height)
    return verify_transaction_proof(header, proof.transaction, proof.branch)


def check_deep_proof(newer: Header, proof: DeepProof) -> tuple[Header, Transaction]:
    """The old header and its transaction, shown by a newer header that is trusted."""
    header = verify_history_proof(newer, proof.history)
    return header, check_transaction_proof(header, proof.transaction)


def index_of(block: Block, transaction_id: bytes) -> int:
    """Where a transaction stands in its block; one that does not is our own mistake."""
    ids: Sequence[bytes] = [tx.id for tx in block.transactions]
    if transaction_id not in ids:
        raise Misuse("the transaction is not in the block")
    return ids.index(transaction_id)

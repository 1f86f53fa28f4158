"""Proofs for those who hold headers only: a transaction in its block, an old header below a newer.

A transaction's proof leads to the *witness* root, whose leaves bind id and witnesses: so every byte
handed over is proved, and a stranger's signature cannot be slipped under a true id. Counts come
from the header, never from the prover (attack P06), and no default value is a root (attack P04).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta

from bystack.ledger.transactions import MAX_TRANSACTION, Transaction, decode_transaction
from bystack.mainchain.blocks import Block, Header
from bystack.mainchain.chain import history_leaf
from bystack.primitives.codec import U63, Bytes32, Wire, decode, encode
from bystack.primitives.errors import Invalid
from bystack.primitives.merkle import MerkleProof, merkle_proofs, merkle_verify
from bystack.primitives.mountain import MountainProof, mountain_verify

MAX_HISTORY_PROOF = 8_000
MAX_PROOF = MAX_TRANSACTION + MAX_HISTORY_PROOF


class ProofHeader(Invalid):
    """The proof is about another header."""


class ProofHeight(Invalid):
    """The proof is about a block at another height."""


class HistoryCount(Invalid):
    """The proof is not about the number of headers before the newer one."""


class HistoryIndex(Invalid):
    """The proof's place in history is not the old header's height."""


class TransactionProof(Wire):
    """That the transaction with these bytes stands in the block `header` at `height`."""

    header: Bytes32
    height: U63
    branch: MerkleProof
    transaction: Annotated[bytes, Meta(max_length=MAX_TRANSACTION)]


class HistoryProof(Wire):
    """That `header`, with accumulated `work`, is an ancestor of a newer header."""

    header: Header
    work: Bytes32
    path: MountainProof


class DeepProof(Wire):
    """A transaction's proof with that of its header: one trusted tip proves all old times."""

    history: HistoryProof
    transaction: TransactionProof


def prove_transaction(block: Block, index: int) -> TransactionProof:
    """The proof of the transaction at `index`. Raises `ProofIndex`."""
    return prove_transactions(block, (index,))[0]


def prove_transactions(block: Block, indexes: Sequence[int]) -> tuple[TransactionProof, ...]:
    """The proofs of several transactions, for little more than one costs. Raises `ProofIndex`."""
    branches = merkle_proofs([tx.witness_id for tx in block.transactions], indexes)
    return tuple(
        TransactionProof(
            block.id, block.header.height, branch, encode(block.transactions[branch.index])
        )
        for branch in branches
    )


def verify_inclusion(header: Header, transaction: Transaction, branch: MerkleProof) -> None:
    """Check that a transaction, its witnesses included, stands in the block of a trusted header.

    Raises `ProofCount`, `ProofIndex`, `ProofLength`, `ProofMismatch`.
    """
    merkle_verify(header.witness_root, header.transaction_count, transaction.witness_id, branch)


def verify_transaction_proof(header: Header, data: bytes, branch: MerkleProof) -> Transaction:
    """The transaction these bytes are, once shown to stand in the block of a trusted header.

    Raises the codec's errors and those of `verify_inclusion`.
    """
    transaction = decode_transaction(data)
    verify_inclusion(header, transaction, branch)
    return transaction


def check_transaction_proof(header: Header, proof: TransactionProof) -> Transaction:
    """As `verify_transaction_proof`, of a whole proof; also raises `ProofHeader`, `ProofHeight`."""
    if proof.header != header.id:
        raise ProofHeader(expected=header.id, given=proof.header)
    if proof.height != header.height:
        raise ProofHeight(expected=header.height, given=proof.height)
    return verify_transaction_proof(header, proof.transaction, proof.branch)


def verify_history_proof(newer: Header, proof: HistoryProof, height: int) -> Header:
    """The header at `height`, once shown to be an ancestor of `newer`, a header already trusted.

    Raises `ProofHeight`, `HistoryCount`, `HistoryIndex`, and `ProofIndex`, `ProofLength`,
    `ProofMismatch`.
    """
    if proof.header.height != height:
        raise ProofHeight(expected=height, given=proof.header.height)
    if proof.path.count != newer.height:
        raise HistoryCount(expected=newer.height, given=proof.path.count)
    if proof.path.index != height:
        raise HistoryIndex(expected=height, given=proof.path.index)
    mountain_verify(newer.history_root, history_leaf(proof.header.id, proof.work), proof.path)
    return proof.header


def check_deep_proof(newer: Header, proof: DeepProof) -> tuple[Header, Transaction]:
    """The old header and its transaction, shown by a newer header that is trusted."""
    header = verify_history_proof(newer, proof.history, proof.transaction.height)
    return header, check_transaction_proof(header, proof.transaction)


def decode_deep_proof(data: bytes) -> DeepProof:
    """A proof from its bytes; raises `TooLong`, `Malformed`, `NotCanonical`."""
    return decode(DeepProof, data, MAX_PROOF)

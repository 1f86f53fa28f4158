"""P06 Hyperbridge: indices at and beyond the count, empty lists, leftover siblings, two places.

Invariant: 0 ≤ index < count, the count comes from the header, one element has one proof.
"""

import pytest
from msgspec.structs import replace

from bystack.mainchain.blocks import Header
from bystack.mainchain.proofs import prove_transaction, verify_inclusion
from bystack.primitives.errors import Invalid
from bystack.primitives.merkle import MerkleProof, ProofCount, ProofIndex, ProofLength
from tests.mainchain.test_proofs import archive


def refusal(header: Header, index: int, branch: MerkleProof) -> str:
    """The rule that refuses a transaction of the block under this branch."""
    with pytest.raises(Invalid) as caught:
        verify_inclusion(header, archive().block.transactions[index], branch)
    return caught.value.rule


def test_an_index_at_or_beyond_the_count() -> None:
    block = archive().block
    count = block.header.transaction_count
    for at in range(count):
        proof = prove_transaction(block, at).branch
        for index in (count, count + 1, 2**31, 2**32 - 1):
            assert refusal(block.header, at, replace(proof, index=index)) == ProofIndex.__name__


def test_the_prover_does_not_choose_the_count() -> None:
    block = archive().block
    count = block.header.transaction_count
    proof = prove_transaction(block, count - 1).branch
    for other in (0, 1, count - 1, count + 1, 2**31):
        assert refusal(block.header, count - 1, replace(proof, count=other)) == ProofCount.__name__


def test_leftover_and_lacking_siblings() -> None:
    block = archive().block
    for at in range(block.header.transaction_count):
        proof = prove_transaction(block, at).branch
        for path in ((*proof.path, bytes(32)), (*proof.path, proof.path[-1]), proof.path[:-1], ()):
            assert refusal(block.header, at, replace(proof, path=path)) == ProofLength.__name__


def test_one_transaction_has_one_place() -> None:
    block = archive().block
    for at in range(block.header.transaction_count):
        proof = prove_transaction(block, at).branch
        for index in range(block.header.transaction_count):
            if index != at:
                assert refusal(block.header, at, replace(proof, index=index)) in {
                    "ProofMismatch",
                    "ProofLength",
                }


def test_an_empty_list_holds_nothing() -> None:
    empty = replace(archive().block.header, transaction_count=0)
    for index in (0, 1):
        assert refusal(empty, 1, MerkleProof(index, 0, ())) == ProofIndex.__name__

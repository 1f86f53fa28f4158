"""P04 Nomad: zero roots, empty proofs, default headers. No default value is ever a valid root."""

import pytest

from bystack.mainchain.blocks import Header
from bystack.mainchain.chain import HeaderOrphan, HeaderVersion, genesis_entry
from bystack.mainchain.params import NETWORKS, chain_id, genesis
from bystack.mainchain.proofs import (
    prove_transaction,
    verify_history_proof,
    verify_inclusion,
    verify_transaction_proof,
)
from bystack.mainchain.tree import HeaderTree
from bystack.primitives.codec import Malformed
from bystack.primitives.errors import Invalid, Misuse
from bystack.primitives.merkle import MerkleProof, ProofIndex, ProofMismatch
from tests.mainchain.builders import EASY, remine
from tests.mainchain.test_proofs import archive

ZEROS = bytes(32)
DEFAULT = Header(0, 0, ZEROS, ZEROS, ZEROS, 0, ZEROS, 0, 0, bytes(8))


def test_a_default_header_is_refused() -> None:
    tree = HeaderTree([genesis_entry(EASY)], EASY)
    with pytest.raises(HeaderOrphan):
        tree.add([DEFAULT], None)
    tied = Header(0, 0, tree.tip(), ZEROS, ZEROS, 0, ZEROS, 0, EASY.genesis_target, bytes(8))
    with pytest.raises(HeaderVersion):
        tree.add([remine(tied, tree.best())], None)
    assert tree.tip() == genesis(EASY).id


def test_nothing_is_proved_under_a_default_header() -> None:
    transaction = archive().block.transactions[1]
    for count in (0, 1):
        with pytest.raises(Invalid) as caught:
            verify_inclusion(DEFAULT, transaction, MerkleProof(0, count, ()))
        assert caught.value.rule in {"ProofIndex", "ProofCount"}
    one = Header(1, 1, ZEROS, ZEROS, ZEROS, 1, ZEROS, 1, 1, bytes(8))
    with pytest.raises(ProofMismatch):
        verify_inclusion(one, transaction, MerkleProof(0, 1, ()))
    with pytest.raises(Malformed):
        verify_transaction_proof(one, b"", MerkleProof(0, 1, ()))


def test_nothing_is_proved_under_the_genesis_which_is_empty() -> None:
    proof = prove_transaction(archive().block, 1)
    with pytest.raises(ProofIndex):
        verify_transaction_proof(genesis(EASY).header, proof.transaction, MerkleProof(0, 0, ()))


def test_no_history_is_proved_under_a_zero_root() -> None:
    kept = archive()
    proof = kept.history(20, 9)
    newer = kept.entries[20].header
    blank = Header(1, 20, ZEROS, ZEROS, ZEROS, 1, ZEROS, 1, newer.target, bytes(8))
    with pytest.raises(ProofMismatch):
        verify_history_proof(blank, proof, 9)


def test_no_network_has_a_default_in_its_genesis() -> None:
    for params in NETWORKS.values():
        header = genesis(params).header
        roots = (header.previous, header.transaction_root, header.witness_root)
        assert ZEROS not in (*roots, header.history_root, header.id, chain_id(params))


def test_a_tree_does_not_begin_with_nothing() -> None:
    with pytest.raises(Misuse):
        HeaderTree([], EASY)

import hashlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bystack.primitives.merkle import (
    EMPTY_ROOT,
    MerkleProof,
    ProofCount,
    ProofIndex,
    ProofLength,
    ProofMismatch,
    merkle_proofs,
    merkle_prove,
    merkle_root,
    merkle_verify,
)
from tests.wire import check_wire

lists = st.lists(st.binary(max_size=40), min_size=1, max_size=70)


def plain_tagged(tag: str, *parts: bytes) -> bytes:
    prefix = hashlib.sha256(tag.encode()).digest() * 2
    return hashlib.sha256(prefix + b"".join(parts)).digest()


def model_root(leaves: list[bytes]) -> bytes:
    """By the definition: the left subtree is the largest power of two below the count."""
    if len(leaves) == 1:
        return plain_tagged("bystack/merkle/leaf", leaves[0])
    split = 1 << (len(leaves) - 1).bit_length() - 1
    left, right = model_root(leaves[:split]), model_root(leaves[split:])
    return plain_tagged("bystack/merkle/node", left, right)


@given(lists)
def test_the_root_is_that_of_the_definition(leaves: list[bytes]) -> None:
    assert merkle_root(leaves) == model_root(leaves)


def test_the_empty_list_has_a_root_of_its_own() -> None:
    assert merkle_root([]) == EMPTY_ROOT == plain_tagged("bystack/merkle/empty")
    assert merkle_root([]) != merkle_root([b""])


def test_an_odd_leaf_is_not_duplicated() -> None:
    assert merkle_root([b"a", b"b", b"c"]) != merkle_root([b"a", b"b", b"c", b"c"])


def test_a_node_is_no_leaf() -> None:
    inner = merkle_root([b"a", b"b"])
    assert merkle_root([inner]) != inner
    left, right = merkle_root([b"a"]), merkle_root([b"b"])
    assert merkle_root([left + right]) != inner


@given(lists)
def test_every_element_is_proved(leaves: list[bytes]) -> None:
    root = merkle_root(leaves)
    for index, leaf in enumerate(leaves):
        merkle_verify(root, len(leaves), leaf, merkle_prove(leaves, index))


@given(lists, st.data())
def test_a_proof_proves_nothing_else(leaves: list[bytes], data: st.DataObject) -> None:
    root, count = merkle_root(leaves), len(leaves)
    index = data.draw(st.integers(0, count - 1))
    proof = merkle_prove(leaves, index)
    other = data.draw(st.binary(max_size=40).filter(lambda leaf: leaf != leaves[index]))
    with pytest.raises(ProofMismatch):
        merkle_verify(root, count, other, proof)
    with pytest.raises(ProofMismatch):
        merkle_verify(bytes(32), count, leaves[index], proof)
    for at in range(len(proof.path)):
        path = (*proof.path[:at], bytes(32), *proof.path[at + 1 :])
        with pytest.raises(ProofMismatch):
            merkle_verify(root, count, leaves[index], msgspec.structs.replace(proof, path=path))


@given(st.integers(2, 70), st.data())
def test_an_element_stands_at_one_index_only(count: int, data: st.DataObject) -> None:
    leaves = [bytes([at]) for at in range(count)]
    index = data.draw(st.integers(0, count - 1))
    proof = merkle_prove(leaves, index)
    for claimed in range(count):
        moved = msgspec.structs.replace(proof, index=claimed)
        if claimed != index:
            with pytest.raises((ProofMismatch, ProofLength)):
                merkle_verify(merkle_root(leaves), count, leaves[index], moved)


def test_the_number_of_hashes_is_exact() -> None:
    leaves = [b"a", b"b", b"c"]
    root, proof = merkle_root(leaves), merkle_prove(leaves, 0)
    for path in (proof.path[:-1], (*proof.path, bytes(32)), ()):
        with pytest.raises(ProofLength) as caught:
            merkle_verify(root, 3, b"a", MerkleProof(0, 3, path))
        assert (caught.value.expected, caught.value.given) == (2, len(path))


def test_the_count_is_the_verifiers_not_the_provers() -> None:
    leaves = [b"a", b"b", b"c"]
    root = merkle_root(leaves)
    with pytest.raises(ProofCount):
        merkle_verify(root, 4, b"a", merkle_prove(leaves, 0))
    # An element at another depth: were the count free, b"c" would also be proved as index 1 of 2.
    other = MerkleProof(1, 2, merkle_prove(leaves, 2).path)
    merkle_verify(root, 2, b"c", other)
    with pytest.raises(ProofCount):
        merkle_verify(root, 3, b"c", other)


@pytest.mark.parametrize(("index", "count"), [(3, 3), (4, 3), (-1, 3), (0, 0)])
def test_an_index_outside_the_list_is_refused(index: int, count: int) -> None:
    with pytest.raises(ProofIndex):
        merkle_verify(bytes(32), count, b"a", MerkleProof(index, count, ()))
    with pytest.raises(ProofIndex):
        merkle_prove([b"a"] * count, index)


def test_wire_form() -> None:
    check_wire("merkle_proof", merkle_prove([bytes([at]) for at in range(5)], 2))


@given(leaves=st.lists(st.binary(max_size=3), min_size=1, max_size=40), data=st.data())
def test_several_proofs_are_those_made_one_by_one(leaves: list[bytes], data: st.DataObject) -> None:
    indexes = data.draw(st.lists(st.integers(0, len(leaves) - 1), max_size=6))
    proofs = merkle_proofs(leaves, indexes)
    assert proofs == tuple(merkle_prove(leaves, index) for index in indexes)
    for index, proof in zip(indexes, proofs, strict=True):
        merkle_verify(merkle_root(leaves), len(leaves), leaves[index], proof)
    with pytest.raises(ProofIndex):
        merkle_proofs(leaves, [0, len(leaves)])

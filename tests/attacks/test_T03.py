"""T03 (CVE-2017-12842): 64 bytes that are an inner node of the tree and a transaction at once, so
that a proof of one passes for a proof of the other.

Invariants: leaf and node hashes have domains of their own, a proof's length follows from index and
count, and no 64 bytes that are two hashes decode as a transaction.
"""

from __future__ import annotations

import random

import pytest

from bystack.ledger.transactions import decode_transaction
from bystack.primitives.errors import Invalid
from bystack.primitives.hashes import tagged
from bystack.primitives.merkle import (
    MerkleProof,
    ProofLength,
    ProofMismatch,
    merkle_leaf,
    merkle_prove,
    merkle_root,
    merkle_verify,
)

_node = tagged("merkle/node")


def tree(leaves: list[bytes]) -> list[list[bytes]]:
    """All levels of hashes, the leaves' first."""
    levels = [[merkle_leaf(leaf) for leaf in leaves]]
    while len(levels[-1]) > 1:
        level = levels[-1]
        pairs = zip(level[::2], level[1::2], strict=False)
        levels.append([_node(a, b) for a, b in pairs] + (level[-1:] if len(level) % 2 else []))
    return levels


LEAVES = [b"leaf %d" % number for number in range(13)]
LEVELS = tree(LEAVES)
ROOT = merkle_root(LEAVES)


def test_an_inner_node_is_no_leaf() -> None:
    """Its 64 bytes offered as an element with the rest of a true path, in every length."""
    assert LEVELS[-1] == [ROOT]
    for at in range(len(LEAVES)):
        path = merkle_prove(LEAVES, at).path
        for height in range(1, len(path) + 1):
            place = at >> (height - 1)
            pair = LEVELS[height - 1][place & ~1 : (place & ~1) + 2]
            inner = b"".join(pair)
            for index in (at, at >> height, place):
                for rest in (path[height:], path):
                    with pytest.raises(Invalid) as caught:
                        merkle_verify(ROOT, 13, inner, MerkleProof(index, 13, rest))
                    assert caught.value.rule in {ProofLength.__name__, ProofMismatch.__name__}


def test_a_leaf_of_64_bytes_hides_nothing_below_it() -> None:
    """The attack the other way: a true leaf that is two hashes, and a path that goes on into it."""
    below = [b"false one", b"false two"]
    planted = merkle_leaf(below[0]) + merkle_leaf(below[1])
    leaves = [*LEAVES[:4], planted, *LEAVES[5:]]
    root, path = merkle_root(leaves), merkle_prove(leaves, 4).path
    merkle_verify(root, 13, planted, merkle_prove(leaves, 4))
    deeper = (merkle_leaf(below[1]), *path)
    for index in (4, 8, 9):
        with pytest.raises(ProofLength):
            merkle_verify(root, 13, below[0], MerkleProof(index, 13, deeper))
    assert _node(merkle_leaf(below[0]), merkle_leaf(below[1])) != merkle_leaf(planted)
    for index in (4, 8):  # nor with the length made right by leaving one out
        with pytest.raises((ProofLength, ProofMismatch)):
            merkle_verify(root, 13, below[0], MerkleProof(index, 13, deeper[:-1]))


def test_two_hashes_are_no_transaction() -> None:
    rng = random.Random(1)
    for _ in range(2_000):
        with pytest.raises(Invalid):
            decode_transaction(rng.randbytes(64))
    for level in LEVELS[:-1]:
        for left, right in zip(level[::2], level[1::2], strict=False):
            with pytest.raises(Invalid):
                decode_transaction(left + right)

"""G07: two traitors' signatures are wrong by amounts that cancel out, so that a sum of both is good
and whoever passes on one of them is blamed for a bad one.

Rule: what was verified together counts as verified together only. Invariant: an honest gateway
never sends a sum that does not verify.
"""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from bystack.primitives import bls
from bystack.sidechain.consensus.statements import COMMIT, NO_HASH, NO_SIGNATURE, Vote
from bystack.sidechain.consensus.tally import Tally
from tests.simulation.schemes import bls_keyring

CHAIN, BLOCK = b"\x01" * 32, b"\x02" * 32
RING = bls_keyring(7)


def vote(index: int) -> Vote:
    bare = Vote(COMMIT, 0, 5, 0, BLOCK, NO_HASH, index, NO_SIGNATURE)
    return replace(bare, signature=RING.sign(index, bare.digest(CHAIN)))


def wrong() -> tuple[Vote, Vote]:
    """The votes of 0 and 1 with a point added to the one and taken from the other."""
    point = bls.sign(bls.key_gen(b"any" + bytes(32)), b"any")
    away = bytes([point[0] ^ 0x20]) + point[1:]  # the other point with this first coordinate
    first, second = vote(0), vote(1)
    return (
        replace(first, signature=bls.aggregate([first.signature, point])),
        replace(second, signature=bls.aggregate([second.signature, away])),
    )


@pytest.mark.parametrize("asked", [{0, 2}, {1, 2, 3}, {0, 1, 2}])
def test_no_bad_sum_leaves(asked: set[int]) -> None:
    tally = Tally(RING.validators, CHAIN, RING.scheme)
    for one in (*wrong(), *(vote(i) for i in (2, 3, 4))):
        tally.add(one)
    assert tally.settle(vote(2)) == [] and tally.certificates  # all five together are good
    messages, _ = tally.share(vote(2), frozenset(asked), 6)
    for message in messages:
        names = [i for i in range(7) if message.bitmap[0] >> i & 1]  # type: ignore[union-attr]
        keys = RING.validators.keys_of(names)
        digest = message.digest(CHAIN)
        assert RING.scheme.fast_aggregate_verify(keys, digest, message.signature)

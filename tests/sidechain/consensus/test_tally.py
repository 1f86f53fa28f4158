"""Tallies: quorums, bad signatures found and blamed, second votes, disjoint aggregates."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bystack.primitives.errors import Invalid
from bystack.sidechain.consensus.certificates import verify_certificate
from bystack.sidechain.consensus.evidence import TwoVotes
from bystack.sidechain.consensus.statements import (
    COMMIT,
    NO_HASH,
    NO_SIGNATURE,
    Aggregate,
    Vote,
)
from bystack.sidechain.consensus.tally import Tally, find_bad
from bystack.sidechain.consensus.validators import bitmap_of
from tests.simulation.schemes import HashScheme, Keyring, bls_keyring, hash_keyring

CHAIN, A, B, J = (bytes([i]) * 32 for i in range(1, 5))
RING = hash_keyring(7)


def vote(index: int, block: bytes = A, ring: Keyring = RING, chain: bytes = CHAIN) -> Vote:
    bare = Vote(COMMIT, 0, 5, 1, block, NO_HASH, index, NO_SIGNATURE)
    return replace(bare, signature=ring.sign(index, bare.digest(chain)))


def tally(ring: Keyring = RING) -> Tally:
    return Tally(ring.validators, CHAIN, ring.scheme)


@given(st.lists(st.booleans(), min_size=1, max_size=40))
def test_bisection_finds_exactly_the_bad(good: list[bool]) -> None:
    checks = []

    def all_good(items: object) -> bool:
        checks.append(items)
        return all(good[i] for i in items)  # type: ignore[attr-defined]

    bad = find_bad(range(len(good)), all_good)
    assert bad == [i for i, fine in enumerate(good) if not fine]
    assert len(checks) <= 1 + 2 * len(bad) * len(good).bit_length()


@given(st.permutations(range(7)))
def test_the_fifth_of_seven_votes_certifies(order: list[int]) -> None:
    box = tally()
    for place, index in enumerate(order):
        assert box.add(vote(index)) == ()
        assert box.settle(vote(index)) == []
        assert len(box.certificates) == (place >= 4)
    verify_certificate(box.certificates[0], RING.validators, CHAIN, RING.scheme)


class Counted(HashScheme):
    """Notes of how many keys each sum was that was verified."""

    def __init__(self) -> None:
        super().__init__()
        self.verified: list[int] = []

    def fast_aggregate_verify(self, keys: Sequence[bytes], digest: bytes, signature: bytes) -> bool:
        self.verified.append(len(keys))
        return super().fast_aggregate_verify(keys, digest, signature)


def test_votes_are_verified_together_and_once() -> None:
    """One check of a quorum, none to share what was verified with it, one of what comes later."""
    box, scheme = tally(), Counted()
    box._scheme = scheme
    for index in range(5):
        box.add(vote(index))
        box.settle(vote(index))
    assert box.certificates and scheme.verified == [5]
    box.share(vote(0), frozenset(range(5)), 0)
    assert scheme.verified == [5]
    box.add(vote(5))
    assert len(box.fullest(vote(0))) == 1
    assert scheme.verified == [5, 1]


def test_votes_for_two_blocks_do_not_add_up() -> None:
    box = tally()
    for index in range(7):
        box.add(vote(index, A if index % 2 else B))
        box.settle(vote(index, A if index % 2 else B))
    assert not box.certificates


@pytest.mark.parametrize("ring", [hash_keyring(4), bls_keyring(4)], ids=["hash", "bls"])
def test_a_bad_share_is_blamed_and_does_not_stop_the_rest(ring: Keyring) -> None:
    box = tally(ring)
    for index in (0, 1):
        box.add(vote(index, ring=ring))
    box.add(vote(2, ring=ring, chain=B))
    assert box.settle(vote(0, ring=ring)) == [2]
    assert not box.certificates and box.voters == {0, 1}
    with pytest.raises(Invalid, match="VoteSignature"):
        box.add(vote(2, ring=ring, chain=B))  # verified alone from now on
    box.add(vote(3, ring=ring))
    assert box.settle(vote(0, ring=ring)) == []
    verify_certificate(box.certificates[0], ring.validators, CHAIN, ring.scheme)


def test_ill_formed_signatures_never_enter() -> None:
    box = tally(bls_keyring(4))
    for bad in (bytes(96), b"\xc0" + bytes(95), b"\xff" * 96):
        with pytest.raises(Invalid, match="SignatureMalformed"):
            box.add(replace(vote(0), signature=bad))
    assert not box.voters


def test_a_second_vote_is_evidence_and_a_forged_one_is_refused() -> None:
    box = tally()
    box.add(vote(1))
    (found,) = box.add(vote(1, B))
    assert isinstance(found, TwoVotes)
    with pytest.raises(Invalid, match="VoteSignature"):
        box.add(vote(1, B, chain=B))
    box.add(vote(2, chain=B))  # lazily accepted
    assert box.add(vote(2)) == () and box.vote_of(2) == (vote(2),)  # the good one replaces it


def aggregate(who: tuple[int, ...], block: bytes = A, ring: Keyring = RING) -> Aggregate:
    whole = ring.scheme.aggregate([vote(i, block, ring).signature for i in who])
    return Aggregate(COMMIT, 0, 5, 1, block, NO_HASH, bitmap_of(who, 7), whole)


def group(who: tuple[int, ...], **changes: object) -> Aggregate:
    return replace(aggregate(who), **changes)


def everyone() -> frozenset[int]:
    return frozenset(range(7))


def test_sums_and_votes_add_up_to_a_certificate_of_all() -> None:
    box = tally()
    box.add_sum(aggregate((0, 3)), 0)
    box.add_sum(aggregate((1, 2)), 1)
    assert box.settle(vote(0)) == [] and not box.certificates
    box.add(vote(6))
    assert box.settle(vote(0)) == []
    verify_certificate(box.certificates[0], RING.validators, CHAIN, RING.scheme)
    assert box.for_(vote(0)) == {0, 1, 2, 3, 6} and box.sources == {0, 1, 6}
    box.add(vote(5))
    (fuller,) = box.fullest(vote(0))
    assert fuller.bitmap == bitmap_of((0, 1, 2, 3, 5, 6), 7)
    verify_certificate(fuller, RING.validators, CHAIN, RING.scheme)


def test_a_voter_in_a_sum_and_alone_counts_once() -> None:
    box = tally()
    for index in (0, 1, 2):
        box.add(vote(index))
    box.add_sum(aggregate((0, 1, 2, 3)), 3)
    box.settle(vote(0))
    assert not box.certificates  # four of seven, not seven
    box.add(vote(4))
    box.settle(vote(0))
    (made,) = box.certificates
    assert made.bitmap == bitmap_of(range(5), 7)
    verify_certificate(made, RING.validators, CHAIN, RING.scheme)


def test_a_senders_overlapping_sums_are_refused_and_it_is_heard_no_more() -> None:
    box = tally()
    box.add_sum(aggregate((0, 3)), 0)
    with pytest.raises(Invalid, match="AggregateOverlap"):
        box.add_sum(aggregate((3, 4)), 0)
    box.add_sum(aggregate((5, 6)), 0)
    assert box.for_(vote(0)) == {0, 3}


def test_a_sum_that_contains_the_senders_earlier_ones_takes_their_place() -> None:
    box = tally()
    box.add_sum(aggregate((0, 3)), 0)
    box.add_sum(aggregate((1,)), 0)
    box.add_sum(aggregate((0, 1, 3, 5)), 0)
    box.add_sum(aggregate((0, 1, 3, 5)), 0)
    assert box.for_(vote(0)) == {0, 1, 3, 5}


@pytest.mark.parametrize(
    ("bad", "rule"),
    [
        (group((0, 1), bitmap=b"\0"), "AggregateEmpty"),
        (group((0, 1), bitmap=b"\x80"), "CertificateBitmap"),
        (group((0, 1), signature=bytes(96)), "SignatureMalformed"),
    ],
)
def test_ill_formed_sums_never_enter(bad: Aggregate, rule: str) -> None:
    box = tally()
    with pytest.raises(Invalid, match=rule):
        box.add_sum(bad, 0)
    assert not box.voters


@pytest.mark.parametrize("ring", [hash_keyring(7), bls_keyring(7)], ids=["hash", "bls"])
def test_a_bad_sum_is_blamed_on_its_sender_and_verified_alone_from_then_on(ring: Keyring) -> None:
    suspects: set[int] = set()
    box = Tally(ring.validators, CHAIN, ring.scheme, suspects)
    box.add_sum(replace(aggregate((0, 1), ring=ring), bitmap=bitmap_of((0, 2), 7)), 0)
    for index in (3, 4, 5):
        box.add(vote(index, ring=ring))
    assert box.settle(vote(3, ring=ring)) == [0] and suspects == {0}
    later = Tally(ring.validators, CHAIN, ring.scheme, suspects)
    with pytest.raises(Invalid, match="VoteSignature"):
        later.add_sum(replace(aggregate((0, 1), ring=ring), bitmap=bitmap_of((0, 2), 7)), 0)
    later.add_sum(aggregate((0, 1), ring=ring), 0)
    assert later.voters == {0, 1}


def test_what_is_shared_is_verified_and_shared_once() -> None:
    box, group_ = tally(), frozenset({0, 1, 2})
    for index in (0, 1):
        box.add(vote(index))
    box.add(vote(2, chain=B))
    box.add(vote(5))
    assert box.unshared(vote(0), group_) == {0, 1, 2}
    assert box.share(vote(0), group_, 0) == ([aggregate((0, 1))], [2])
    assert box.share(vote(0), group_, 0) == ([], [])
    box._suspects.clear()
    box.add(vote(2))
    assert box.share(vote(0), group_, 0) == ([aggregate((2,))], [])


def test_ones_own_vote_alone_is_shared_as_it_is() -> None:
    box = tally()
    box.add(vote(4))
    assert box.share(vote(4), everyone(), 4) == ([vote(4)], [])


def test_what_cancels_out_in_a_sum_is_not_taken_apart() -> None:
    """Two traitors' signatures, wrong by opposite amounts, are good together only."""
    off = 1 << 90
    box = tally()
    for index, wrong in ((0, off), (1, -off)):
        shifted = int.from_bytes(vote(index).signature, "big") + wrong
        box.add(replace(vote(index), signature=(shifted % (1 << 768)).to_bytes(96, "big")))
    for index in (2, 3, 4):
        box.add(vote(index))
    assert box.settle(vote(0)) == []  # as a sum of five they verify
    verify_certificate(box.certificates[0], RING.validators, CHAIN, RING.scheme)
    messages, blamed = box.share(vote(0), frozenset({0, 2}), 2)
    assert blamed == [0] and messages == [vote(2)]


def test_a_sum_that_adds_nothing_says_so() -> None:
    box = tally()
    assert box.add_sum(aggregate((0, 3)), 0)
    assert not box.add_sum(aggregate((0, 3)), 0)
    with pytest.raises(Invalid, match="AggregateOverlap"):
        box.add_sum(aggregate((3, 4)), 0)
    assert not box.add_sum(aggregate((5, 6)), 0)

"""Tallies: quorums, bad signatures found and blamed, second votes, disjoint aggregates."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bystack.primitives.errors import Invalid
from bystack.sidechain.consensus.certificates import verify_certificate, verify_timeouts
from bystack.sidechain.consensus.evidence import TwoTimeouts, TwoVotes
from bystack.sidechain.consensus.statements import (
    COMMIT,
    NO_HASH,
    NO_SIGNATURE,
    PREPARE,
    Aggregate,
    Certificate,
    Timeout,
    Vote,
)
from bystack.sidechain.consensus.validators import bitmap_of, topology
from bystack.sidechain.consensus.votes import (
    Tally,
    Timeouts,
    check_subtree,
    combine,
    find_bad,
)
from tests.simulation.schemes import Keyring, bls_keyring, hash_keyring

CHAIN, A, B, J = (bytes([i]) * 32 for i in range(1, 5))
RING = hash_keyring(7)


def vote(index: int, block: bytes = A, ring: Keyring = RING, chain: bytes = CHAIN) -> Vote:
    bare = Vote(COMMIT, 0, 5, 1, block, NO_HASH, index, NO_SIGNATURE)
    return replace(bare, signature=ring.sign(index, bare.digest(chain)))


def tally(ring: Keyring = RING) -> Tally:
    return Tally(ring.validators, CHAIN, ring.scheme)


def timeout(index: int, high: int = -1, view: int = 2, chain: bytes = CHAIN) -> Timeout:
    best = (certificate(high),) if high >= 0 else ()
    bare = Timeout(0, 5, view, high, best, index, NO_SIGNATURE)
    return replace(bare, signature=RING.sign(index, bare.digest(chain)))


def certificate(view: int) -> Certificate:
    bare = Certificate(PREPARE, 0, 5, view, A, J, bitmap_of(range(5), 7), NO_SIGNATURE)
    whole = RING.scheme.aggregate([RING.sign(i, bare.digest(CHAIN)) for i in range(5)])
    return replace(bare, signature=whole)


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


def test_votes_for_two_blocks_do_not_add_up() -> None:
    box = tally()
    for index in range(7):
        box.add(vote(index, A if index % 2 else B))
        box.settle(vote(index, A if index % 2 else B))
    assert box.certificates == ()


@pytest.mark.parametrize("ring", [hash_keyring(4), bls_keyring(4)], ids=["hash", "bls"])
def test_a_bad_share_is_blamed_and_does_not_stop_the_rest(ring: Keyring) -> None:
    box = tally(ring)
    for index in (0, 1):
        box.add(vote(index, ring=ring))
    box.add(vote(2, ring=ring, chain=B))
    assert box.settle(vote(0, ring=ring)) == [2]
    assert box.certificates == () and box.voters == {0, 1}
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


def test_a_quorum_of_timeouts_closes_the_view_with_the_best_certificate() -> None:
    box = Timeouts(RING.validators, CHAIN, RING.scheme)
    for index, high in enumerate((-1, 1, -1, 0, 1)):
        assert box.certify(2) == ((), [])
        box.add(timeout(index, high))
        assert box.weak_from(2) == (index >= 2)
    (made,), bad = box.certify(2)
    assert bad == [] and made.best == (certificate(1),)
    assert [g.high for g in made.signers] == [-1, 0, 1]
    verify_timeouts(made, RING.validators, CHAIN, RING.scheme)


def test_a_bad_timeout_is_blamed() -> None:
    box = Timeouts(RING.validators, CHAIN, RING.scheme)
    for index in range(4):
        box.add(timeout(index))
    box.add(timeout(4, chain=B))
    assert box.certify(2) == ((), [4])
    box.add(timeout(5))
    (made,), _ = box.certify(2)
    verify_timeouts(made, RING.validators, CHAIN, RING.scheme)


def test_only_the_highest_timeout_of_each_counts_and_two_reports_are_evidence() -> None:
    box = Timeouts(RING.validators, CHAIN, RING.scheme)
    box.add(timeout(0, view=4))
    box.add(timeout(0, view=2))
    box.add(timeout(1, view=9))
    box.add(timeout(2, view=2))
    assert box.weak_from(2) and not box.weak_from(4)
    (found,) = box.add(timeout(0, high=1, view=4))
    assert isinstance(found, TwoTimeouts)


def aggregate(who: tuple[int, ...], block: bytes = A) -> Aggregate:
    whole = RING.scheme.aggregate([vote(i, block).signature for i in who])
    return Aggregate(COMMIT, 0, 5, 1, block, NO_HASH, bitmap_of(who, 7), whole)


def test_disjoint_aggregates_add_up() -> None:
    both = combine(aggregate((0, 3)), aggregate((1, 2, 6)), RING.validators, RING.scheme)
    assert both == aggregate((0, 1, 2, 3, 6))


def test_overlapping_or_different_aggregates_do_not() -> None:
    with pytest.raises(Invalid, match="AggregateOverlap"):
        combine(aggregate((0, 3)), aggregate((1, 3)), RING.validators, RING.scheme)
    with pytest.raises(Invalid, match="AggregateMixed"):
        combine(aggregate((0,)), aggregate((1,), B), RING.validators, RING.scheme)


def test_an_aggregate_stays_within_its_senders_group() -> None:
    paths = topology(RING.validators, 0, 0, gateways=2)
    group = paths.subtree(1)
    check_subtree(aggregate(group), 1, paths, RING.validators)
    with pytest.raises(Invalid, match="AggregateOutside"):
        check_subtree(aggregate((*group, 0)), 1, paths, RING.validators)

"""TIMEOUTs add up to timeout certificates; bad ones are found and blamed."""

from __future__ import annotations

from msgspec.structs import replace

from bystack.sidechain.consensus.certificates import verify_timeouts
from bystack.sidechain.consensus.evidence import TwoTimeouts
from bystack.sidechain.consensus.statements import (
    NO_SIGNATURE,
    PREPARE,
    Certificate,
    Timeout,
)
from bystack.sidechain.consensus.timeouts import Timeouts
from bystack.sidechain.consensus.validators import bitmap_of
from tests.simulation.schemes import hash_keyring

CHAIN, A, B, J = (bytes([i]) * 32 for i in range(1, 5))
RING = hash_keyring(7)


def timeout(index: int, high: int = -1, view: int = 2, chain: bytes = CHAIN) -> Timeout:
    best = (certificate(high),) if high >= 0 else ()
    bare = Timeout(0, 5, view, high, best, index, NO_SIGNATURE)
    return replace(bare, signature=RING.sign(index, bare.digest(chain)))


def certificate(view: int) -> Certificate:
    bare = Certificate(PREPARE, 0, 5, view, A, J, bitmap_of(range(5), 7), NO_SIGNATURE)
    whole = RING.scheme.aggregate([RING.sign(i, bare.digest(CHAIN)) for i in range(5)])
    return replace(bare, signature=whole)


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

"""Sets, weights, leaders."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bystack.primitives.errors import Invalid
from bystack.sidechain.consensus.validators import (
    Validator,
    ValidatorSet,
    bitmap_of,
    check_set,
    indexes_of,
    leader,
    quorum,
    weak,
)
from tests.simulation.schemes import HashScheme, bls_keyring, hash_keyring

RING = hash_keyring(7)


@given(st.integers(1, 10**9))
def test_quorum_is_the_least_weight_above_two_thirds(total: int) -> None:
    assert 3 * quorum(total) > 2 * total >= 3 * (quorum(total) - 1)
    assert 3 * weak(total) > total >= 3 * (weak(total) - 1)


@given(st.integers(1, 400))
def test_two_quorums_share_more_than_a_third(total: int) -> None:
    assert 3 * (2 * quorum(total) - total) > total


def test_quorum_of_five_is_four() -> None:
    assert [quorum(n) for n in (1, 2, 3, 4, 5, 7, 10)] == [1, 2, 3, 3, 4, 5, 7]


@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.just(n), st.sets(st.integers(0, n - 1)))))
def test_bitmaps_name_sets(case: tuple[int, set[int]]) -> None:
    size, chosen = case
    assert indexes_of(bitmap_of(chosen, size), size) == tuple(sorted(chosen))


@pytest.mark.parametrize(
    ("bitmap", "rule"), [(b"\x80", "BitmapBits"), (b"", "BitmapLength"), (b"\1\0", "BitmapLength")]
)
def test_bitmaps_outside_the_set_are_refused(bitmap: bytes, rule: str) -> None:
    with pytest.raises(Invalid) as refused:
        indexes_of(bitmap, 7)
    assert refused.value.rule == rule


def test_every_validator_leads_in_turn() -> None:
    for seed in (bytes(32), b"\x07" * 32):
        turns = [leader(RING.validators, seed, h, 0) for h in range(7)]
        assert sorted(turns) == list(range(7))
        assert [leader(RING.validators, seed, 0, v) for v in range(7)] == turns
    assert leader(RING.validators, bytes(32), 3, 0, 2) == leader(
        RING.validators, bytes(32), 2, 0, 2
    )


def with_member(**changes: object) -> ValidatorSet:
    first, *others = RING.validators.validators
    return ValidatorSet(0, (replace(first, **changes), *others))


@pytest.mark.parametrize(
    ("validators", "rule"),
    [
        (ValidatorSet(0, ()), "SetSize"),
        (with_member(weight=0), "WeightZero"),
        (with_member(key=RING.validators.validators[1].key), "DuplicateKey"),
        (with_member(node=RING.validators.validators[1].node), "DuplicateKey"),
        (with_member(proof=b"\1" * 96), "PossessionUnproven"),
    ],
)
def test_unsafe_sets_are_refused(validators: ValidatorSet, rule: str) -> None:
    with pytest.raises(Invalid) as refused:
        check_set(validators, HashScheme())
    assert refused.value.rule == rule


def test_a_set_with_bls_proofs_is_accepted_and_stolen_proofs_are_not() -> None:
    ring = bls_keyring(4)
    check_set(ring.validators, ring.scheme)
    a, b, *rest = ring.validators.validators
    swapped = Validator(a.key, b.proof, 1, a.node)
    with pytest.raises(Invalid, match="PossessionUnproven"):
        check_set(ValidatorSet(0, (swapped, b, *rest)), ring.scheme)

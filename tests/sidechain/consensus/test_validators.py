"""Sets, weights, leaders, topology."""

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
    topology,
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


@given(st.integers(0, 6), st.integers(0, 3), st.integers(1, 9))
def test_topology_partitions_the_set(root: int, view: int, gateways: int) -> None:
    paths = topology(RING.validators, root, view, gateways)
    everyone = [i for group in paths.groups for i in group]
    assert sorted(everyone) == list(range(7))
    assert paths.gateway_of(root) == root == paths.groups[0][0]
    assert len(paths.groups) == (min(gateways, 7) if view == 0 else 1)
    assert all(paths.gateway_of(i) == group[0] for group in paths.groups for i in group)


def test_in_a_star_members_speak_for_themselves() -> None:
    paths = topology(RING.validators, 2, 0)
    assert paths.subtree(3) == (3,)
    assert sorted(paths.subtree(2)) == list(range(7))


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

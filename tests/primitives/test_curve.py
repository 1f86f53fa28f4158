from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bystack.primitives.curve import (
    INFINITY,
    MAX_INDEX,
    ORDER,
    IndexInvalid,
    NoCommitments,
    PointMalformed,
    evaluate_commitments,
    g1_add,
    g1_mul,
    g1_scale,
    g1_valid,
    lagrange_at_zero,
)

scalars = st.integers(0, ORDER - 1)
OFF_SUBGROUP = b"\x80" + bytes(46) + b"\x04"  # on the curve, of another order
NOT_POINTS: list[Any] = [
    b"",
    bytes(48),
    b"\xff" * 48,
    b"\xc0" + bytes(46),
    b"\xe0" + bytes(47),
    b"\xc0" + bytes(46) + b"\x01",
    b"\xc0" + b"\xff" * 47,
    OFF_SUBGROUP,
    bytearray(INFINITY),
]


@settings(max_examples=30)
@given(scalars, scalars)
def test_it_is_a_group(a: int, b: int) -> None:
    assert g1_add([g1_mul(a), g1_mul(b)]) == g1_mul(a + b)
    assert g1_scale(g1_mul(a), b) == g1_mul(a * b)
    assert g1_add([g1_mul(a), g1_mul(-a)]) == INFINITY


def test_the_generator_and_the_order() -> None:
    generator = "97f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac58"
    generator += "6c55e83ff97a1aeffb3af00adb22c6bb"
    assert g1_mul(1).hex() == generator
    assert g1_mul(ORDER) == g1_mul(0) == g1_add([]) == INFINITY
    assert g1_mul(ORDER + 5) == g1_mul(5)
    assert g1_scale(INFINITY, 7) == INFINITY


@pytest.mark.parametrize("point", NOT_POINTS)
def test_what_is_no_point(point: Any) -> None:
    assert not g1_valid(point) and not g1_valid(point, allow_infinity=True)
    for call in (g1_add, lambda points: evaluate_commitments(points, 1)):
        with pytest.raises(PointMalformed):
            call([g1_mul(1), point])
    with pytest.raises(PointMalformed):
        g1_scale(point, 2)


def test_infinity_is_valid_only_where_allowed() -> None:
    assert g1_valid(g1_mul(3)) and not g1_valid(INFINITY)
    assert g1_valid(INFINITY, allow_infinity=True)


@settings(max_examples=20)
@given(st.lists(scalars, min_size=1, max_size=5), st.integers(1, MAX_INDEX))
def test_commitments_evaluate_the_polynomial(coefficients: list[int], index: int) -> None:
    value = sum(c * index**k for k, c in enumerate(coefficients)) % ORDER
    assert evaluate_commitments([g1_mul(c) for c in coefficients], index) == g1_mul(value)


@given(st.data())
def test_any_quorum_of_shares_gives_the_secret(data: st.DataObject) -> None:
    coefficients = data.draw(st.lists(scalars, min_size=1, max_size=6))
    size = len(coefficients)
    chosen = st.lists(st.integers(1, MAX_INDEX), min_size=size, max_size=size, unique=True)
    indices = data.draw(chosen)
    shares = {i: sum(c * i**k for k, c in enumerate(coefficients)) for i in indices}
    weights = lagrange_at_zero(indices)
    assert sum(weights[i] * shares[i] for i in indices) % ORDER == coefficients[0]


@pytest.mark.parametrize(
    "indices", [[0], [-1], [MAX_INDEX + 1], [1, 1], [1, 2, 1], [ORDER], [1, ORDER + 1], [True, 2]]
)
def test_an_index_is_1_to_65535_and_given_once(indices: list[int]) -> None:
    with pytest.raises(IndexInvalid):
        lagrange_at_zero(indices)
    for index in set(indices) - {1, 2}:  # True is 1 here
        with pytest.raises(IndexInvalid):
            evaluate_commitments([g1_mul(1)], index)


def test_a_polynomial_has_a_commitment() -> None:
    with pytest.raises(NoCommitments):
        evaluate_commitments([], 1)

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bystack.primitives.errors import Misuse
from bystack.primitives.hashes import tagged
from bystack.primitives.multiset import EMPTY, PRIME, Running, multiset_digest, multiset_update

elements = st.lists(st.binary(max_size=40), max_size=8)


def model(held: list[bytes]) -> bytes:
    product = 1
    for element in held:
        seed = tagged("multiset/element")(element)
        product *= int.from_bytes(hashlib.shake_256(seed).digest(384), "big")
    return (product % PRIME).to_bytes(384, "big")


@settings(max_examples=40)
@given(elements, elements, st.randoms(use_true_random=False))
def test_only_what_is_held_counts(kept: list[bytes], gone: list[bytes], random: object) -> None:
    mixed = kept + gone
    random.shuffle(mixed)  # type: ignore[attr-defined]
    state = multiset_update(multiset_update(EMPTY, mixed, []), [], gone)
    assert state == model(kept) == multiset_update(EMPTY, kept[::-1], [])
    assert multiset_update(EMPTY, mixed, gone) == state


def test_an_element_may_leave_before_it_enters() -> None:
    owed = multiset_update(EMPTY, [], [b"coin"])
    assert owed != EMPTY
    assert multiset_update(owed, [b"coin"], []) == EMPTY


def test_it_counts_how_often() -> None:
    once, twice = (multiset_update(EMPTY, [b"a"] * times, []) for times in (1, 2))
    assert len({EMPTY, once, twice}) == 3


def test_the_digest_is_of_the_state() -> None:
    assert multiset_digest(EMPTY) == tagged("multiset/digest")(EMPTY)
    assert multiset_digest(EMPTY) != multiset_digest(multiset_update(EMPTY, [b"a"], []))


def test_the_modulus_is_prime() -> None:
    assert all(pow(base, PRIME - 1, PRIME) == 1 for base in (2, 3))


@pytest.mark.parametrize("state", [b"", bytes(384), PRIME.to_bytes(384, "big"), bytes(383) + b"11"])
def test_a_state_that_is_none_is_misuse(state: bytes) -> None:
    with pytest.raises(Misuse):
        multiset_update(state, [], [])


@settings(max_examples=25)
@given(elements, elements, st.randoms(use_true_random=False))
def test_bit_by_bit_is_as_at_once(kept: list[bytes], gone: list[bytes], random: object) -> None:
    """Also what enters and leaves between, in whatever order."""
    running = Running(EMPTY)
    steps = [("in", e) for e in kept + gone] + [("out", e) for e in gone]
    random.shuffle(steps)  # type: ignore[attr-defined]
    for way, element in steps:
        running.update([element] if way == "in" else [], [element] if way == "out" else [])
    assert running.state == multiset_update(EMPTY, kept, [])

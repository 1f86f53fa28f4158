"""Every ledger type against hostile bytes: refused by name, or another object; memory bounded."""

from __future__ import annotations

import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bystack.ledger.coins import Coin
from bystack.ledger.policies import Policy
from bystack.ledger.transactions import (
    MAX_TRANSACTION,
    Lock,
    Output,
    Transaction,
    TransactionBody,
    Witness,
    decode_transaction,
)
from bystack.primitives.codec import Malformed, TooLong, Wire, decode_union, encode
from bystack.primitives.errors import Invalid
from tests.ledger.samples import SAMPLES
from tests.ledger.strategies import locks, policies, transactions, witnesses

UNIONS = {"lock": Lock, "witness": Witness, "policy": Policy}
LIMIT = 10_000


def kind_of(name: str) -> Any:
    return UNIONS.get(name.split("_")[0], type(SAMPLES[name]))


@given(st.one_of(transactions, witnesses, locks, policies()))
def test_random_values_return_unchanged(value: Wire) -> None:
    kind = next((kind for kind in (Lock, Witness, Policy) if isinstance(value, kind)), type(value))
    assert decode_union(kind, encode(value), MAX_TRANSACTION) == value


@pytest.mark.parametrize("name", SAMPLES)
def test_no_prefix_and_no_surplus_is_accepted(name: str) -> None:
    data = encode(SAMPLES[name])
    for end in range(len(data)):
        with pytest.raises(Invalid):
            decode_union(kind_of(name), data[:end], LIMIT)
    for surplus in (b"\0", b"\xc0", data):
        with pytest.raises(Invalid):
            decode_union(kind_of(name), data + surplus, LIMIT)


@pytest.mark.parametrize("name", SAMPLES)
def test_a_flipped_bit_is_refused_or_is_another_object(name: str) -> None:
    data = encode(SAMPLES[name])
    for at in range(len(data) * 8):
        flipped = bytearray(data)
        flipped[at // 8] ^= 1 << at % 8
        try:
            other = decode_union(kind_of(name), bytes(flipped), LIMIT)
        except Invalid:
            continue
        assert other != SAMPLES[name]
        assert encode(other) == bytes(flipped)


HOSTILE = [
    b"\xdd\xff\xff\xff\xff",  # array of 2**32 - 1
    b"\xc6\xff\xff\xff\xff",  # bytes of 2**32 - 1
    b"\xdb\xff\xff\xff\xff",  # text of 2**32 - 1
    b"\xdf\xff\xff\xff\xff",  # map of 2**32 - 1
    b"\xc9\xff\xff\xff\xff\x01",  # extension of 2**32 - 1
    b"\xdc\xff\xff",
    b"\xcf\xff\xff\xff\xff\xff\xff\xff\xff",  # 2**64 - 1
    b"\xff",  # -1
    b"\xc0",
    b"\xc3",
    b"\xcb\x40\x00\x00\x00\x00\x00\x00\x00",  # 2.0
    b"\x80",
]


@pytest.mark.parametrize("name", SAMPLES)
def test_hostile_lengths_and_types_anywhere_are_refused_cheaply(name: str) -> None:
    data = encode(SAMPLES[name])
    tracemalloc.start()
    for at in range(len(data)):
        for piece in HOSTILE:
            hostile = data[:at] + piece + data[at + 1 :]
            try:
                other = decode_union(kind_of(name), hostile, LIMIT)
            except Invalid:
                continue
            assert encode(other) == hostile  # a byte of a hash, say
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000


def nested(depth: int) -> bytes:
    """The bytes of a policy of so many levels."""
    return b"\x92\x03\x91" * (depth - 1) + encode(SAMPLES["policy_after"])


@pytest.mark.parametrize("depth", [9, 10, 100, *range(150, 1050, 7), 5000, 100_000])
def test_a_policy_too_deep_is_never_decoded(depth: int) -> None:
    # One that is decoded with the last of the stack would break whoever encodes it.
    with pytest.raises(Invalid):
        decode_union(Policy, nested(depth), 1_000_000)


def test_the_deepest_policy_is_decoded() -> None:
    assert encode(decode_union(Policy, nested(8), LIMIT)) == nested(8)


@pytest.mark.parametrize("depth", [100, 1000, 100_000])
def test_nested_arrays_are_refused(depth: int) -> None:
    for kind in (Transaction, TransactionBody, Coin, Output):
        with pytest.raises(Invalid):
            decode_union(kind, b"\x91" * depth, 1_000_000)


def test_the_length_is_bounded_before_anything_else() -> None:
    with pytest.raises(TooLong):
        decode_transaction(bytes(MAX_TRANSACTION + 1))
    with pytest.raises(Malformed):
        decode_transaction(b"")

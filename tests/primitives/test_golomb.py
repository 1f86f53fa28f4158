import pytest
from hypothesis import given
from hypothesis import strategies as st

from bystack.primitives.errors import Misuse
from bystack.primitives.golomb import (
    GolombPadding,
    GolombShort,
    golomb_decode,
    golomb_encode,
)

NUMBERS = st.lists(st.integers(0, 2**22), max_size=40).map(sorted)


@given(NUMBERS, st.integers(1, 19))
def test_what_is_coded_comes_back(values: list[int], bits: int) -> None:
    kept = [value >> 19 - bits for value in values]  # quotients stay short
    assert golomb_decode(golomb_encode(kept, bits), len(kept), bits) == kept


def test_the_bytes_of_a_known_list() -> None:
    # 5 = 1 rest 1, then 9 - 5 = 1 rest 0, equal again = 0 rest 0: 10 01 10 00 0 00 and padding.
    assert golomb_encode([5, 9, 9], 2) == bytes([0b10_01_10_00, 0b0_00_00000])


@given(NUMBERS.filter(bool), st.data())
def test_too_few_and_too_many_bytes_are_refused(values: list[int], data: st.DataObject) -> None:
    coded = golomb_encode(values, 19)
    short = data.draw(st.integers(0, len(coded) - 1))
    with pytest.raises(GolombShort):
        golomb_decode(coded[:short], len(values), 19)
    with pytest.raises(GolombPadding):
        golomb_decode(coded + b"\x00", len(values), 19)


def test_padding_is_zeros_and_a_run_of_ones_ends() -> None:
    with pytest.raises(GolombPadding):
        golomb_decode(b"\x01", 0, 19)
    with pytest.raises(GolombShort):
        golomb_decode(b"\xff" * 100, 1, 19)
    with pytest.raises(GolombShort):
        golomb_decode(b"", 10**9, 19)


def test_numbers_ascend() -> None:
    with pytest.raises(Misuse):
        golomb_encode([2, 1], 2)

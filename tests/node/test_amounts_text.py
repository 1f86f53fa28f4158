"""Amounts shown and read again are the same, to the last unit."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bystack.node.amounts_text import read, show
from bystack.node.ipc import RemoteError
from bystack.primitives.codec import MAX_INT


@given(amount=st.integers(0, MAX_INT), decimals=st.integers(0, 18))
def test_what_is_shown_is_read_back_exactly(amount: int, decimals: int) -> None:
    shown = msgspec.json.decode(msgspec.json.encode(show(amount, decimals)))
    assert read(shown, decimals) == amount


@pytest.mark.parametrize(
    ("amount", "decimals", "shown"),
    [
        (41_250_000_000, 8, 412.5),
        (1, 8, 1e-08),
        (7, 0, 7),
        (2_500_000_000_000_001, 8, 25000000.00000001),
        (9_007_199_254_740_993, 8, "90071992.54740993"),
        (0, 8, 0.0),
    ],
)
def test_numbers_where_exact_else_text(amount: int, decimals: int, shown: object) -> None:
    assert show(amount, decimals) == shown
    assert type(show(amount, decimals)) is type(shown)
    assert Decimal(str(shown)) == Decimal(amount).scaleb(-decimals)


@pytest.mark.parametrize(
    "given",
    ["", "x", "-1", -0.5, "1.000000001", "nan", "inf", float("inf"), "1e400", "1e3", 1e300, "９"],
)
def test_what_is_no_amount_is_refused(given: str | float) -> None:
    with pytest.raises(RemoteError) as refused:
        read(given, 8)
    assert refused.value.code == -3


def test_the_refusal_says_how_one_is_written() -> None:
    for decimals, says in ((8, "digits, at most 8 of them after a point"), (0, "digits alone")):
        with pytest.raises(RemoteError) as refused:
            read("1,5", decimals)
        assert refused.value.message == f"'1,5' is no amount: {says}"

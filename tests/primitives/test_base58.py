import pytest
from hypothesis import given
from hypothesis import strategies as st

from bystack.primitives.base58 import (
    MAX_LENGTH,
    Base58Checksum,
    Base58Malformed,
    base58_decode,
    base58_encode,
)
from bystack.primitives.errors import Invalid


@given(st.binary(max_size=80))
def test_bytes_come_back(data: bytes) -> None:
    assert base58_decode(base58_encode(data)) == data


def test_leading_zeros_are_kept() -> None:
    # Bitcoin's first address: version 0 and a hash.
    text = "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"
    data = bytes.fromhex("0062e907b15cbf27d5425399ebf6f0fb50ebb88f18")
    assert base58_decode(text) == data
    assert base58_encode(data) == text


@given(st.text(max_size=60))
def test_any_text_is_bytes_or_refused(text: str) -> None:
    try:
        data = base58_decode(text)
    except Invalid:
        return
    assert base58_encode(data) == text


def test_what_is_refused() -> None:
    for text in ("0", "l", "é", "1" * (MAX_LENGTH + 1)):
        with pytest.raises(Base58Malformed):
            base58_decode(text)
    for text in (
        "",
        "1",
        "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb",
        "A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
    ):
        with pytest.raises(Base58Checksum):
            base58_decode(text)

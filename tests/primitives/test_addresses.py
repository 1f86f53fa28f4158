import pytest
from hypothesis import given
from hypothesis import strategies as st

from bystack.primitives.addresses import (
    DEPOSIT,
    LONG_LIMIT,
    POLICY,
    Address,
    AddressMalformed,
    AddressNetwork,
    AddressVersion,
    decode_address,
    encode_address,
)
from bystack.primitives.bech32m import bech32m_encode, to_symbols
from bystack.primitives.errors import Invalid, Misuse

payloads = st.sampled_from([(POLICY, 32), (DEPOSIT, 96)]).flatmap(
    lambda case: st.tuples(st.just(case[0]), st.binary(min_size=case[1], max_size=case[1]))
)


@given(st.sampled_from(["bm", "tm", "rm", "trade"]), payloads)
def test_an_address_comes_back(hrp: str, case: tuple[int, bytes]) -> None:
    address = Address(hrp, *case)
    text = encode_address(address)
    assert text.startswith(f"{hrp}1") and len(text) <= LONG_LIMIT
    assert decode_address(text, hrp) == address
    assert decode_address(text.upper(), hrp) == address


def test_its_text_is_pinned() -> None:
    policy = encode_address(Address("bm", POLICY, bytes(range(32))))
    assert policy == "bm1qqqqsyqcyq5rqwzqfpg9scrgwpugpzysnzs23v9ccrydpk8qarc0sentdf9"
    deposit = encode_address(Address("rm", DEPOSIT, bytes(range(96))))
    expected = (
        "rm1pqqqsyqcyq5rqwzqfpg9scrgwpugpzysnzs23v9ccrydpk8qarc0jqgfzyvjz2f389q5j52ev95hz"
        "7vp3xgengdfkxuurjw3m8s7nu06qg9pyx3z9ger5sj22fdxy6nj02pg4y56524t9wkzetfd4ch27tux0"
        "73q8"
    )
    assert deposit == expected


def test_another_chain_is_named() -> None:
    text = encode_address(Address("tm", POLICY, bytes(32)))
    with pytest.raises(AddressNetwork) as caught:
        decode_address(text, "bm")
    assert (caught.value.expected, caught.value.given) == ("bm", "tm")


@pytest.mark.parametrize(
    ("version", "size"), [(2, 32), (31, 32), (0, 31), (0, 33), (0, 96), (1, 32), (1, 95), (0, 0)]
)
def test_version_and_length_belong_together(version: int, size: int) -> None:
    with pytest.raises(AddressVersion):
        decode_address(bech32m_encode("bm", [version, *to_symbols(bytes(size))]), "bm")
    with pytest.raises(AddressVersion):
        encode_address(Address("bm", version, bytes(size)))


def test_what_is_malformed() -> None:
    text = encode_address(Address("bm", POLICY, bytes(32)))
    mixed = text[:-1] + text[-1].upper() if text[-1].isalpha() else text[:5].upper() + text[5:]
    for bad in ("", "bm1", text[:-1], text + "q", mixed, " " + text, bech32m_encode("bm", [])):
        with pytest.raises(AddressMalformed):
            decode_address(bad, "bm")
    with pytest.raises(AddressMalformed):
        decode_address("bm1" + "q" * 300, "bm")


def test_version_0_stays_short_enough_for_the_checksum() -> None:
    hrp = "x" * 83
    with pytest.raises(AddressMalformed):
        decode_address(bech32m_encode(hrp, [POLICY, *to_symbols(bytes(32))]), hrp)


@given(st.text(max_size=90))
def test_any_text_is_an_address_or_refused(text: str) -> None:
    try:
        address = decode_address(text, "bm")
    except Invalid:
        return
    assert encode_address(address) == text.lower()


@pytest.mark.parametrize("hrp", ["", "BM", "b m", "é", "b1m", "x" * 21])
def test_a_prefix_is_ours_to_choose_well(hrp: str) -> None:
    with pytest.raises(Misuse):
        encode_address(Address(hrp, POLICY, bytes(32)))

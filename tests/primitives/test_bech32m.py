import pytest
from hypothesis import given
from hypothesis import strategies as st

from bystack.primitives.addresses import split_address
from bystack.primitives.bech32m import (
    LETTERS,
    AddressMalformed,
    bech32m_decode,
    bech32m_encode,
    from_symbols,
    to_symbols,
)
from tests.primitives.vectors import load

VECTORS = load("bips/bip350_vectors.json")


def section(start: str) -> list[tuple[str, str]]:
    return next(cases for title, cases in VECTORS.items() if title.startswith(start))


VALID = section("The following strings are valid Bech32m")
NOT_VALID = section("The following string are not valid Bech32m")
SEGWIT = section("The following list gives valid segwit")
NOT_SEGWIT = section("The following list gives invalid segwit")
# These are refused by Bitcoin's own rules of prefix, version and program length, not by the code;
# "Bech32m instead of Bech32" is a well-formed Bech32m text.
OTHER_RULES = (
    "Invalid human-readable part",
    "Invalid witness version",
    "Invalid program length",
    "Invalid checksum (Bech32m instead of Bech32)",
)


@pytest.mark.parametrize("text", [text for text, _ in VALID])
def test_valid_strings(text: str) -> None:
    hrp, symbols = bech32m_decode(text)
    assert bech32m_encode(hrp, symbols) == text.lower()
    at = text.rindex("1")
    changed = text[: at + 1] + ("q" if text[at + 1] != "q" else "p") + text[at + 2 :]
    with pytest.raises(AddressMalformed):
        bech32m_decode(changed)


@pytest.mark.parametrize(("text", "reason"), NOT_VALID)
def test_strings_that_are_not_valid(text: str, reason: str) -> None:
    with pytest.raises(AddressMalformed):
        bech32m_decode(text)


def test_prefixes_of_control_and_high_characters_are_refused() -> None:
    # BIP 350 lists these as \x20, \x7F and \x80 before the rest, which a text file cannot show.
    for text in ("\x201xj0phk", "\x7f1g6xzxy", "\x801vctc34"):
        with pytest.raises(AddressMalformed):
            bech32m_decode(text)


@pytest.mark.parametrize(("text", "script"), SEGWIT)
def test_segwit_addresses(text: str, script: str) -> None:
    program = bytes.fromhex(script.removeprefix("<tt>").removesuffix("</tt>"))
    if program[0] == 0:  # version 0 is Bech32, which is not Bech32m
        with pytest.raises(AddressMalformed):
            split_address(text)
    else:
        address = split_address(text)
        assert (address.version + 0x50, address.payload) == (program[0], program[2:])


@pytest.mark.parametrize(("text", "reason"), NOT_SEGWIT)
def test_segwit_addresses_that_are_not_valid(text: str, reason: str) -> None:
    if reason.startswith(OTHER_RULES) and not text.startswith("BC1QR"):
        split_address(text)
    else:
        with pytest.raises(AddressMalformed):
            split_address(text)


def test_the_vectors_are_all_there() -> None:
    assert [len(part) for part in (VALID, NOT_VALID, SEGWIT, NOT_SEGWIT)] == [7, 11, 8, 15]


@given(st.binary(max_size=100))
def test_symbols_are_the_bytes(data: bytes) -> None:
    symbols = to_symbols(data)
    assert all(0 <= symbol < 32 for symbol in symbols)
    assert from_symbols(symbols) == data


@pytest.mark.parametrize("symbols", [[0], [0] * 3, [0] * 6, [0] * 9, [0, 1], [0, 0, 0, 8]])
def test_padding_is_short_and_zero(symbols: list[int]) -> None:
    with pytest.raises(AddressMalformed):
        from_symbols(symbols)


@given(st.binary(min_size=1, max_size=40), st.data())
def test_up_to_four_wrong_letters_are_found(data: bytes, draw: st.DataObject) -> None:
    text = bech32m_encode("bm", to_symbols(data))
    places = draw.draw(st.lists(st.integers(3, len(text) - 1), min_size=1, max_size=4, unique=True))
    letters = list(text)
    for place in places:
        other = [letter for letter in LETTERS if letter != letters[place]]
        letters[place] = draw.draw(st.sampled_from(other))
    with pytest.raises(AddressMalformed):
        bech32m_decode("".join(letters))

import pytest

from bystack.primitives.errors import Invalid, Misuse


class Wordless(Invalid):
    __doc__ = None


class CoinMissing(Invalid):
    """The coin is spent or was never made.

    A second line that nobody is shown.
    """


def test_an_invalid_names_its_rule_and_shows_its_facts() -> None:
    error = CoinMissing(outpoint=b"\x01\x02", height=7)
    assert error.rule == "CoinMissing"
    assert (error.outpoint, error.height) == (b"\x01\x02", 7)
    expected = "CoinMissing: The coin is spent or was never made (outpoint=0102, height=7)"
    assert str(error) == expected


def test_several_bytes_are_shown_in_hex_too() -> None:
    error = CoinMissing(known=[b"\x01", b"\xfe"], numbers=(1, 2))
    assert "(known=01 fe, numbers=(1, 2))" in str(error)


def test_a_table_is_shown_as_people_read_it() -> None:
    error = CoinMissing(fees={}, least={b"\xff\x01": 1000, b"\x02": 1})
    assert "(fees=none, least=ff01: 1000 02: 1)" in str(error)


def test_an_invalid_without_facts_is_its_sentence() -> None:
    assert str(CoinMissing()) == "CoinMissing: The coin is spent or was never made"


def test_one_of_another_package_may_have_no_sentence() -> None:
    assert str(Wordless()) == "Wordless"
    assert str(Wordless(height=7)) == "Wordless (height=7)"


def test_an_unknown_fact_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError):
        _ = CoinMissing(height=7).depth


def test_misuse_is_no_verdict_on_input() -> None:
    assert not issubclass(Misuse, Invalid)

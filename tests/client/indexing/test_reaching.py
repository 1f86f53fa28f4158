"""Passwords in what people are shown."""

from bystack.client.indexing.reaching import masked


def test_a_password_is_masked_in_each_of_its_forms() -> None:
    text = "postgresql://ann:p%40s%2Fs@db says: p@s/s is wrong, p%40s/s too"
    assert masked(text, ["p@s/s"]) == "postgresql://ann:***@db says: *** is wrong, *** too"
    assert masked("nothing to hide", ["", "x9"]) == "nothing to hide"
    assert masked("longer", ["long", "longer"]) == "***"

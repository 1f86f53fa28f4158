"""What may be chosen of a devnet's sidechains."""

import pytest

from bystack.client.devnet.modules import TABLES, choice, table


def test_words_and_numbers_of_the_genesis() -> None:
    assert choice("consensus=solo") == ("consensus", "solo")
    assert choice("gateways=2") == ("gateways", 2)


@pytest.mark.parametrize(
    "given", ["", "epoch", "epoch=", "epoch=-1", "epoch=1.5", "epoch=²", "consensus=", "name=x"]
)
def test_what_cannot_be_chosen_is_said(given: str) -> None:
    with pytest.raises(ValueError, match="KEY=VALUE"):
        choice(given)


def test_modules_of_this_program_and_of_packages() -> None:
    assert table("registry") == {"name": "registry", **TABLES["registry"]}
    assert table("own=c0ff") == {"name": "own", "hex": "c0ff"}
    with pytest.raises(ValueError, match="own"):
        table("own=xyz")

"""What may be chosen of a devnet's sidechains."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bystack.client.devnet.modules import TABLES, choice, table
from bystack.client.devnet.network import up


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
    assert table("own=") == {"name": "own", "hex": ""}
    for unknown in ("own=xyz", "own"):
        with pytest.raises(ValueError, match="own"):
            table(unknown)


class Silent:
    """Shows nothing."""

    def step(self, name: str, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        raise AssertionError(name)


def test_nothing_is_made_of_a_network_that_cannot_be(tmp_path: Path) -> None:
    for modules, choices in ((["exchagne"], []), ([], ["epoch=soon"])):
        with pytest.raises(ValueError, match=r"exchagne|epoch"):
            up(tmp_path / "net", [None] * 3, Silent(), modules=modules, choices=choices)
    assert not (tmp_path / "net").exists()

"""Choices as people type them: what is none is said with what was expected."""

from __future__ import annotations

import pytest

from bystack.client.sidechain_new.choices import asset_from, with_limits
from tests.client.sidechain_new.founders import BTM, complete


@pytest.mark.parametrize("text", ["", "GOLD", "GOLD:12:2", f"GOLD:{'a' * 64}:x", f":{'a' * 64}:2"])
def test_no_asset(text: str) -> None:
    with pytest.raises(ValueError, match="NAME:ID:DECIMALS"):
        asset_from(text)


@pytest.mark.parametrize("text", ["BTM", "BTM=", "GOLD=1", "=3"])
def test_no_limit(text: str) -> None:
    with pytest.raises(ValueError, match="NAME=AMOUNT"):
        with_limits([BTM], [text])


def test_roles_are_taken_by_name_unless_chosen() -> None:
    choices = complete()
    assert choices.towers == ("tower-1", "tower-2") and choices.recoverers == ("r1", "r2", "r3")
    assert choices.leaders == ("super-1", "super-2") and choices.prefix == "port"

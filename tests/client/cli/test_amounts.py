"""An amount is shown in units of its asset, and looked up once."""

from __future__ import annotations

from typing import Any

import pytest

from bystack.client.cli.amounts import Amounts, coins, decimal
from bystack.client.rpc import NodeDown, RpcFailed

GOLD, FAR = "0e" * 32, "0f" * 32


class Node:
    """Knows one asset."""

    def __init__(self, error: Exception) -> None:
        self.asked: list[str] = []
        self._error = error

    def call(self, method: str, asset: str) -> Any:
        self.asked.append(f"{method} {asset}")
        if asset != GOLD:
            raise self._error
        return {"symbol": "GOLD", "decimals": 2}


@pytest.mark.parametrize("error", [RpcFailed("getassetinfo", {"code": -5}), NodeDown("no")])
def test_each_asset_is_asked_for_once_and_btm_never(error: Exception) -> None:
    node = Node(error)
    amounts = Amounts(node)  # type: ignore[arg-type]
    for _ in range(2):
        assert amounts.said(GOLD, 705) == "7.05 GOLD"
        assert amounts.said(FAR, 705) == "705 smallest units"
        assert amounts.said("BTM", 1) == amounts.said("ff" * 32, 1) == "0.00000001 BTM"
    assert node.asked == [f"getassetinfo {GOLD}", f"getassetinfo {FAR}"]
    assert amounts.all_said({GOLD: 1, FAR: 2}) == {GOLD: "0.01 GOLD", FAR: "2 smallest units"}


@pytest.mark.parametrize(
    ("units", "decimals", "shown"),
    [
        (1, 8, "0.00000001"),
        (7, 0, "7"),
        (2**63 - 1, 8, "92233720368.54775807"),
        (5, 18, "0.000000000000000005"),
    ],
)
def test_no_exponent_and_no_digit_lost(units: int, decimals: int, shown: str) -> None:
    assert decimal(units, decimals) == shown


def test_coins() -> None:
    assert coins(150_000_000) == "1.5 BTM"

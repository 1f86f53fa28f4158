"""Amounts as people read them: the main chain says how many decimals an asset has.

A symbol is its issuer's word, and several assets may have the same: where it is not plain which one
is meant, its id stands beside.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from bystack.client.rpc import NodeDown, Rpc, RpcFailed
from bystack.ledger.amounts import BTM, BTM_DECIMALS, shown_amount

SMALLEST = "smallest units"


def decimal(units: int, decimals: int) -> str:
    """Smallest units as decimal text, never with an exponent."""
    match shown_amount(units, decimals):
        case float(number):
            return format(Decimal(repr(number)), "f")
        case other:
            return str(other)


def coins(units: int) -> str:
    """Smallest units of BTM as people read them."""
    return f"{decimal(units, BTM_DECIMALS)} BTM"


class Amounts:
    """What a node's main chain knows of assets, each asked for once."""

    def __init__(self, rpc: Rpc) -> None:
        self._rpc = rpc
        self._known: dict[str, tuple[str, int] | None] = {
            name: ("BTM", BTM_DECIMALS) for name in ("BTM", BTM.hex())
        }

    def said(self, asset: str, units: int) -> str:
        """`1.5 GOLD`; the count, and that it is one, where the node cannot tell the decimals."""
        if asset not in self._known:
            self._known[asset] = self._looked_up(asset)
        known = self._known[asset]
        if known is None:
            return f"{units} {SMALLEST}"
        symbol, decimals = known
        return f"{decimal(units, decimals)} {symbol}"

    def all_said(self, sums: Mapping[str, int]) -> dict[str, str]:
        """Sums by asset."""
        return {asset: self.said(asset, units) for asset, units in sums.items()}

    def _looked_up(self, asset: str) -> tuple[str, int] | None:
        try:
            found: dict[str, Any] = self._rpc.call("getassetinfo", asset)
        except (RpcFailed, NodeDown):
            return None
        return found["symbol"], found["decimals"]

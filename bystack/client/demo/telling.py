"""How the demo shows amounts: as people write them; its JSON has counts of smallest units."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from bystack.ledger.amounts import BTM_DECIMALS, shown_amount

DECIMALS: Final = {"BTM": BTM_DECIMALS, "GOLD": 2}
"""Of the assets a devnet has."""

Facts = dict[str, Any]


def in_asset(asset: str, *names: str) -> Callable[[Facts], Facts]:
    """Shows the facts of these names as amounts of `asset`, the others as they are."""

    def told(facts: Facts) -> Facts:
        return facts | {
            name: f"{shown_amount(facts[name], DECIMALS[asset])} {asset}" for name in names
        }

    return told


def in_assets(reserves: Facts) -> Facts:
    """Reserves per sidechain and asset, each row in units of its asset."""
    return {
        chain: {name: _row(name, value) for name, value in rows.items()}
        for chain, rows in reserves.items()
    }


def _row(name: str, value: Any) -> Any:
    if name not in DECIMALS:
        return value
    return {term: shown_amount(units, DECIMALS[name]) for term, units in value.items()}

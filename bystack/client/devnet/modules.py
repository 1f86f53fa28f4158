"""The modules a devnet's sidechains can have, and what each is told in the genesis."""

from __future__ import annotations

from typing import Any, Final

GOLD_MARKET: Final = {
    "base": "GOLD",
    "quote": "BTM",
    "lot": 1,
    "tick": 100,
    "maker_bp": 0,
    "taker_bp": 10,
}
"""0.01 GOLD at a time, prices in steps of 0.0001 BTM."""

TABLES: Final[dict[str, dict[str, Any]]] = {
    "registry": {"config": {"asset": "BTM", "fee": 10_000, "byte_fee": 10}},
    "exchange": {"config": {"markets": [GOLD_MARKET], "lifetime": 100_000}},
}

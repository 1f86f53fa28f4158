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
    "stake": {"config": {"asset": "BTM", "own": 10**9, "vote": 10**8, "unbonding": 5}},
    "exchange": {"config": {"markets": [GOLD_MARKET], "lifetime": 100_000}},
}


NUMBERS: Final = (
    "interval",
    "empty_interval",
    "timeout",
    "blocks_per_leader",
    "gateways",
    "epoch",
    "freeze",
    "finality",
)
WORDS: Final = ("consensus", "election")


def choice(given: str) -> tuple[str, int | str]:
    """A value of the genesis chosen as KEY=VALUE; raises `ValueError` with what is expected."""
    key, _, value = given.partition("=")
    if key in WORDS and value:
        return key, value
    if key in NUMBERS and value.isascii() and value.isdigit():
        return key, int(value)
    known = ", ".join((*WORDS, *NUMBERS))
    raise ValueError(f"{given} is no KEY=VALUE with a key of {known}; numbers are whole")


def table(chosen: str) -> dict[str, Any]:
    """What the genesis says of a module: `NAME` of `TABLES`, or a package's `NAME=HEX`.

    Raises `ValueError` with what is expected.
    """
    name, package, configuration = chosen.partition("=")
    if name in TABLES and not configuration:
        return {"name": name, **TABLES[name]}
    try:
        if not package:
            raise ValueError(name)
        return {"name": name, "hex": bytes.fromhex(configuration).hex()}
    except ValueError:
        known = ", ".join(TABLES)
        raise ValueError(f"{chosen} is none of {known}, nor NAME=HEX of a package") from None

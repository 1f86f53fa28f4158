"""Prices and amounts as people write them: exact, or refused with the step that would be."""

from __future__ import annotations

from typing import Any

import pytest

from bystack.ledger.amounts import BTM
from bystack.node.ipc import RemoteError
from bystack.node.trading_text import SIDES, Pair, chosen, lifetime, pair_named, pairs
from bystack.sidechain.modules.exchange.orders import Market
from bystack.sidechain.modules.exchange.prices import MAX_PRICE
from tests.sidechain.mainside import GOLD, vault_chain
from tests.sidechain.markets import LIFETIME, trading
from tests.sidechain.world import asset, genesis_for

PAIR = Pair(
    3,
    Market(GOLD, BTM, 10, 250, 1, 1, 0, 20),
    asset("GOLD", GOLD, decimals=2),
    asset("BTM", BTM, decimals=8),
)
"""A lot is 0.1 GOLD, a tick 0.0000025 BTM for it: 0.000025 BTM for one GOLD."""


@pytest.mark.parametrize(
    ("price", "ticks"), [("0.000025", 1), ("1", 40_000), (0.5, 20_000), (7, 280_000)]
)
def test_prices_are_whole_ticks(price: Any, ticks: int) -> None:
    assert PAIR.ticks(price) == ticks
    assert PAIR.ticks(PAIR.price(ticks)) == ticks


@pytest.mark.parametrize("price", ["0", "0.00001", "0.000026", "1e3", "-1", "", "1.", 10**9])
def test_other_prices_are_refused(price: Any) -> None:
    with pytest.raises(RemoteError):
        PAIR.ticks(price)
    with pytest.raises(RemoteError, match=r"steps of 0.000025"):
        PAIR.ticks("0.000026")


def test_amounts_are_whole_lots() -> None:
    assert PAIR.lots("12.3") == 123 and PAIR.amount(123) == 12.3
    for amount in ("0", "0.05", "1.234"):
        with pytest.raises(RemoteError):
            PAIR.lots(amount)
    with pytest.raises(RemoteError, match=r"steps of 0.1"):
        PAIR.lots("0.05")


def test_the_highest_price_can_be_written() -> None:
    assert PAIR.ticks(PAIR.price(MAX_PRICE)) == MAX_PRICE
    assert PAIR.price(1) == "0.000025" and PAIR.form()["price_step"] == "0.000025"


def test_prices_that_never_end_are_cut_off() -> None:
    third = PAIR._replace(market=Market(GOLD, BTM, 3, 1, 1, 1, 0, 0))
    assert third.price(1) == "0.000000333333333333"


def test_markets_by_name_or_number() -> None:
    genesis = trading().genesis
    assert pair_named(genesis, "GOLD/BTM") == pair_named(genesis, "0") == pairs(genesis)[0]
    assert lifetime(genesis) == LIFETIME
    with pytest.raises(RemoteError, match="there are: GOLD/BTM"):
        pair_named(genesis, "BTM/GOLD")
    without = genesis_for(vault_chain())
    assert lifetime(without) == 0
    with pytest.raises(RemoteError, match="no exchange"):
        pair_named(without, "0")
    with pytest.raises(RemoteError, match="buy, sell"):
        chosen(SIDES, "lend", "the side")

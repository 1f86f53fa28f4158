"""What the exchange refuses, who may cancel, what it answers."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from bystack.ledger.amounts import BTM
from bystack.primitives.codec import MAX_INT, Malformed, encode
from bystack.primitives.errors import Invalid
from bystack.sidechain.modules.approvals import ApprovalMissing
from bystack.sidechain.modules.asking import QueryInvalid
from bystack.sidechain.modules.base import ActionUnknown
from bystack.sidechain.modules.exchange.book import OrderUnknown
from bystack.sidechain.modules.exchange.module import CANCEL, PLACE, ExchangeModule, NotOwner
from bystack.sidechain.modules.exchange.orders import (
    CancelOrder,
    ExchangeConfig,
    MarketInvalid,
    MarketUnknown,
    OrderInvalid,
    OrderLifetime,
    OrderTooLarge,
)
from tests.ledger.people import ALICE, BOB, GOLD
from tests.sidechain.modules.desk import Desk, root_of
from tests.sidechain.modules.exchange.trading import (
    BUY,
    FREE,
    LIFETIME,
    SELL,
    cancel,
    config,
    desk,
    order,
    orderbook,
    place,
)

GOOD = order(SELL, 5, 2, BOB)


@pytest.mark.parametrize(
    ("changed", "rule"),
    [
        ({"market": 1}, MarketUnknown),
        ({"price": 0}, OrderInvalid),
        ({"lots": 0}, OrderInvalid),
        ({"owner": bytes(32)}, OrderInvalid),
        ({"terms": 4}, OrderInvalid),
        ({"expires": 0}, OrderLifetime),
        ({"expires": LIFETIME + 2}, OrderLifetime),
        ({"lots": MAX_INT // 10 + 1}, OrderTooLarge),
        ({"lots": MAX_INT // 15 + 1, "side": 0}, OrderTooLarge),
    ],
)
def test_orders_that_say_nothing_sensible_are_refused(
    changed: dict[str, Any], rule: type[Invalid]
) -> None:
    on = desk()
    with pytest.raises(rule):
        place(on, msgspec.structs.replace(GOOD, **changed))
    assert orderbook(on) == ([], [])
    place(on, msgspec.structs.replace(GOOD, expires=LIFETIME + 1))
    place(on, msgspec.structs.replace(GOOD, expires=1))


def test_only_the_owner_cancels() -> None:
    on = desk()
    id, _ = place(on, GOOD)
    with pytest.raises(ApprovalMissing):
        on.act(CANCEL, CancelOrder(root_of(BOB), id))
    with pytest.raises(Invalid):
        on.act(CANCEL, CancelOrder(root_of(BOB), id), ALICE)
    with pytest.raises(NotOwner):
        cancel(on, id, ALICE)
    assert orderbook(on) == ([], [(5, 2)])
    outcome = cancel(on, id, BOB)
    (check,) = outcome.effects.checks
    assert check.key == BOB.policy.key
    assert on.paid[root_of(BOB), BTM] == 20 and orderbook(on) == ([], [])
    with pytest.raises(OrderUnknown):
        cancel(on, id, BOB)


def test_unknown_and_broken_actions() -> None:
    on = desk()
    with pytest.raises(ActionUnknown):
        on.act(0, GOOD)
    context = on.context(encode(GOOD)[:-1], PLACE)
    with pytest.raises(Malformed):
        on.carry(context, PLACE)


@pytest.mark.parametrize(
    "changed",
    [
        {"quote": BTM},
        {"lot": 0},
        {"tick": 0},
        {"lot": 15, "base_unit": 10},
        {"tick": 3, "quote_unit": 2},
        {"base_unit": 0},
        {"maker_bp": 1_001},
        {"taker_bp": 1_001},
    ],
)
def test_markets_in_which_nothing_is_exact_are_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(MarketInvalid):
        desk(msgspec.structs.replace(FREE, **changed))


def test_a_market_stands_once_and_orders_end() -> None:
    with pytest.raises(MarketInvalid):
        desk(FREE, FREE)
    for lifetime in (0, 10**8 + 1):
        with pytest.raises(MarketInvalid):
            Desk(ExchangeModule(), ExchangeConfig((FREE,), lifetime))


def ask(on: Desk, name: str, *params: Any) -> Any:
    return on.module.query(on.state, name, params)


def test_what_it_answers() -> None:
    other = msgspec.structs.replace(FREE, base=GOLD, quote=BTM)
    on = desk(FREE, other)
    id, _ = place(on, GOOD)
    second, _ = place(on, order(SELL, 6, 1, BOB))
    place(on, order(BUY, 5, 1, ALICE, market=1))
    markets = ask(on, "listmarkets")["markets"]
    assert [one["market"] for one in markets] == [0, 1] and markets[0]["base"] == BTM.hex()
    book = ask(on, "getorderbook", 0, 1)
    assert book["asks"] == [{"price": 5, "lots": 2, "orders": 1}] and book["bids"] == []
    one = ask(on, "getorder", id.hex())
    assert (one["side"], one["left"], one["owner"]) == ("sell", 2, root_of(BOB).hex())
    mine = ask(on, "listorders", [root_of(BOB).hex(), root_of(BOB).hex()])["orders"]
    assert [row["order"] for row in mine] == [id.hex(), second.hex()]
    place(on, order(BUY, 5, 1, ALICE))
    place(on, order(BUY, 5, 1, ALICE))
    trades = ask(on, "listtrades", 0, 5)["trades"]
    assert [row["number"] for row in trades] == [1, 0] and trades[0]["maker"] == id.hex()
    assert ask(on, "nothing") is None


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("listmarkets", [1]),
        ("getorderbook", [0]),
        ("getorderbook", ["0", 1]),
        ("getorderbook", [0, 10_000]),
        ("getorderbook", [-1, 1]),
        ("getorderbook", [2**64, 1]),
        ("listtrades", [2**64, 1]),
        ("getorder", ["zz"]),
        ("getorder", ["00" * 31]),
        ("listorders", [["00" * 32] * 1_001]),
        ("listtrades", [0, 101]),
        ("listtrades", [0, True]),
    ],
)
def test_questions_are_typed(name: str, params: list[Any]) -> None:
    with pytest.raises(QueryInvalid):
        ask(desk(), name, *params)


def test_unknown_markets_and_orders_are_named() -> None:
    on = desk()
    for name in ("getorderbook", "listtrades"):
        with pytest.raises(MarketUnknown):
            ask(on, name, 7, 1)
    with pytest.raises(OrderUnknown):
        ask(on, "getorder", "00" * 32)


def test_the_last_trades_are_kept_and_no_more() -> None:
    on = desk()
    for number in range(103):
        place(on, order(SELL, 5 + number % 2, 1, BOB))
        place(on, order(BUY, 6, 1, ALICE))
    trades = ask(on, "listtrades", 0, 100)["trades"]
    assert [row["number"] for row in trades] == list(range(102, 2, -1))
    assert [row["price"] for row in trades[:2]] == [5, 6]
    assert sum(key.startswith(b"module/exchange/trade/") for key in on.store) == 100


def test_an_empty_book_leaves_nothing_behind() -> None:
    on = Desk(ExchangeModule(), config())
    before = dict(on.store)
    placed = [place(on, order(SELL, 5 + n % 3, 1 + n, BOB, expires=5 + n))[0] for n in range(9)]
    for id in placed:
        cancel(on, id, BOB)
    assert dict(on.store) == before

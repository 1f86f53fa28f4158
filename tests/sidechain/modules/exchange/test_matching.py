"""Orders meet by price, then time; everything given is paid out, waits, or is a fee."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from bystack.ledger.amounts import BTM
from bystack.sidechain.modules.base import PrefixedState
from bystack.sidechain.modules.exchange import matching
from bystack.sidechain.modules.exchange.book import Book
from bystack.sidechain.modules.exchange.matching import (
    MAX_ENDED,
    MAX_MEETINGS,
    OrderCrosses,
    OrderUnfilled,
)
from bystack.sidechain.modules.exchange.orders import Market, Terms, cost
from tests.ledger.people import ALICE, BOB, CAROL, GOLD, Person
from tests.sidechain.modules.desk import Desk, root_of
from tests.sidechain.modules.exchange.trading import (
    BUY,
    DEAR,
    FREE,
    SELL,
    cancel,
    desk,
    order,
    orderbook,
    place,
)

PEOPLE = (ALICE, BOB, CAROL)


def paid(on: Desk, owner: Person, asset: bytes) -> int:
    return on.paid[root_of(owner), asset]


def test_best_price_first_then_who_came_first() -> None:
    on = desk()
    for price, lots, owner in ((7, 1, BOB), (5, 2, BOB), (5, 2, CAROL), (6, 1, BOB)):
        place(on, order(SELL, price, lots, owner))
    _, outcome = place(on, order(BUY, 6, 3, ALICE))
    trades = [event.facts for event in outcome.events if event.name == "trade"]
    assert [(trade["price"], trade["lots"]) for trade in trades] == [(5, 2), (5, 1)]
    assert paid(on, BOB, GOLD) == 5 * 2 * 3 and paid(on, CAROL, GOLD) == 5 * 1 * 3
    assert orderbook(on) == ([], [(5, 1), (6, 1), (7, 1)])


def test_the_price_is_that_of_who_waited_and_the_rest_comes_back() -> None:
    on = desk()
    place(on, order(SELL, 5, 2, BOB))
    place(on, order(BUY, 9, 2, ALICE))
    assert paid(on, ALICE, BTM) == 20 and paid(on, ALICE, GOLD) == (9 - 5) * 2 * 3
    assert on.held == Counter() and orderbook(on) == ([], [])
    place(on, order(BUY, 9, 2, ALICE))
    place(on, order(SELL, 5, 2, BOB))
    assert paid(on, BOB, GOLD) == (5 + 9) * 2 * 3


def test_part_of_an_order_waits() -> None:
    on = desk()
    place(on, order(SELL, 5, 2, BOB))
    id, outcome = place(on, order(BUY, 5, 7, ALICE))
    assert outcome.events[0].facts["resting"] == 5
    assert orderbook(on) == ([(5, 5)], [])
    place(on, order(SELL, 4, 3, CAROL))
    assert orderbook(on) == ([(5, 2)], [])
    assert Book(on.state).find(id).left == 2 and Book(on.state).find(id).lots == 7
    place(on, order(SELL, 5, 2, CAROL))
    assert on.held == Counter() and orderbook(on) == ([], [])


@pytest.mark.parametrize("terms", [Terms.NOW, Terms.ALL])
def test_what_finds_no_match_does_not_wait(terms: Terms) -> None:
    on = desk()
    place(on, order(SELL, 5, 2, BOB))
    if terms == Terms.ALL:
        with pytest.raises(OrderUnfilled):
            place(on, order(BUY, 6, 3, ALICE, terms=terms))
        assert orderbook(on) == ([], [(5, 2)])
    else:
        place(on, order(BUY, 6, 3, ALICE, terms=terms))
        assert orderbook(on) == ([], []) and on.held == Counter()
        assert paid(on, ALICE, GOLD) == (1 * 2 + 6 * 1) * 3
    on = desk()
    place(on, order(SELL, 5, 3, BOB))
    place(on, order(BUY, 6, 3, ALICE, terms=terms))
    assert paid(on, ALICE, BTM) == 30


def test_an_order_that_only_waits_is_refused_where_it_would_match() -> None:
    on = desk()
    place(on, order(SELL, 5, 2, BOB))
    with pytest.raises(OrderCrosses):
        place(on, order(BUY, 5, 1, ALICE, terms=Terms.MAKE))
    place(on, order(BUY, 4, 1, ALICE, terms=Terms.MAKE))
    assert orderbook(on) == ([(4, 1)], [(5, 2)])


def test_nobody_trades_with_themselves() -> None:
    on = desk()
    place(on, order(SELL, 5, 2, ALICE))
    place(on, order(SELL, 6, 2, BOB))
    place(on, order(BUY, 6, 3, ALICE))
    assert paid(on, ALICE, BTM) == 20 + 20  # what was on offer comes back; two lots are bought
    assert paid(on, BOB, GOLD) == 36 and orderbook(on) == ([(6, 1)], [])


def test_one_order_meets_a_bounded_number_and_leaves_no_crossed_book() -> None:
    on = desk()
    for number in range(MAX_MEETINGS + 3):
        place(on, order(SELL, 5 + number, 1, PEOPLE[number % 2]))
    gave = 100 * 90 * 3
    _, outcome = place(on, order(BUY, 100, 90, CAROL))
    trades = [event for event in outcome.events if event.name == "trade"]
    assert len(trades) == MAX_MEETINGS and len(outcome.payments) <= MAX_MEETINGS + 2
    assert orderbook(on) == ([], [(5 + MAX_MEETINGS + n, 1) for n in range(3)])
    spent = sum(3 * (5 + n) for n in range(MAX_MEETINGS))
    assert paid(on, CAROL, GOLD) == gave - spent


def test_all_orders_of_a_block_meet_a_bounded_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matching, "MAX_BUSY", 5)
    on = desk()
    for price in range(1, 11):
        place(on, order(SELL, price, 1, BOB))
    for met, lots in ((3, 3), (5, 4), (5, 1)):
        place(on, order(BUY, 20, lots, ALICE))
        assert orderbook(on) == ([], [(price, 1) for price in range(met + 1, 11)])
    with pytest.raises(OrderUnfilled):
        place(on, order(BUY, 20, 1, ALICE, terms=Terms.ALL))
    place(on, order(SELL, 12, 1, BOB))  # whoever meets nobody is not concerned
    assert paid(on, ALICE, BTM) == 5 * 10 and on.held[GOLD] == 0
    on.turn()
    place(on, order(BUY, 20, 5, ALICE))
    assert orderbook(on) == ([], [(12, 1)])


def test_a_height_is_looked_through_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long the chain: what is behind it is not scanned at every block's end."""
    on, looked = desk(), list[bytes | int]()
    read = PrefixedState.get

    def get(state: PrefixedState, *parts: bytes | int) -> bytes | None:
        looked.append(parts[0])
        return read(state, *parts)

    monkeypatch.setattr(PrefixedState, "get", get)
    for _ in range(20):
        on.turn()
    looked.clear()
    on.turn()
    assert looked.count(b"ending/") == 1


def test_fees_round_in_favour_of_who_is_paid() -> None:
    on = desk(DEAR)
    place(on, order(SELL, 13, 77, BOB))
    place(on, order(BUY, 13, 77, ALICE))
    money, goods = 13 * 77 * 4, 770
    maker, taker = money * 15 // 10_000 // 2 * 2, goods * 40 // 10_000 // 2 * 2
    assert (maker, taker) == (6, 2)
    assert paid(on, BOB, GOLD) == money - maker and paid(on, ALICE, BTM) == goods - taker
    assert on.turn().forfeits == {GOLD: maker, BTM: taker}
    assert on.turn().forfeits == {} and on.held == Counter()


def test_orders_end_with_their_height() -> None:
    on = desk()
    place(on, order(SELL, 5, 2, BOB, expires=2))
    on.turn()
    assert orderbook(on) == ([], [(5, 2)])
    on.turn()
    assert orderbook(on) == ([], []) and paid(on, BOB, BTM) == 20
    assert on.module.query(on.state, "listorders", [[root_of(BOB).hex()]]) == {"orders": []}


def test_many_orders_that_end_together_take_several_blocks_and_none_trades_meanwhile() -> None:
    on = desk()
    for number in range(MAX_ENDED + 5):
        place(on, order(SELL, 5, 1, PEOPLE[number % 2], expires=1))
    assert len(on.turn().payments) == 2 and orderbook(on)[1] == [(5, 5)]
    _, outcome = place(on, order(BUY, 5, 3, CAROL, terms=Terms.NOW))
    assert not [event for event in outcome.events if event.name == "trade"]
    on.turn()
    assert on.held == Counter() and orderbook(on) == ([], [])


@dataclass
class Waits:
    """An order of the model's book."""

    id: bytes
    side: int
    price: int
    left: int
    owner: Person
    expires: int
    came: int


class Exchange(RuleBasedStateMachine):
    """The module beside a model that sorts lists and counts everybody's gains."""

    market: Market = DEAR

    def __init__(self) -> None:
        super().__init__()
        self.on, self.book = desk(self.market), list[Waits]()
        self.taken, self.paid = Counter[bytes](), Counter[tuple[bytes, bytes]]()
        self.earned, self.came = Counter[bytes](), 0

    @rule(
        side=st.sampled_from([BUY, SELL]),
        price=st.integers(1, 9),
        lots=st.integers(1, 30),
        owner=st.sampled_from(PEOPLE),
        life=st.integers(0, 4),
        terms=st.sampled_from(Terms),
    )
    def order(self, side, price, lots, owner, life, terms) -> None:  # type: ignore[no-untyped-def]
        made = order(side, price, lots, owner, self.on.height + life, terms)
        try:
            id, _ = place(self.on, made)
        except OrderCrosses:
            assert terms == Terms.MAKE and self._crossing(side, price)
            return
        except OrderUnfilled:
            assert terms == Terms.ALL and self._within(side, price, owner) < lots
            return
        self._take(*cost(self.market, side, price, lots))
        self._arrive(Waits(id, side, price, lots, owner, self.on.height + life, self.came), terms)
        self.came += 1

    def _crossing(self, side: int, price: int) -> list[Waits]:
        """The orders that one would meet, in order."""
        reach = [
            w
            for w in self.book
            if w.side != side and (w.price <= price if side == BUY else w.price >= price)
        ]
        return sorted(reach, key=lambda w: (w.price if side == BUY else -w.price, w.came))

    def _within(self, side: int, price: int, owner: Person) -> int:
        near = self._crossing(side, price)[:MAX_MEETINGS]
        return sum(w.left for w in near if w.owner != owner and w.expires >= self.on.height)

    def _arrive(self, one: Waits, terms: Terms) -> None:
        full = one.left
        for other in self._crossing(one.side, one.price)[:MAX_MEETINGS]:
            if not one.left:
                break
            if other.owner == one.owner or other.expires < self.on.height:
                self._return(other)
                continue
            lots = min(one.left, other.left)
            one.left -= lots
            other.left -= lots
            self._trade(one, other, lots)
        self.book = [w for w in self.book if w.left]
        assert terms != Terms.ALL or not one.left
        assert terms != Terms.MAKE or one.left == full
        stays = terms in (Terms.REST, Terms.MAKE) and not self._crossing(one.side, one.price)
        if one.left and stays:
            self.book.append(one)
            return
        self._give(one.owner, *cost(self.market, one.side, one.price, one.left))

    def _trade(self, one: Waits, other: Waits, lots: int) -> None:
        m, (buyer, seller) = self.market, (one, other) if one.side == BUY else (other, one)
        for who, amount, asset, unit in (
            (buyer, lots * m.lot, m.base, m.base_unit),
            (seller, lots * m.tick * other.price, m.quote, m.quote_unit),
        ):
            points = m.taker_bp if who is one else m.maker_bp
            fee = amount * points // 10_000 // unit * unit
            self._give(who.owner, asset, amount - fee)
            self.earned[asset] += fee
        if one is buyer:
            self._give(one.owner, m.quote, lots * m.tick * (one.price - other.price))

    def _return(self, other: Waits) -> None:
        self._give(other.owner, *cost(self.market, other.side, other.price, other.left))
        other.left = 0

    def _take(self, asset: bytes, amount: int) -> None:
        self.taken[asset] += amount

    def _give(self, owner: Person, asset: bytes, amount: int) -> None:
        self.paid[root_of(owner), asset] += amount

    @rule(which=st.integers(0, 50))
    def cancel(self, which: int) -> None:
        if self.book:
            one = self.book.pop(which % len(self.book))
            cancel(self.on, one.id, one.owner)
            self._return(one)

    @rule()
    def turn(self) -> None:
        for one in [w for w in self.book if w.expires <= self.on.height]:
            self._return(one)
        self.book = [w for w in self.book if w.left]
        self.on.turn()

    @invariant()
    def everybody_has_what_the_model_says(self) -> None:
        assert +self.on.paid == +self.paid

    @invariant()
    def nothing_is_made_and_nothing_lost(self) -> None:
        for asset in (BTM, GOLD):
            out = sum(n for (_, one), n in self.on.paid.items() if one == asset)
            assert self.on.held[asset] + out + self.on.fees[asset] == self.taken[asset]
        waits = Counter[bytes]()
        for one in self.book:
            asset, amount = cost(self.market, one.side, one.price, one.left)
            waits[asset] += amount
        assert +waits + +(self.earned - self.on.fees) == +self.on.held

    @invariant()
    def the_book_is_the_models_and_not_crossed(self) -> None:
        bids, asks = Counter[int](), Counter[int]()
        for one in self.book:
            (bids if one.side == BUY else asks)[one.price] += one.left
        assert orderbook(self.on) == (sorted(bids.items(), reverse=True), sorted(asks.items()))
        assert not bids or not asks or max(bids) < min(asks)


class FreeExchange(Exchange):
    """The same without fees and with whole units."""

    market = FREE


TestExchange = Exchange.TestCase
TestExchange.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestFreeExchange = FreeExchange.TestCase
TestFreeExchange.settings = settings(max_examples=30, stateful_step_count=30, deadline=None)

"""The exchange on a whole sidechain: what it holds stays backed, whatever is traded."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from bystack.ledger.amounts import BTM, AmountOverflow
from bystack.ledger.transactions import Action, NoWitness, Outpoint, Transaction, TransactionBody
from bystack.ledger.validation import Overspent
from bystack.primitives.codec import MAX_INT, encode
from bystack.sidechain.burns import BurnBelowMinimum
from bystack.sidechain.claims import claimed_at
from bystack.sidechain.modules.exchange.book import OrderUnknown
from bystack.sidechain.modules.exchange.module import PLACE, NotOwner
from bystack.sidechain.modules.exchange.orders import PlaceOrder, Side
from bystack.sidechain.records import pegout_id
from bystack.sidechain.stops import PegsPaused
from bystack.sidechain.sums import unshared_key
from bystack.sidechain.tiering import BurnAboveCapacity
from tests.ledger.people import ALICE, BOB, CAROL
from tests.sidechain.law import Ledger, deposits, prove_all
from tests.sidechain.mainside import GOLD
from tests.sidechain.markets import EXCHANGE, MARKET, Trading, trading
from tests.sidechain.modules.desk import root_of
from tests.sidechain.world import PEOPLE
from tests.sidechain.world import Side as Node

BUY, SELL = Side.BUY, Side.SELL


def test_a_trade_pays_both_in_the_block_it_is_made_in() -> None:
    on = trading()
    gold, money = on.balance(ALICE, GOLD), on.balance(BOB)
    on.place(BOB, SELL, 5, 100)
    assert on.held(GOLD) == 100
    pooled = on.view.number(unshared_key(BTM))
    tx = on.placing(ALICE, BUY, 6, 40, 10)
    on.block(tx)
    assert on.balance(ALICE, GOLD) == gold + 40  # one in a hundred of forty is nothing
    value, fee = 40 * 5 * MARKET.tick, 40 * 5 * MARKET.tick * 50 // 10_000
    assert on.balance(BOB) == money - 1 + value - fee
    assert on.view.number(unshared_key(BTM)) == pooled + 1 + fee
    assert on.held(GOLD) == 60 and on.held(BTM) == 0
    coin = on.side.coins[on.paid_at(tx, 0)]
    assert (coin.asset, coin.amount, coin.lock) == (GOLD, 40, ALICE.lock)
    told = [facts for name, facts in on.side.events if name == "exchange.trade"]
    assert [(one["price"], one["lots"]) for one in told] == [(5, 40)]


def test_an_order_that_ends_is_paid_back_at_the_blocks_end() -> None:
    on = trading()
    gold = on.balance(BOB, GOLD)
    id = on.place(BOB, SELL, 5, 100, life=2)
    on.idle()
    assert on.balance(BOB, GOLD) == gold - 100
    on.side.events.clear()
    on.idle()
    assert on.balance(BOB, GOLD) == gold and on.held(GOLD) == 0
    ended, (name, facts) = sorted(on.side.events)
    assert ended == ("exchange.ended", {"order": id})
    place = Outpoint(facts["id"], facts["first"])  # type: ignore[arg-type]
    assert (name, facts["count"]) == ("payments", 1)
    assert on.side.coins[place].amount == 100


def test_a_cancelled_order_and_its_match_in_one_block_happen_in_order() -> None:
    on = trading()
    id = on.place(BOB, SELL, 5, 100)
    cancel, buy = on.cancelling(BOB, id), on.placing(ALICE, BUY, 5, 100, 5)
    first = on.copy()
    first.block(cancel, buy)
    assert first.held(GOLD) == 0 and first.book.best(0, BUY) == 5
    with pytest.raises(OrderUnknown):
        on.block(buy, cancel)
    with pytest.raises(NotOwner):
        first.block(first.cancelling(CAROL, _only(first)))


def _only(on: Trading) -> bytes:
    return on.book.next(0, BUY, 5)


class Life:
    """Trading and pegs at random; each transaction is in a block or refused for a known reason."""

    def __init__(self, seed: int) -> None:
        self.dice, self.on = Random(seed), trading()
        self.on.strict = False
        self.orders: list[tuple[bytes, object]] = []
        self.pegouts: list[bytes] = []
        self.did: Counter[str] = Counter()

    def run(self, steps: int) -> None:
        acts = (self.order, self.order, self.order, self.cancel, self.burn, self.deposit, self.turn)
        for _ in range(steps):
            act = self.dice.choice(acts)
            self.did[act.__name__] += bool(act() is not False)
            self.sums()

    def order(self) -> bool:
        owner, side = self.dice.choice(PEOPLE), self.dice.choice((BUY, SELL))
        price, lots = self.dice.randint(1, 8), self.dice.randint(1, 40)
        asset, gives = (BTM, price * lots * 2) if side == BUY else (GOLD, lots)
        if self.on.balance(owner, asset) < gives + 1 or not self.on.balance(owner):
            return False
        id = self.on.place(owner, side, price, lots, self.dice.randint(0, 12))
        self.orders.append((id, owner))
        return True

    def cancel(self) -> bool:
        if not self.orders:
            return False
        id, owner = self.orders.pop()
        try:
            self.on.block(self.on.cancelling(owner, id))  # type: ignore[arg-type]
        except OrderUnknown:
            return False
        return True

    def burn(self) -> bool:
        owner, asset = self.dice.choice(PEOPLE), self.dice.choice((BTM, GOLD))
        amount = self.dice.randint(20, 60)
        if self.on.balance(owner, asset) <= amount:
            return False
        tx = self.on.burn_tx(amount, owner, asset)
        try:
            self.on.block(tx)
        except (PegsPaused, BurnBelowMinimum, BurnAboveCapacity):
            return False
        self.pegouts.append(pegout_id(self.on.genesis.id, tx.id, 0))
        return True

    def deposit(self) -> None:
        self.on.pegged(self.dice.randint(50, 200), self.dice.choice((BTM, GOLD)), CAROL)

    def turn(self) -> None:
        self.on.idle(self.dice.randint(1, 3))

    def sums(self) -> None:
        """Coins and holdings are what circulates, and what waits in the book is what is held."""
        for asset in (BTM, GOLD):
            held = self.on.held(asset)
            assert self.on.sums(asset).circulating == self.on.supply(asset) + held
        waiting = {
            side: sum(
                level.lots * (price * MARKET.tick if side == BUY else 1)
                for price, level in self.on.book.levels(0, side, 1_000)
            )
            for side in (BUY, SELL)
        }
        assert (self.on.held(BTM), self.on.held(GOLD)) == (waiting[BUY], waiting[SELL])

    def law(self) -> None:
        prove_all(self.on)
        made = deposits(self.on, self.on.main.height)
        claims = {place for place, _ in made if claimed_at(self.on.view, place) is not None}
        Ledger(self.on, claims, self.pegouts).check(Counter())


@pytest.mark.parametrize("seed", range(4))
def test_random_lives_keep_the_reserves_law(seed: int) -> None:
    life = Life(seed)
    life.run(70)
    life.law()
    assert all(life.did[name] for name in ("order", "cancel", "burn", "deposit", "turn"))
    assert any(name == "exchange.trade" for name, _ in life.on.side.events)
    fresh = Node.begin(life.on.genesis, life.on.side.modules)
    for built in life.on.side.blocks:  # a node that only validates comes to the same
        assert fresh.validate(built).state_root == built.executed.state_root
        fresh.commit(built)


def test_nobody_orders_without_the_coins() -> None:
    on = trading()
    order = PlaceOrder(0, int(SELL), 5, 100, root_of(BOB), on.side.header.height + 5, 0)
    with pytest.raises(Overspent):
        on.block(on.acting(BOB, EXCHANGE + PLACE, order, {GOLD: 99}))
    assert on.held(GOLD) == 0


def test_orders_for_more_than_a_chain_can_hold_are_refused() -> None:
    """They need no coins and no signature to be heard, so nothing may break over their sum."""
    on = trading()
    on.place(BOB, BUY, 3, 100)
    ends = on.side.header.height + 5
    order = PlaceOrder(0, int(BUY), 1, MAX_INT // MARKET.tick, root_of(ALICE), ends, 0)
    acts = (Action(EXCHANGE + PLACE, encode(order)),) * 16
    inputs = tuple(place for place, _ in on.coins_of(ALICE, BTM))
    body = TransactionBody(1, inputs, (), acts, 0, 0, b"")
    before = dict(on.side.state)
    with pytest.raises(AmountOverflow):
        on.block(Transaction(body, (NoWitness(),) * (len(inputs) + len(acts))))
    assert on.side.state == before

"""A vault of dust: orders take what they need, the rest is joined; no member pays twice for it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import trio

from bystack.ledger.amounts import BTM
from bystack.ledger.coins import Coin
from bystack.ledger.transactions import DepositLock, Output
from bystack.ledger.vault_building import OwnedCoin
from bystack.ledger.vault_operations import Order
from bystack.ledger.vault_spends import CONSOLIDATE_DEPTH, CONSOLIDATE_MOST
from bystack.node.federation import assembling, upkeep
from bystack.node.federation.assembling import MAX_COINS, CoinsTooMany, coins_for
from bystack.node.federation.membership import TURN_TICKS
from tests.federation.peg import pays
from tests.ledger.people import ALICE, BOB, outpoint

from .members import Net

A_ROUND = 3 * TURN_TICKS + 2
ORDER, CONSOLIDATE = 17, 27
GOLD = b"\x09" * 32


def dusty(folder: Path, count: int, amount: int = 3) -> Net:
    """A vault whose coins are `count` deposits of `amount`, and sponsors who can pay."""
    net = Net(folder)
    net.main.mine(net.main.transfer(ALICE, BOB.lock, 40_000_000))
    net.main.grow(2)
    dust = (Output(BTM, amount, DepositLock(net.main.vault, b"\x01" * 64)),) * count
    plain = net.main.transfer(ALICE, ALICE.lock, amount * count)
    change = plain.body.outputs[1:]
    outputs = (*dust, *change)
    net.main.send(net.main.transfer(ALICE, ALICE.lock, amount * count, outputs=outputs))
    net.main.grow(30)
    return net


def run(play: Callable[[], Awaitable[None]]) -> None:
    trio.run(play)


def test_an_order_takes_three_hundred_dust_deposits(tmp_path: Path) -> None:
    net = dusty(tmp_path, 310)

    async def play() -> None:
        net.record(0, [pays(898)], [1])
        await net.final()
        await net.tick(A_ROUND)
        (order,) = net.payouts(ORDER)
        spent = [p for p in order.body.inputs]
        assert len(spent) == 1 + 300 + 1  # the anchor, 300 deposits of 3, a sponsor
        assert [o.amount for o in order.body.outputs[1:3]] == [898, 2]

    run(play)


def held(asset: bytes, amounts: list[int], first: int = 0) -> list[OwnedCoin]:
    lock = DepositLock(b"\x0a" * 32, b"\x01" * 64)
    return [
        (outpoint(first + number), Coin(asset, amount, lock, 1, 0, 1, b""))
        for number, amount in enumerate(amounts)
    ]


def test_coins_are_counted_over_the_whole_order_and_the_largest_come_first() -> None:
    """Dust of one asset does not crowd out another, and too much of it has a name."""
    gold = Output(GOLD, 50, BOB.lock)
    dust, coin = held(BTM, [1] * 3_000 + [7]), held(GOLD, [20, 40, 5], 5_000)
    chosen = coins_for(Order(0, 0, (pays(1_000), gold)), [*coin, *dust])
    amounts = {asset: [c.amount for _, c in chosen if c.asset == asset] for asset in (BTM, GOLD)}
    assert amounts == {BTM: [7] + [1] * 993, GOLD: [40, 20]}
    most = coins_for(Order(0, 0, (pays(MAX_COINS + 4), gold)), [*coin, *dust])
    assert len(most) == MAX_COINS
    with pytest.raises(CoinsTooMany) as refused:
        coins_for(Order(4, 0, (pays(MAX_COINS + 5), gold)), [*coin, *dust])
    assert refused.value.facts["coins"] == MAX_COINS + 1


def test_many_deep_coins_are_joined_once_and_by_one(tmp_path: Path) -> None:
    net = dusty(tmp_path, 540)

    async def play() -> None:
        await net.tick(A_ROUND)
        assert net.payouts(CONSOLIDATE) == [], "not deep enough"
        net.main.grow(CONSOLIDATE_DEPTH)
        await net.tick(3 * A_ROUND)
        (joined,) = net.payouts(CONSOLIDATE)
        assert joined.body.outputs[0].amount == 3 * CONSOLIDATE_MOST
        assert len(joined.body.inputs) == CONSOLIDATE_MOST + 1

    run(play)


def test_nothing_is_joined_under_an_order_unless_it_needs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An order that only waits keeps its coins; one that needs too many gets them joined."""
    monkeypatch.setattr(upkeep, "MANY_COINS", 20)
    net = dusty(tmp_path, 60, amount=30)

    async def play() -> None:
        net.main.grow(CONSOLIDATE_DEPTH)
        net.up = {0}
        net.record(0, [pays(900)], [1])
        await net.final()
        await net.tick(A_ROUND)
        assert net.members[0].orders.jobs and net.payouts(CONSOLIDATE) == []
        monkeypatch.setattr(assembling, "MAX_COINS", 10)
        net.up = {0, 1, 2}
        await net.final()
        await net.tick(2 * A_ROUND)
        assert len(net.payouts(CONSOLIDATE)) == 1 and len(net.payouts(ORDER)) == 1
        (order,) = net.payouts(ORDER)
        assert net.main.where[order.id][0] > net.main.where[net.payouts(CONSOLIDATE)[0].id][0]

    run(play)


def test_an_empty_purse_or_a_refusal_joins_nothing_and_keeps_no_coin_back(tmp_path: Path) -> None:
    net = dusty(tmp_path, 540)

    async def play() -> None:
        net.main.grow(CONSOLIDATE_DEPTH)
        lines = [member.links.main for member in net.members]
        for line in lines[:2]:
            line.refused = {"submit"}
        await net.tick(A_ROUND)
        assert ["submit" in line.asked for line in lines] == [True, True, False]
        assert net.members[2].purse.balance == 0 and net.payouts(CONSOLIDATE) == []
        assert all(member.purse._reserved == {} for member in net.members)
        for line in lines:
            line.refused = set()
        await net.tick(A_ROUND)
        assert len(net.payouts(CONSOLIDATE)) == 1

    run(play)

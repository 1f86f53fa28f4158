"""A wallet on a node that joined by a snapshot: it has the coins, and not the blocks below."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import trio

from bystack.ledger.accounts import RECEIVE, Place
from bystack.ledger.addressbook import GAP
from bystack.ledger.amounts import BTM
from bystack.ledger.coins import Coin
from bystack.ledger.transactions import Outpoint, Output, PolicyLock, Transaction
from bystack.node.ipc import RemoteError
from bystack.node.wallet.spending import Spending
from bystack.primitives.codec import encode
from tests.ledger.people import BOB, Person
from tests.node.wallet.people import KEY
from tests.node.wallet.sides import FakeSide, header, me, trade
from tests.node.wallet.test_following import coins, following, mint, serving, until

FIRST = 40
"""The lowest block that the node has."""


def at(number: int) -> Person:
    """An address of our account, however far ahead."""
    return Person(trade().account(KEY).secret(Place(RECEIVE, number)))


def coin(owner: Person, amount: int) -> Coin:
    return Coin(BTM, amount, owner.lock, 7, 0, 1, b"")


class Joined(FakeSide):
    """A node that began from the state after block `FIRST` - 1."""

    def __init__(self) -> None:
        super().__init__()
        self.bodies = [()] * (FIRST - 1)
        self.scans = 0
        self.streams = {"blocks": self.blocks, "pool": self.waiting, "unspent": self.unspent}

    async def handle(self, method: str, params: list[Any]) -> Any:
        found = await super().handle(method, params)
        return {**found, "first": FIRST} if method == "status" else found

    async def blocks(self, method: str, params: list[Any]) -> AsyncIterator[Any]:
        if int(params[0]) < FIRST:
            raise RemoteError(-1, "not held", {"rule": "BlockNotHeld"})
        async for item in super().blocks(method, params):
            yield item

    async def unspent(self, method: str, params: list[Any]) -> AsyncIterator[Any]:
        self.scans += 1
        yield ["at", len(self.bodies), header(len(self.bodies)).id]
        roots = {bytes(root) for root in params[0]}
        for place, one in self.coins.items():
            assert isinstance(one.lock, PolicyLock)
            if one.lock.root in roots:
                yield ["coins", [[encode(place), encode(one)]]]
        yield ["end"]


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def given(number: int) -> Outpoint:
    return Outpoint(bytes([number]) * 32, 0)


def test_a_restored_wallet_has_its_coins_and_follows_from_there(tmp_path: Path) -> None:
    """The second address shows only once the first is known to be in use."""

    async def main() -> None:
        side = Joined()
        far = at(2 * GAP - 1)
        side.coins = {
            given(1): coin(me(), 500),
            given(2): coin(at(GAP - 1), 60),
            given(3): coin(far, 7),
            given(4): coin(BOB, 9),
        }
        async with following(tmp_path / "w") as (follower, nursery):
            await serving(side, nursery)
            await follower.reach(FIRST - 1)
            assert coins(follower) == {given(1): 500, given(2): 60, given(3): 7}
            assert side.scans == 3 and not follower.purse.wallet.history
            assert follower.purse.stood == FIRST - 1 and follower.purse.caught_up
            side.block(mint(30))
            await follower.reach(FIRST)
            assert sorted(coins(follower).values()) == [7, 30, 60, 500]
            assert len(follower.purse.wallet.history) == 1
        async with following(tmp_path / "w") as (again, nursery):
            await serving(side, nursery)
            side.block(mint(40, 1))
            await again.reach(FIRST + 1)
            assert again.purse.stood == FIRST - 1 and side.scans == 3

    trio.run(main)


def test_a_wallet_that_was_away_keeps_its_history_and_gives_no_payment_up(tmp_path: Path) -> None:
    """Its payment is in a block nobody here has: saying that it failed would have it paid twice."""

    async def main() -> None:
        side, sent = FakeSide(), list[Transaction]()
        async with following(tmp_path / "w") as (follower, nursery):
            await serving(side, nursery)
            side.block(mint(10_000), mint(900, 1))
            await follower.reach(1)
            await Spending(follower).pay([Output(BTM, 9_000, BOB.lock)])
            sent += side.pool
            await follower.purse.save()
        (tx,) = sent
        change = {
            Outpoint(tx.id, n): Coin(BTM, out.amount, out.lock, 9, 0, 1, b"")
            for n, out in enumerate(tx.body.outputs)
            if out.lock != BOB.lock
        }
        joined = Joined()
        kept = {Outpoint(mint(900, 1).id, 0): coin(me(), 900)}
        joined.coins = {**change, **kept}
        async with following(tmp_path / "w") as (again, nursery):
            assert tx.id in again.purse.open
            await serving(joined, nursery)
            await again.reach(FIRST - 1)
            assert sorted(coins(again).values()) == [900, 999]
            purse = again.purse
            assert not purse.open and not purse.wallet.pending and not purse.wallet.reserved
            assert not purse.notes[tx.id].abandoned
            assert [record.height for record in purse.wallet.history.values()] == [1, 1]

    trio.run(main)


def test_a_rescan_there_looks_at_the_coins_again(tmp_path: Path) -> None:
    """As after an import: what is newly watched is found, what was known stays."""

    async def main() -> None:
        side = Joined()
        side.coins = {given(1): coin(me(), 500), given(4): coin(BOB, 9)}
        async with following(tmp_path / "w") as (follower, nursery):
            await serving(side, nursery)
            await follower.reach(FIRST - 1)
            side.block(mint(30))
            await follower.reach(FIRST)
            side.coins[Outpoint(mint(30).id, 0)] = coin(me(), 30)
            follower.purse.watch_root(BOB.lock.root)
            assert await follower.rescan(0) == FIRST + 1
            await until(lambda: follower.purse.scan is None)
            assert sorted(coins(follower).values()) == [9, 30, 500]
            assert len(follower.purse.wallet.history) == 1

    trio.run(main)


def test_a_scan_that_breaks_off_changes_nothing(tmp_path: Path) -> None:
    class Broken(Joined):
        async def unspent(self, method: str, params: list[Any]) -> AsyncIterator[Any]:
            yield ["at", len(self.bodies), header(len(self.bodies)).id]
            self.scans += 1
            if self.scans == 1:
                raise RemoteError(-1, "gone")
            async for item in super().unspent(method, params):
                yield item

    async def main() -> None:
        side = Broken()
        side.coins = {given(1): coin(me(), 500)}
        async with following(tmp_path / "w") as (follower, nursery):
            await serving(side, nursery)
            await until(lambda: follower.trouble)
            assert follower.purse.wallet.height == 0 and not coins(follower)
            await follower.reach(FIRST - 1)
            assert coins(follower) == {given(1): 500} and not follower.trouble

    trio.run(main)

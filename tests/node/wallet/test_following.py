"""Following a sidechain that comes, goes and gives out coins; what fails there frees coins."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing
from structlog.testing import capture_logs

from bystack.ledger.amounts import BTM
from bystack.ledger.coins import Coin
from bystack.ledger.transactions import (
    Action,
    NoWitness,
    Outpoint,
    Output,
    PolicyLock,
    Transaction,
    TransactionBody,
)
from bystack.mainchain.blocks import Block
from bystack.node.ipc import RemoteError, Unavailable, serve
from bystack.node.store.storage import Store
from bystack.node.wallet.following import Follower
from bystack.node.wallet.purse import FORMAT, KIND, Purse
from bystack.node.wallet.spending import Spending
from bystack.primitives.codec import decode, encode
from bystack.sidechain.action_kinds import BURN, MODULE_KINDS, SYSTEM_OUTPUTS
from bystack.sidechain.burns import Burn
from tests.ledger.people import BOB
from tests.mainchain.builders import EASY
from tests.node.mainchain.branches import replayed
from tests.node.wallet.people import HERE, KEY, ME, history, path_to
from tests.node.wallet.sides import FakeSide, me, trade
from tests.node.wallet.test_purse import check

SECONDS = 180.0


def mint(amount: int, number: int = 0) -> Transaction:
    """A transaction that leaves us a coin (as a claim does)."""
    outputs = (Output(BTM, amount, me().lock),)
    body = TransactionBody(1, (), outputs, (Action(2, bytes([number])),), 0, 0, b"")
    return Transaction(body, (NoWitness(),))


async def until(condition: Callable[[], Any]) -> None:
    while not condition():  # noqa: ASYNC110 (many kinds of conditions, one deadline)
        await trio.sleep(0.002)


@asynccontextmanager
async def following(path: Path) -> AsyncIterator[tuple[Follower, trio.Nursery]]:
    store = Store.open(path, kind=KIND, magic=EASY.magic, version=FORMAT)
    follower = Follower(Purse(trade(), KEY, store))
    try:
        with trio.fail_after(SECONDS):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(follower.run)
                yield follower, nursery
                nursery.cancel_scope.cancel()
    finally:
        store.close()


async def serving(side: FakeSide, nursery: trio.Nursery) -> trio.CancelScope:
    """Serve the sidechain's socket until the scope returned is cancelled."""
    scope = trio.CancelScope()

    async def run(task_status: trio.TaskStatus[None]) -> None:
        with scope:
            path = trade().socket
            await serve(path, side.handle, side.streams, task_status=_Quiet(task_status))

    await nursery.start(run)
    return scope


class _Quiet:
    """Passes `started` on without the path."""

    def __init__(self, inner: trio.TaskStatus[None]) -> None:
        self._inner = inner

    def started(self, value: object = None) -> None:
        self._inner.started()


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def coins(follower: Follower) -> dict[Outpoint, int]:
    return {place: coin.amount for place, coin in follower.purse.wallet.coins.items()}


def test_a_chain_that_refuses_is_asked_less_and_less_often(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And it is told once; as soon as it answers all is forgotten."""
    monkeypatch.setattr("bystack.node.wallet.following.PAUSE", 0.001)

    class Refusing(FakeSide):
        opened = 0

        async def blocks(self, method: str, params: list[Any]) -> AsyncIterator[Any]:
            self.opened += 1
            if self.opened <= 6:
                pauses.append(followers[0]._pause)
                raise RemoteError(-1, "block 1 is pruned")
            async for item in super().blocks(method, params):
                yield item

    pauses, followers = list[float](), list[Follower]()

    async def main() -> None:
        side = Refusing()
        side.streams = {"blocks": side.blocks, "pool": side.waiting}
        side.block(mint(10_000))
        async with following(tmp_path / "w") as (follower, nursery):
            followers.append(follower)
            await serving(side, nursery)
            await follower.reach(1)
            assert follower.trouble == ""

    with capture_logs() as logs:
        trio.run(main)
    assert pauses == [0.001 * 2**n for n in range(6)]
    told = [one for one in logs if one["log_level"] == "warning"]
    assert [one["reason"] for one in told] == ["block 1 is pruned (code -1)"]


def test_a_sidechain_that_goes_and_comes_back_is_followed_on(tmp_path: Path) -> None:
    async def main() -> None:
        side = FakeSide()
        async with following(tmp_path / "w") as (follower, nursery):
            side.block(mint(10_000))
            scope = await serving(side, nursery)
            await follower.reach(1)
            assert list(coins(follower).values()) == [10_000]
            scope.cancel()
            await until(lambda: not follower.client.connected)
            side.block(mint(20_000, 1))
            side.block()
            await serving(side, nursery)
            await follower.reach(3)
            assert sorted(coins(follower).values()) == [10_000, 20_000]
        async with following(tmp_path / "w") as (again, nursery):
            assert again.purse.wallet.height == 3
            await serving(side, nursery)
            side.block(mint(5, 2))
            await again.reach(4)
            assert sorted(coins(again).values()) == [5, 10_000, 20_000]

    trio.run(main)


def test_coins_that_the_chain_itself_gives_out_are_found(tmp_path: Path) -> None:
    """A refund stands beyond the outputs of the transaction that caused it."""
    body = TransactionBody(1, (), (), (Action(MODULE_KINDS, b"x"),), 0, 0, b"")
    cause = Transaction(body, (NoWitness(),))
    place = Outpoint(cause.id, SYSTEM_OUTPUTS + 1)

    async def main() -> None:
        side = FakeSide()
        side.coins = {place: Coin(BTM, 777, me().lock, 1, 0, 1, b"")}
        async with following(tmp_path / "w") as (follower, nursery):
            await serving(side, nursery)
            side.block(cause)
            await follower.reach(1)
            assert coins(follower) == {place: 777}

    trio.run(main)


def test_payments_side_by_side_take_different_coins_and_pay_the_flat_fee(tmp_path: Path) -> None:
    async def main() -> None:
        side = FakeSide()
        async with following(tmp_path / "w") as (follower, nursery):
            await serving(side, nursery)
            side.block(*(mint(10_000, number) for number in range(4)))
            await follower.reach(1)
            async with trio.open_nursery() as payers:
                for _ in range(4):
                    payers.start_soon(Spending(follower).pay, [Output(BTM, 6_000, BOB.lock)])
            taken = [place for tx in side.pool for place in tx.body.inputs]
            assert len(taken) == len(set(taken)) == 4
            assert [sum(o.amount for o in tx.body.outputs) for tx in side.pool] == [9_999] * 4
            side.block(*side.pool)
            await follower.reach(2)
            assert sorted(coins(follower).values()) == [3_999] * 4
            assert not follower.purse.open
            assert not follower.purse.wallet.reserved

    trio.run(main)


def test_a_burn_names_where_to_pay_and_where_to_refund(tmp_path: Path) -> None:
    async def main() -> None:
        side = FakeSide()
        async with following(tmp_path / "w") as (follower, nursery):
            await serving(side, nursery)
            side.block(mint(10_000))
            await follower.reach(1)
            tx = await Spending(follower).burn(BTM, 4_000, BOB.lock)
            (action,) = tx.body.actions
            assert action.kind == BURN
            burn = decode(Burn, action.body, 9_999)
            assert (burn.destination, burn.asset, burn.amount) == (BOB.lock, BTM, 4_000)
            assert follower.purse.wallet.place(PolicyLock(burn.refund)) is not None
            assert sum(output.amount for output in tx.body.outputs) == 10_000 - 4_000 - 1

    trio.run(main)


@pytest.mark.parametrize("fault", ["refused", "gone"])
def test_whatever_fails_frees_the_coins(tmp_path: Path, fault: str) -> None:
    async def main() -> None:
        side = FakeSide()
        async with following(tmp_path / "w") as (follower, nursery):
            scope = await serving(side, nursery)
            side.block(mint(10_000))
            await follower.reach(1)
            side.refuse = "FeeTooLow"
            if fault == "gone":
                scope.cancel()
                await until(lambda: not follower.client.connected)
            with pytest.raises((RemoteError, Unavailable)):
                await Spending(follower).pay([Output(BTM, 6_000, BOB.lock)])
            assert follower.purse.wallet.balances(2)[BTM].confirmed == 10_000
            assert not follower.purse.open
            with pytest.raises(RemoteError) as poor:
                await Spending(follower).pay([Output(BTM, 10_000, BOB.lock)])
            assert (poor.value.code, poor.value.rule) == (-6, "InsufficientFunds")

    trio.run(main)


def test_a_payment_the_pool_lost_is_handed_in_again_or_given_up(tmp_path: Path) -> None:
    async def main() -> None:
        side = FakeSide()
        async with following(tmp_path / "w") as (follower, nursery):
            await serving(side, nursery)
            side.block(mint(10_000))
            await follower.reach(1)
            tx = await Spending(follower).pay([Output(BTM, 6_000, BOB.lock)])
            side.pool.clear()
            side.block()
            await until(lambda: side.pool == [tx])
            side.refuse = "CoinMissing"
            side.block()
            await until(lambda: not follower.purse.open)
            assert follower.purse.wallet.balances(2)[BTM].confirmed == 10_000

    trio.run(main)


def test_a_payment_that_a_pool_does_not_want_now_stays_on_its_way(tmp_path: Path) -> None:
    """Its coins might still move: were they free, the owner could pay twice."""

    async def main() -> None:
        side = FakeSide()
        async with following(tmp_path / "w") as (follower, nursery):
            await serving(side, nursery)
            side.block(mint(10_000))
            await follower.reach(1)
            tx = await Spending(follower).pay([Output(BTM, 6_000, BOB.lock)])
            side.pool.clear()
            side.refuse = "PoolFull"
            side.block()
            await follower.reach(2)
            await until(lambda: follower.purse.caught_up)
            assert list(follower.purse.open) == [tx.id]
            assert follower.purse.wallet.balances(2)[BTM].confirmed == 0
            side.refuse = ""
            side.block()
            await until(lambda: side.pool == [tx])

    trio.run(main)


def test_a_payment_is_stored_before_it_leaves(tmp_path: Path) -> None:
    async def main() -> None:
        side = FakeSide()
        async with following(tmp_path / "w") as (follower, nursery):
            await serving(side, nursery)
            side.block(mint(10_000))
            await follower.reach(1)
            follower.client.call = _dies_at_submit(follower.client.call)  # type: ignore[method-assign]
            with pytest.raises(_Killed):
                await Spending(follower).pay([Output(BTM, 6_000, BOB.lock)])
            assert side.pool == []
        async with following(tmp_path / "w") as (again, nursery):
            (tx,) = again.purse.open.values()
            await serving(side, nursery)
            side.block()
            await until(lambda: side.pool == [tx])

    trio.run(main)


class _Killed(BaseException):
    """The process ends here."""


def _dies_at_submit(call: Callable[..., Any]) -> Callable[..., Any]:
    async def dying(method: str, *params: Any, **how: Any) -> Any:
        if method == "submit":
            raise _Killed
        return await call(method, *params, **how)

    return dying


def test_a_new_wallet_begins_at_the_tip_and_one_without_keys_waits_for_them(tmp_path: Path) -> None:
    async def main() -> None:
        side = FakeSide()
        store = Store.open(tmp_path / "w", kind=KIND, magic=EASY.magic, version=FORMAT)
        purse = Purse(trade(), None, store)
        purse.fresh = True
        follower = Follower(purse)
        side.block(mint(10_000))
        side.block()
        with trio.fail_after(SECONDS):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(follower.run)
                await serving(side, nursery)
                await until(lambda: follower.client.connected)
                await trio.testing.wait_all_tasks_blocked()
                assert purse.wallet.height == 0 and not purse.ready
                purse.unlock(KEY)
                follower.woken.notify()
                await follower.begun()
                assert (purse.wallet.height, purse.birth) == (2, 2)
                assert not coins(follower)
                side.block(mint(20_000, 1))
                await follower.reach(3)
                assert list(coins(follower).values()) == [20_000]
                await follower.rescan(0)
                await follower.reach(3)
                assert sorted(coins(follower).values()) == [10_000, 20_000]
                nursery.cancel_scope.cancel()
        store.close()

    trio.run(main)


def test_what_arrives_while_the_wallet_is_wound_back_is_not_taken(tmp_path: Path) -> None:
    async def main() -> None:
        side = FakeSide()
        async with following(tmp_path / "w") as (follower, nursery):
            await serving(side, nursery)
            for number in range(30):
                side.block(mint(1_000 + number, number))
                if number % 7 == 3:
                    await follower.rescan(0)
            await follower.reach(30)
            assert sorted(coins(follower).values()) == [1_000 + number for number in range(30)]
            assert len(follower.purse.wallet.history) == 30

    trio.run(main)


def test_a_payment_that_was_asked_for_and_not_answered_stays_on_its_way(tmp_path: Path) -> None:
    """The chain's process may have taken it and passed it on before it ended."""

    async def main() -> None:
        side = FakeSide()
        async with following(tmp_path / "w") as (follower, nursery):
            scope = await serving(side, nursery)
            side.block(mint(10_000))
            side.block(mint(20_000, 1))
            await follower.reach(2)
            side.ends = scope.cancel
            with pytest.raises(RemoteError, match="do not pay a second time") as unsure:
                await Spending(follower).pay([Output(BTM, 6_000, BOB.lock)])
            assert (unsure.value.code, unsure.value.rule) == (-4, "Unanswered")
            (tx,) = follower.purse.open.values()
            assert side.pool == [tx]
            assert follower.purse.wallet.balances(2)[BTM].reserved == 20_000
            side.pool.clear()
            await until(lambda: not follower.client.connected)
            await serving(side, nursery)
            side.block()
            await until(lambda: side.pool == [tx])

    trio.run(main)


def test_a_payment_given_up_meanwhile_is_not_handed_in_again(tmp_path: Path) -> None:
    async def main() -> None:
        side = FakeSide()
        async with following(tmp_path / "w") as (follower, nursery):
            await serving(side, nursery)
            side.block(mint(10_000), mint(10_001, 1))
            await follower.reach(1)
            pays = [await Spending(follower).pay([Output(BTM, 9_000, BOB.lock)]) for _ in range(2)]
            await until(lambda: follower.purse.caught_up)
            side.pool.clear()
            async with follower.handing:
                nursery.start_soon(follower.resubmit)
                await trio.testing.wait_all_tasks_blocked()
                for tx in pays:
                    follower.purse.given_up(tx)
            await follower.client.call("status")
            await trio.testing.wait_all_tasks_blocked()
            assert side.pool == []

    trio.run(main)


class Main:
    """The main chain's process played: it knows these blocks, and none that it is asked about."""

    def __init__(self, blocks: tuple[Block, ...]) -> None:
        self.blocks, self.refuse, self.known = blocks, "", list[list[Any]]()
        self.streams = {"blocks": self.follow}

    async def handle(self, method: str, params: list[Any]) -> Any:
        match method:
            case "status":
                return {"height": len(self.blocks), "tip": self.blocks[-1].id}
            case "submit" if self.refuse:
                raise RemoteError(-26, self.refuse, {"rule": self.refuse})
            case "submit":
                return b""
        raise RemoteError(-32601, method)

    async def follow(self, method: str, params: list[Any]) -> AsyncIterator[Any]:
        self.known.append(params[0])
        for height, id in params[0]:
            yield ["disconnect", height, id]
        for block in self.blocks:
            yield ["connect", block.header.height, block.id, encode(block)]
        yield ["tip", len(self.blocks), self.blocks[-1].id]
        await trio.sleep_forever()


@pytest.mark.parametrize("kept", [0, 1, 3])
def test_a_chain_that_knows_none_of_our_blocks_is_read_whole(tmp_path: Path, kept: int) -> None:
    """As when its data were made anew, or are of another branch: no coin of before stays."""

    async def main() -> None:
        blocks = path_to(history().right[-1].id)
        store = Store.open(tmp_path / "w", kind=KIND, magic=EASY.magic, version=FORMAT)
        purse = Purse(HERE, KEY, store)
        for block in path_to(history().left[-1].id):
            purse.connect(block.header.height, block.id, block.transactions)
        for height in list(purse.recent)[: len(purse.recent) - kept]:
            del purse.recent[height]
        follower, chain = Follower(purse), Main(blocks)
        with trio.fail_after(SECONDS):
            async with trio.open_nursery() as nursery:
                await nursery.start(serve, HERE.socket, chain.handle, chain.streams)
                nursery.start_soon(follower.run)
                await until(lambda: purse.caught_up)
                nursery.cancel_scope.cancel()
        assert len(chain.known) == 1
        check(purse, blocks[-1].id)
        store.close()

    trio.run(main)


def test_a_coin_missing_on_the_main_chain_may_come_again(tmp_path: Path) -> None:
    """A reorganisation took the payment to us; until a block spends it otherwise, ours may come."""

    async def main() -> None:
        blocks = history().trunk
        store = Store.open(tmp_path / "w", kind=KIND, magic=EASY.magic, version=FORMAT)
        purse = Purse(HERE, KEY, store)
        follower, chain = Follower(purse), Main(blocks)
        with trio.fail_after(SECONDS):
            async with trio.open_nursery() as nursery:
                await nursery.start(serve, HERE.socket, chain.handle, chain.streams)
                nursery.start_soon(follower.run)
                await until(lambda: purse.caught_up)
                tx = replayed(blocks).pay(ME, BOB, 5_000, 20_000)
                purse.sent(tx)
                chain.refuse = "CoinMissing"
                await follower.resubmit()
                assert list(purse.open) == [tx.id]
                chain.refuse = "SignatureWrong"
                await follower.resubmit()
                assert not purse.open
                nursery.cancel_scope.cancel()
        store.close()

    trio.run(main)

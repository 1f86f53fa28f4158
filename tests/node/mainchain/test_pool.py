"""The driven pool: who listens hears everything, what may stand later is kept a while."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

from bystack.ledger.amounts import BTM
from bystack.ledger.candidates import AnchorSpend, FeeNotHigher
from bystack.ledger.coins import Coin
from bystack.ledger.mempool import AlreadyPooled, FeeTooLow
from bystack.ledger.transactions import (
    NoWitness,
    Outpoint,
    Output,
    PendingLock,
    Transaction,
    TransactionBody,
)
from bystack.ledger.validation import Immature, InputRepeated
from bystack.ledger.vault_operations import (
    Consolidate,
    Freeze,
    Operation,
    Replace,
    Touch,
    Veto,
    encode_operation,
)
from bystack.node.mainchain.admission import last_height, precedence
from bystack.node.pool import listening as pool_listening
from bystack.node.pool.listening import as_items
from tests.ledger.people import ALICE, BOB
from tests.ledger.vault_world import usual_terms
from tests.mainchain.builders import Chain, child
from tests.node.mainchain.branches import branches, replayed
from tests.node.mainchain.network import running, until
from tests.node.pool.pool_world import World
from tests.node.pool.test_pool import OPEN, issue

KNOWN = branches()


def paying(model: Chain, fee: int, which: int = 0) -> Transaction:
    place, coin = model.owned(ALICE)[which]
    outputs = (Output(BTM, coin.amount - fee, BOB.lock),)
    return model.sign(TransactionBody(1, (place,), outputs, (), 0, 0, b""), ALICE)


def test_a_listener_hears_what_waits_what_comes_and_what_goes(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as (node,):
            await node.take(*KNOWN.trunk)
            pool, model, heard = node.driver.pool, replayed(KNOWN.trunk), []
            first, better = paying(model, 5_000), paying(model, 50_000)
            await node.driver.submit(first)

            async def listen() -> None:
                async for event in pool.listen():
                    heard.append(as_items(event)[:2])

            async with trio.open_nursery() as nursery:
                nursery.start_soon(listen)
                await until(lambda: heard)
                await node.driver.submit(better)
                await node.take(child(model.tip, [better], fees=50_000))
                await until(lambda: len(heard) == 4)
                nursery.cancel_scope.cancel()
            told = [["add", first.id], ["remove", first.id], ["add", better.id]]
            assert heard == [*told, ["remove", better.id]]

    trio.run(main)


def test_one_who_does_not_listen_is_let_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_listening, "MAX_BEHIND", 1)

    async def main() -> None:
        async with running(tmp_path) as (node,):
            await node.take(*KNOWN.trunk)
            model, slow = replayed(KNOWN.trunk), node.driver.pool.listen()
            await node.driver.submit(paying(model, 5_000))
            first = await anext(slow)
            for fee in (50_000, 500_000):
                await node.driver.submit(paying(model, fee))
            rest = [event async for event in slow]
            assert as_items(first)[0] == "add"
            assert len(rest) == 1

    trio.run(main)


def test_refusals_change_nothing(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as (node,):
            await node.take(*KNOWN.trunk)
            model = replayed(KNOWN.trunk)
            tx = paying(model, 5_000)
            doubled = Transaction(
                TransactionBody(1, tx.body.inputs * 2, tx.body.outputs, (), 0, 0, b""),
                tx.witnesses * 2,
            )
            await node.driver.submit(tx)
            for bad, rule in (
                (tx, AlreadyPooled),
                (paying(model, 1), FeeTooLow),
                (paying(model, 4_999), FeeNotHigher),
                (doubled, InputRepeated),
            ):
                with pytest.raises(rule):
                    await node.driver.submit(bad)
                assert node.driver.pool.transactions() == [tx]

    trio.run(main)


def test_a_block_that_issues_puts_out_what_would_be_too_much(tmp_path: Path) -> None:
    async def main() -> None:
        world = World(blocks=5)
        async with running(tmp_path) as (node,):
            await node.take(*world.chain.blocks.values())
            amounts = (2**62, 2**62, 5)
            waiting = [issue(world, at, OPEN, amount) for at, amount in enumerate(amounts)]
            for tx in waiting:
                await node.driver.submit(tx)
            await node.take(world.chain.mine(waiting[0]))
            assert node.driver.pool.transactions() == [waiting[2]]

    trio.run(main)


def test_what_is_valid_only_after_the_next_block_is_kept_for_it(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as (node,):
            await node.take(*KNOWN.trunk)
            model = replayed(KNOWN.trunk)
            model.mine(extra=b"ahead")
            early = paying(model, 5_000, which=len(model.owned(ALICE)) - 1)
            with pytest.raises(Immature):
                await node.driver.submit(early)
            node.driver.pool.hold(early)
            await node.take(*(model.blocks[id] for id in [model.tip.id]))
            assert node.driver.pool.get(early.id) == early

    trio.run(main)


def operation(one: Operation) -> Transaction:
    action = encode_operation(one)
    body = TransactionBody(1, (Outpoint(bytes(32), 0),), (), (action,), 0, 0, b"")
    return Transaction(body, (NoWitness(), NoWitness()))


@pytest.mark.parametrize(
    ("one", "rank"),
    [
        (Touch(0, 0), AnchorSpend.OPERATION),
        (Freeze(0), AnchorSpend.GUARD),
        (Veto(Outpoint(bytes(32), 0)), AnchorSpend.GUARD),
        (Replace(0, usual_terms()), AnchorSpend.RECOVERY),
        (Consolidate(), AnchorSpend.CONSOLIDATION),
    ],
)
def test_precedence_of_operations(one: Operation, rank: AnchorSpend | None) -> None:
    assert precedence(operation(one)) is rank


def test_a_veto_ends_where_completing_begins() -> None:
    place = Outpoint(bytes(32), 0)
    lock = PendingLock(bytes(32), bytes(32), bytes(32), 20)
    coins = {place: Coin(BTM, 5, lock, 100, 0, 1, b"")}
    assert last_height(coins, operation(Veto(place))) == 119
    assert last_height(coins, operation(Touch(0, 0))) == 0
    assert last_height({}, operation(Veto(place))) == 0

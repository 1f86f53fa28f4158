"""A purse follows any walk over the branches, forgets nothing over restarts, frees what failed."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bystack.ledger.amounts import BTM
from bystack.ledger.coins import Coin
from bystack.ledger.payments import FeeTerms, build_payment
from bystack.ledger.transactions import Outpoint, Output, Transaction, TransactionBody
from bystack.mainchain.transition import apply_main
from bystack.node.store.storage import Changes, Store, StoreError
from bystack.node.wallet import purse as purses
from bystack.node.wallet.purse import FORMAT, KIND, Purse
from tests.ledger.people import BOB
from tests.mainchain.builders import EASY, Chain
from tests.node.mainchain.branches import replayed
from tests.node.wallet.people import HERE, KEY, ME, MINE, history, path_to

KNOWN = history()
GOALS = [block.id for block in KNOWN.all]


def opened(path: Path) -> tuple[Store, Purse]:
    store = Store.open(path, kind=KIND, magic=EASY.magic, version=FORMAT)
    return store, Purse(HERE, KEY, store)


def go(purse: Purse, goal: bytes) -> None:
    """Follow from where the purse stands to a block, as the stream would say it."""
    blocks = path_to(goal)
    ids = {block.id for block in blocks}
    for height, id in purse.locator():
        if id not in ids:
            assert purse.disconnect(height, id)
    known = {id for _, id in purse.locator()}
    for block in blocks:
        if block.id not in known:
            purse.connect(block.header.height, block.id, block.transactions)


def check(purse: Purse, goal: bytes) -> None:
    """Ours is what the chain says is ours."""
    model = replayed(path_to(goal))
    coins = {p: c for p, c in model.coins.items() if c.lock in (ME.lock, MINE.lock)}
    assert purse.wallet.coins == coins
    assert purse.wallet.height == model.tip.header.height
    concerned = [
        (tx.id, block.header.height)
        for block in path_to(goal)
        for tx in block.transactions
        if {ME.lock, MINE.lock} & {o.lock for o in tx.body.outputs}
    ]
    assert [(e.transaction, e.height) for e in purse.wallet.history.values()] == concerned


@given(walk=st.lists(st.tuples(st.sampled_from(GOALS), st.booleans()), min_size=1, max_size=6))
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_walk_with_restarts(tmp_path: Path, walk: list[tuple[bytes, bool]]) -> None:
    path = tmp_path / str(len(list(tmp_path.iterdir())))

    async def main() -> None:
        store, purse = opened(path)
        for goal, restart in walk:
            go(purse, goal)
            check(purse, goal)
            if restart:
                await purse.save()
                store.close()
                store, purse = opened(path)
                go(purse, goal)  # blocks that do not concern it are read again
                check(purse, goal)
        store.close()

    trio.run(main)


def test_what_was_not_saved_is_followed_again(tmp_path: Path) -> None:
    async def main() -> None:
        store, purse = opened(tmp_path)
        go(purse, KNOWN.trunk[1].id)
        await purse.save()
        go(purse, KNOWN.left[-1].id)
        store.close()
        store, purse = opened(tmp_path)
        check(purse, KNOWN.trunk[1].id)
        assert purse.locator()[0] == (2, KNOWN.trunk[1].id)
        store.close()

    trio.run(main)


def test_a_reorganisation_below_what_is_kept_asks_for_a_new_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(purses, "KEPT_BLOCKS", 1)
    store, purse = opened(tmp_path)
    first = purse.wallet.new_lock()
    go(purse, KNOWN.left[-1].id)
    (height, id), *rest = purse.locator()
    assert not rest
    assert purse.disconnect(height, id)
    assert not purse.disconnect(height - 1, KNOWN.left[-2].id)
    purse.restart()
    assert purse.locator() == []
    for block in path_to(KNOWN.right[-1].id):
        purse.connect(block.header.height, block.id, block.transactions)
    check(purse, KNOWN.right[-1].id)
    assert purse.wallet.new_lock() != first
    store.close()


def test_open_payments_survive_a_restart_and_hold_their_coins(tmp_path: Path) -> None:
    async def main() -> None:
        store, purse = opened(tmp_path)
        go(purse, KNOWN.trunk[-1].id)
        tx = replayed(KNOWN.trunk).pay(ME, BOB, 5_000, 20_000)
        purse.sent(tx)
        await purse.save()
        store.close()
        store, purse = opened(tmp_path)
        assert purse.open == {tx.id: tx}
        assert not set(tx.body.inputs) & set(purse.wallet.confirmed(EASY.maturity))
        go(purse, KNOWN.left[0].id)
        assert tx in KNOWN.left[0].transactions
        assert not purse.open
        assert not purse.wallet.reserved
        assert not purse.wallet.pending
        store.close()

    trio.run(main)


def test_a_payment_that_a_block_makes_impossible_is_given_up(tmp_path: Path) -> None:
    store, purse = opened(tmp_path)
    go(purse, KNOWN.trunk[-1].id)
    rival = replayed(KNOWN.trunk).pay(ME, BOB, 6_000, 20_000)
    purse.sent(rival)
    go(purse, KNOWN.left[0].id)
    assert not purse.open
    assert not purse.wallet.pending
    check(purse, KNOWN.left[0].id)
    store.close()


def test_change_made_and_spent_in_one_block_leaves_nothing_behind(tmp_path: Path) -> None:
    store, purse = opened(tmp_path)
    go(purse, KNOWN.trunk[-1].id)
    model = replayed(KNOWN.trunk)
    one = model.pay(ME, BOB, 5_000, 20_000)
    change, coin = next(
        (p, c)
        for p, c in model_after(model, one).items()
        if p.transaction == one.id and c.lock == ME.lock
    )
    outputs = (Output(BTM, coin.amount - 20_000, BOB.lock),)
    two = model.sign(TransactionBody(1, (change,), outputs, (), 0, 0, b""), ME, more={change: coin})
    purse.sent(one)
    purse.sent(two)
    block = model.mine(one, two)
    purse.connect(5, block.id, block.transactions)
    assert not purse.wallet.pending
    assert not purse.wallet.reserved
    assert not purse.open
    mine = {p: c for p, c in model.coins.items() if c.lock in (ME.lock, MINE.lock)}
    assert purse.wallet.coins == mine
    store.close()


def model_after(model: Chain, tx: Transaction) -> dict[Outpoint, Coin]:
    """The coins one more transaction creates, without a block."""
    return dict(apply_main(model.coins, tx, model.tip.header.height + 1, EASY).delta.created)


def test_a_transaction_can_be_read_while_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        store, purse = opened(tmp_path)
        go(purse, KNOWN.trunk[-1].id)
        id = next(iter(purse.wallet.history.values())).transaction
        whole = store.commit

        async def slowly(changes: Changes) -> None:
            assert purse.transaction(id) is not None and purse.complete
            await whole(changes)

        monkeypatch.setattr(store, "commit", slowly)
        await purse.save()
        assert purse.transaction(id) is not None
        store.close()

    trio.run(main)


def test_coins_set_aside_for_a_payment_that_never_was_are_free_after_a_restart(
    tmp_path: Path,
) -> None:
    async def main() -> None:
        store, purse = opened(tmp_path)
        go(purse, KNOWN.trunk[-1].id)
        coins, change = purse.wallet.confirmed(EASY.maturity), purse.wallet.change_lock()
        fees = FeeTerms(BTM, 1_000_000)
        draft = build_payment(HERE.id, coins, [Output(BTM, 9, BOB.lock)], change, fees)
        for kept, left in ((False, len(coins)), (True, len(coins) - 1)):
            purse.wallet.reserve(draft, kept=kept)
            purse.touch()
            await purse.save()
            store.close()
            store, purse = opened(tmp_path)
            assert len(purse.wallet.confirmed(EASY.maturity)) == left
        store.close()

    trio.run(main)


def test_a_payment_whose_block_is_gone_is_on_its_way_again(tmp_path: Path) -> None:
    store, purse = opened(tmp_path)
    go(purse, KNOWN.left[0].id)
    (tx,) = [tx for tx in KNOWN.left[0].transactions if len(tx.body.inputs)]
    go(purse, KNOWN.trunk[-1].id)
    assert list(purse.open) == [tx.id]
    assert set(tx.body.inputs) <= purse.wallet.reserved.keys()
    change = purse.wallet.balances(EASY.maturity)[BTM].pending
    assert change == sum(o.amount for o in tx.body.outputs if o.lock == ME.lock)
    go(purse, KNOWN.left[0].id)
    assert not purse.open
    check(purse, KNOWN.left[0].id)
    store.close()


def test_what_builds_on_a_payment_is_given_up_with_it(tmp_path: Path) -> None:
    store, purse = opened(tmp_path)
    go(purse, KNOWN.trunk[-1].id)
    tx = replayed(KNOWN.trunk).pay(ME, BOB, 6_000, 20_000)
    on_top = Transaction(TransactionBody(1, (Outpoint(tx.id, 1),), (), (), 0, 0, b""), ())
    before = purse.wallet.balances(EASY.maturity)
    purse.sent(tx)
    purse.sent(on_top)
    purse.given_up(tx)
    assert not purse.open and not purse.wallet.pending and not purse.wallet.reserved
    assert purse.wallet.balances(EASY.maturity) == before
    assert purse.notes[on_top.id].abandoned
    store.close()


@pytest.mark.parametrize("fault", [StoreError("here", "the disk is full", "make room"), None])
def test_a_batch_that_was_not_written_is_written_with_the_next(
    tmp_path: Path, fault: StoreError | None
) -> None:
    async def main() -> None:
        store, purse = opened(tmp_path)
        go(purse, KNOWN.trunk[-1].id)
        tx = replayed(KNOWN.trunk).pay(ME, BOB, 5_000, 20_000)
        purse.sent(tx)
        commit = store.commit

        async def failing(changes: Changes) -> None:
            assert fault is not None
            raise fault

        if fault is not None:
            store.commit = failing  # type: ignore[method-assign]
            with pytest.raises(StoreError):
                await purse.save()
            store.commit = commit  # type: ignore[method-assign]
            await purse.save()
        else:
            with trio.CancelScope() as scope:
                scope.cancel()
                await purse.save()
        store.close()
        store, again = opened(tmp_path)
        check(again, KNOWN.trunk[-1].id)
        assert again.open == {tx.id: tx}
        assert again.wallet.reserved == purse.wallet.reserved
        store.close()

    trio.run(main)


def test_a_payment_given_up_leaves_the_coins_to_its_rival(tmp_path: Path) -> None:
    """One that replaces another spends its coins: neither frees them while the other may come."""
    store, purse = opened(tmp_path)
    go(purse, KNOWN.trunk[-1].id)
    first = replayed(KNOWN.trunk).pay(ME, BOB, 5_000, 20_000)
    rival = replayed(KNOWN.trunk).pay(ME, BOB, 6_000, 20_000)
    for gone, stays in ((first, rival), (rival, first)):
        purse.sent(first)
        purse.sent(rival)
        purse.given_up(gone)
        assert not set(stays.body.inputs) & set(purse.wallet.confirmed(EASY.maturity))
        assert {point.transaction for point in purse.wallet.pending} == {stays.id}
        purse.sent(gone)
        purse.forget(gone)
        purse.let_go(stays.body.inputs)
        assert not set(stays.body.inputs) & set(purse.wallet.confirmed(EASY.maturity))
    store.close()

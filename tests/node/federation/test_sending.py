"""Signed orders until a block takes them: fees that rise, turns, seqs that block others."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import trio

from bystack.federation.warrants import TOUCH_AFTER
from bystack.ledger.amounts import BTM
from bystack.ledger.transactions import Transaction
from bystack.ledger.vault_operations import Touch
from bystack.node.federation.assembling import RATE
from bystack.node.federation.membership import TURN_TICKS
from bystack.node.federation.orders import blocked
from bystack.node.federation.sending import MAX_RAISES, STUCK_BLOCKS, Job
from bystack.node.ipc import RemoteError
from tests.federation.peg import pays
from tests.ledger.people import ALICE, BOB
from tests.sidechain.mainside import TERMS

from .members import Net

A_ROUND = 3 * TURN_TICKS + 2
TOUCH = 18


class Full(Net):
    """A main chain whose blocks are full: what is sent waits in its pool, or is refused."""

    poor = False

    def _submit(self, tx: Transaction) -> bytes:
        if self.poor:
            raise RemoteError(-26, "fee too low", {"rule": "FeeTooLow"})
        self.waiting.append(tx)
        return tx.id


def net_of(kind: type[Net], folder: Path) -> Net:
    net = kind(folder)
    net.waiting: list[Transaction] = []  # type: ignore[attr-defined,misc]
    net.main.mine(net.main.transfer(ALICE, BOB.lock, 40_000_000))
    net.main.send(net.main.deposit(ALICE, 50_000, BTM, b"\x01" * 64))
    net.main.grow(30)
    return net


def run(play: Callable[[], Awaitable[None]]) -> None:
    trio.run(play)


def fee(net: Net, tx: Transaction) -> int:
    paid = sum(net.main.coins[p].amount for p in tx.body.inputs if net.main.coins[p].asset == BTM)
    return paid - sum(output.amount for output in tx.body.outputs if output.asset == BTM)


def test_an_order_that_no_block_takes_is_offered_for_more(tmp_path: Path) -> None:
    net = net_of(Full, tmp_path)
    net.up = {0, 1}

    async def play() -> None:
        net.record(0, [pays(20)], [1])
        await net.final()
        await net.tick(2 * A_ROUND)
        first = list(net.waiting)
        assert 1 <= len(first) <= 2, "each member once, as long as no block comes"
        asked = [line.links.signer.asked.count("order") for line in net.members[:2]]
        for _ in range(MAX_RAISES + 2):
            net.main.grow(STUCK_BLOCKS)
            await net.tick(A_ROUND)
        fees = [fee(net, tx) for tx in net.waiting if tx.body.memo == first[0].body.memo]
        assert fees[0] < fees[1] and max(fees) >= fees[0] * 2**MAX_RAISES
        assert max(fees) < fees[0] * 2 ** (MAX_RAISES + 1)
        again = [line.links.signer.asked.count("order") for line in net.members[:2]]
        assert again == asked, "nobody signs anew"
        order = net.waiting[-1]
        assert order.body.outputs[1] == pays(20)
        net.main.send(order)
        await net.tick(A_ROUND)
        assert len(net.payouts()) == 1 and all(not m.orders.jobs for m in net.members[:2])

    run(play)


def test_a_fee_below_what_the_pool_takes_rises_at_once(tmp_path: Path) -> None:
    net = net_of(Full, tmp_path)
    net.up = {0, 1}

    async def play() -> None:
        net.poor = True  # type: ignore[attr-defined]
        net.record(0, [pays(20)], [1])
        await net.final()
        await net.tick(2 * A_ROUND)
        net.poor = False  # type: ignore[attr-defined]
        await net.tick(A_ROUND)
        height = net.main.height
        (job,) = net.members[0].orders.jobs.values()
        assert job.poor and job.rate(height) > job.rate(0) // 2 ** (job.poor + 1)
        assert net.waiting and net.main.height == height

    run(play)


def test_a_member_that_sends_nothing_is_passed_over(tmp_path: Path) -> None:
    """The seat whose turn it is censors: it signs, and does not send."""
    net = net_of(Net, tmp_path)

    async def play() -> None:
        silent = net.members[0]
        silent.links.main.refused.add("submit")  # type: ignore[attr-defined]
        net.record(0, [pays(20)], [1])  # seat 0's turn comes first
        await net.final()
        await net.tick(2)
        assert net.payouts() == []
        await net.tick(A_ROUND)
        (order,) = net.payouts()
        assert order.body.memo != silent.setting.recipient and order.body.outputs[1] == pays(20)

    run(play)


def test_a_seq_that_nothing_can_spend_is_voided_without_being_asked(tmp_path: Path) -> None:
    """Its batch is void already; a later one is open and would wait for ever."""
    net = net_of(Net, tmp_path)

    async def play() -> None:
        net.record(1, [pays(20)], [1])
        await net.final()
        await net.tick(A_ROUND)
        assert net.payouts() == [] and net.payouts(TOUCH) == []
        net.main.grow(TOUCH_AFTER)
        await net.tick(2 * A_ROUND)
        assert len(net.payouts(TOUCH)) == 1 and len(net.payouts()) == 1

    run(play)


@pytest.mark.parametrize(
    ("seq", "amount", "tier", "stands"),
    [(0, 900, 0, False), (0, 1_001, 0, True), (0, 20, 7, True), (1, 900, 0, True)],
)
def test_what_counts_as_blocked(
    tmp_path: Path, seq: int, amount: int, tier: int, stands: bool
) -> None:
    net = net_of(Net, tmp_path)
    net.record(seq, [pays(amount)], [1], tier=tier)
    assert blocked(0, net.batches, TERMS) == stands
    assert not blocked(2, net.batches, TERMS)


def test_an_offer_below_what_the_pool_takes_is_doubled_with_the_next() -> None:
    """Without waiting for blocks: each refusal for its fee doubles it, up to the same bound."""
    job = Job(Touch(3, 0), b"\x01" * 32, 0)
    assert job.rate(500) == RATE
    job.poor = 2
    assert job.rate(500) == 4 * RATE
    job.ready = 500 - STUCK_BLOCKS
    assert job.rate(500) == 8 * RATE
    job.poor = 90
    assert job.rate(500) == RATE << MAX_RAISES

"""Recorded batches on their way to the main chain: paid once, whoever sends; no fault stops all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import trio
from msgspec.structs import replace

from bystack.federation.bridge import AskOperation
from bystack.federation.warrants import TOUCH_AFTER
from bystack.ledger.amounts import BTM
from bystack.ledger.transactions import VaultLock
from bystack.ledger.vault_operations import Touch, encode_operation
from bystack.ledger.vault_state import decode_state
from bystack.node.federation.events import MainConnected, PeerMessage
from bystack.node.federation.member import BRIDGE
from bystack.node.federation.membership import TURN_TICKS
from bystack.node.federation.operating.building import NO_PARAMS
from bystack.primitives.codec import encode
from bystack.sidechain.records import Batch
from tests.federation.peg import pays
from tests.ledger.people import ALICE, BOB, CAROL

from .members import Net, Voice

A_ROUND = 3 * TURN_TICKS + 2


@pytest.fixture
def net(tmp_path: Path) -> Net:
    net = Net(tmp_path)
    net.main.mine(net.main.transfer(ALICE, BOB.lock, 40_000_000))
    net.main.send(net.main.deposit(ALICE, 50_000, BTM, b"\x01" * 64))
    net.main.grow(30)
    return net


def run(play: Callable[[], Awaitable[None]]) -> None:
    trio.run(play)


def test_a_recorded_batch_is_paid_once_whoever_is_first(net: Net) -> None:
    async def play() -> None:
        net.record(0, [pays(20), pays(30, BOB)], [1, 2])
        await net.final()
        await net.tick(A_ROUND)
        (order,) = net.payouts()
        assert order.body.outputs[1:3] == (pays(20), pays(30, BOB))
        sponsors = [person.lock for person in (ALICE, BOB, CAROL)]
        seat = sponsors.index(order.body.outputs[4].lock)
        assert order.body.memo == net.members[seat].setting.recipient
        # Its seq is spent: nobody signs or sends it again, though the batch is still open.
        before = [len(member.links.signer.asked) for member in net.members]
        await net.tick(A_ROUND)
        asked = [m.links.signer.asked[n:] for m, n in zip(net.members, before, strict=True)]
        assert not any("order" in methods for methods in asked)
        assert len(net.payouts()) == 1 and all(not m.orders.jobs for m in net.members)
        assert all(m.bridge is not None and m.bridge.again() == () for m in net.members)

    run(play)


def test_it_waits_for_a_final_and_old_enough_block(net: Net) -> None:
    async def play() -> None:
        net.record(0, [pays(20)], [1])
        await net.tick(A_ROUND)
        await net.final(net.height)  # the block itself, with nothing on top
        await net.tick(A_ROUND)
        assert net.payouts() == [] and all(not m.orders.jobs for m in net.members)
        await net.final(net.height + 1)
        await net.tick(A_ROUND)
        assert len(net.payouts()) == 1

    run(play)


def test_a_batch_its_signer_refuses_keeps_no_other_back(net: Net) -> None:
    async def play() -> None:
        net.record(1, [pays(5)], [7])
        forged: Batch = net.batches[1]
        net.batches[1] = replace(forged, record=replace(forged.record, outputs=(pays(6),)))
        net.record(0, [pays(20)], [1])
        await net.final()
        await net.tick(A_ROUND)
        assert [tx.body.outputs[1] for tx in net.payouts()] == [pays(20)]

    run(play)


def test_a_job_that_cannot_be_sent_keeps_no_other_back(net: Net) -> None:
    async def play() -> None:
        net.record(0, [pays(60_000)], [1])  # beyond bucket and vault: Underfunded when assembled
        await net.final()
        await net.tick(A_ROUND)
        assert net.payouts() == []
        net.main.mine(net.main.touch())  # voided meanwhile
        net.record(1, [pays(20)], [2])
        await net.tick(A_ROUND)
        assert [tx.body.outputs[1] for tx in net.payouts()] == [pays(20)]

    run(play)


def test_an_empty_purse_leaves_the_turn_to_the_next(net: Net) -> None:
    async def play() -> None:
        await net.tick()
        assert net.members[2].purse.balance == 0
        net.main.mine(net.main.touch())
        net.main.mine(net.main.touch())
        net.record(2, [pays(20)], [1])  # seat 2's turn comes first
        await net.final()
        await net.tick(2)
        assert net.payouts() == []
        await net.tick(A_ROUND)
        (order,) = net.payouts()
        assert order.body.outputs[3].lock in (ALICE.lock, BOB.lock)

    run(play)


def test_two_of_three_go_on_one_stalls_and_resumes(net: Net) -> None:
    async def play() -> None:
        net.up = {0, 1}
        net.record(0, [pays(20)], [1])
        await net.final()
        await net.tick(A_ROUND)
        assert len(net.payouts()) == 1
        net.up = {0}
        net.record(1, [pays(7)], [2])
        await net.tick(A_ROUND)
        assert len(net.payouts()) == 1
        (pending,) = await net.ask(0, "pending")
        assert (pending["seq"], pending["weight"], pending["missing"]) == (1, 1, ["m1", "m2"])
        net.up = {0, 1}
        await net.tick(A_ROUND)
        assert len(net.payouts()) == 2 and await net.ask(0, "pending") == []

    run(play)


def test_the_signer_is_fed_whatever_happens(net: Net) -> None:
    """Headers and anchors in order; after a reorganisation; after the signer starts anew."""

    async def play() -> None:
        net.record(0, [pays(20)], [1])
        await net.final()
        await net.tick(A_ROUND)
        net.main.grow(8)
        await net.tick(2)
        watch = net.signers[0].view.watch
        assert watch.tip.id == net.main.tip.id and watch.vault is not None and watch.vault.seq == 1
        net.main.reorganise(20, keep=False)
        await net.tick(2)
        assert watch.tip.id == net.main.tip.id and watch.vault.seq == 0 and watch.spent == {}
        await net.tick(A_ROUND)
        assert len(net.payouts()) == 1, "the order lost its block and is sent again"
        net.restart_signer(0)
        net.main.grow(8)
        await net.tick(2)
        again = net.signers[0].view.watch
        assert again.tip.id == net.main.tip.id and again.vault is not None
        assert again.vault.seq == 1 and set(again.spent) == {0}

    run(play)


def test_a_signer_that_refuses_headers_does_not_keep_back_what_is_signed(net: Net) -> None:
    async def play() -> None:
        net.record(0, [pays(20)], [1])
        await net.final()
        fork = net.main.copy()
        await net.tick(1)
        # The node's main chain falls back behind what the signers have verified.
        for _ in range(3):
            net.main.disconnect()
        net.main.mine(extra=b"shorter")
        await net.tick(A_ROUND)
        assert len(net.payouts()) == 1 and fork.height > 0

    run(play)


def test_a_seq_that_stands_still_is_voided_by_everyone(net: Net) -> None:
    async def play() -> None:
        await net.tick(2)
        with pytest.raises(Exception, match="NotStuck"):
            await net.ask(0, "build", "touch", NO_PARAMS)
        net.main.grow(TOUCH_AFTER)
        await net.tick(2)
        await net.hear(
            1, 2, AskOperation(encode_operation(Touch(0, 200)), (), b"")
        )  # no such tier: refused, and nothing is stuck by it
        assert net.members[1].orders.jobs == {}
        net.up = {0}  # the others are away when it is asked for
        built = await net.ask(0, "build", "touch", NO_PARAMS)
        await net.tick(A_ROUND)
        assert net.payouts(18) == [] and len(built["digest"]) == 64
        net.up = {0, 1}
        await net.tick(A_ROUND)
        assert len(net.payouts(18)) == 1

    run(play)


def test_words_of_who_left_meanwhile_are_nobodys(net: Net) -> None:
    """They waited in the inbox when another epoch came: the number is another's, or nobody's."""

    async def play() -> None:
        await net.tick(2)
        member, gone = net.members[0], net.node(2)
        roster = member.sitting.roster
        member.sitting.take(replace(roster, members=roster.members[:2]))
        net.main.grow(TOUCH_AFTER)
        net.up = {0}
        await net.tick(2)
        asked = AskOperation(encode_operation(Touch(0, 0)), (), b"")
        await net.hear(0, 2, asked)
        assert isinstance(member.host, Voice)
        told = member.host.penalties
        assert member.orders.jobs == {} and told == []
        await net.handle(0, PeerMessage(gone, BRIDGE, b"junk"))
        assert [node for node, _ in told] == [gone]
        await net.hear(0, 1, asked)
        assert len(member.orders.jobs) == 1, "who sits is heard"

    run(play)


def test_nothing_happens_before_there_is_a_sidechain(tmp_path: Path) -> None:
    async def play() -> None:
        net = Net(tmp_path, founded=False)
        await net.tick(3)
        assert all("order" not in m.links.signer.asked for m in net.members)
        with pytest.raises(Exception, match="NotFounded"):
            await net.ask(0, "genesis")
        info = await net.ask(0, "info")
        assert info["vault"] is None and info["key"] is not None and info["threshold"] == 2

    run(play)


def test_an_order_the_main_chain_refuses_costs_nothing_and_can_be_voided(net: Net) -> None:
    """Beyond the bucket, it is tried every round; the touch of its seq goes through all the same,
    and no sponsor's coin stays kept back."""

    async def play() -> None:
        net.record(0, [pays(2_000)], [1])
        await net.final()
        await net.tick(A_ROUND)
        assert all(len(m.orders.jobs) == 1 for m in net.members) and net.payouts() == []
        assert all(m.purse._reserved == {} for m in net.members)
        net.main.grow(TOUCH_AFTER)
        await net.tick(2)
        await net.ask(0, "build", "touch", NO_PARAMS)
        await net.tick(2 * A_ROUND)
        assert len(net.payouts(18)) == 1 and net.payouts() == []

    run(play)


def test_a_member_that_started_anew_feeds_across_a_reorganisation(net: Net) -> None:
    """It has fed nothing itself, and the signer's tip left the best chain while it was away."""

    async def play() -> None:
        await net.tick(2)
        net.members[0] = net.member(0)
        net.main.reorganise(3)
        for block in net.followed:
            await net._each(MainConnected(block.header.height, block.id, block), {0})
        await net.tick(2)
        assert net.signers[0].view.watch.tip.id == net.main.tip.id

    run(play)


def test_a_guards_freeze_is_told_until_the_block_that_may_pay_again(net: Net) -> None:
    member = net.members[0]
    place, anchor = next(
        one for one in net.main.coins.items() if isinstance(one[1].lock, VaultLock)
    )

    async def seen(until: int) -> int:
        frozen = replace(decode_state(anchor.state), frozen_until=until)
        net.main.coins[place] = replace(anchor, state=encode(frozen))
        member.orders.moved()
        await net.tick(1)
        return member.orders.frozen_until

    async def play() -> None:
        await net.tick(1)
        height = member.purse.height
        assert member.orders.frozen_until == 0 < height
        assert await seen(height + 2) == height + 2
        assert await seen(height + 1) == 0

    run(play)

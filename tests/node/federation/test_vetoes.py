"""A guard vetoes a large payout; members show their signers, who sign it again under a new seq."""

from __future__ import annotations

from pathlib import Path

import trio

from bystack.ledger.transactions import Outpoint
from bystack.node.federation.membership import TURN_TICKS
from tests.federation.peg import pays
from tests.sidechain.world import K

from .supers import two_tier_net

A_ROUND = 3 * TURN_TICKS + 2
ORDER = 17


def test_a_vetoed_payout_is_ordered_again_under_its_new_seq(tmp_path: Path) -> None:
    net = two_tier_net(tmp_path, (("super-1",), ("super-2",), ()))

    async def play() -> None:
        net.record(0, [pays(9_000)], [1], tier=1)
        await net.final()
        await net.tick(A_ROUND)
        (order,) = net.payouts(ORDER)
        net.main.send(net.main.veto(Outpoint(order.id, 1)))
        net.batches.clear()
        net.record(1, [pays(9_000)], [1], tier=1)  # as the sidechain does once it is proved
        await net.final()
        net.main.grow(K - 1)
        await net.tick(A_ROUND)
        assert len(net.payouts(ORDER)) == 1, "nobody signs it before the veto is deep"
        net.restart_signer(0)
        net.main.grow(1)
        await net.tick(2 * A_ROUND)
        again = net.payouts(ORDER)
        assert len(again) == 2 and again[1].body.outputs[1].amount == 9_000
        assert all(signer.view.watch.vetoes.sent_back(0) for signer in net.signers)

    trio.run(play)

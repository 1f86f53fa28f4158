"""A member's figures, with a signer and without."""

from __future__ import annotations

from pathlib import Path

import trio

from bystack.node.federation.measuring import figures
from tests.federation.peg import pays
from tests.node.federation.members import Line, Net


def test_a_members_figures(tmp_path: Path) -> None:
    net = Net(tmp_path)

    async def play() -> None:
        net.record(0, [pays(900)], [1])
        await net.final()
        await net.tick(1)
        member = net.members[0]
        found = await figures(member)
        assert found.height == member.purse.height == net.main.height
        assert (found.weight, found.weight_of_all, found.weight_threshold) == (1, 3, 2)
        assert (found.peers, found.members_missing) == (0, 2)
        assert found.orders_pending == len(member.orders.jobs) > 0
        assert found.sponsor_balance == member.purse.balance
        assert found.signer_answers == 1 and found.signer_height > 0
        assert (found.signer_frozen, found.signer_stalled, found.signer_waiting) == (0, 0, 0)
        line = member.links.signer
        assert isinstance(line, Line)
        line.up = False
        found = await figures(member)
        assert (found.signer_answers, found.signer_height) == (0, 0)
        assert found.weight == 1

    trio.run(play)

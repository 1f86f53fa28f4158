"""K14: the vault ages towards the day on which recovery alone may take it.

Members touch it at half of that time, by themselves; guards say so at half and at nine tenths. The
number of blocks stands in the terms, which every member hashes and compares.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
from msgspec.structs import replace

from bystack.federation.guarding.alarms import Kind
from bystack.ledger.terms import terms_hash
from bystack.ledger.vault_errors import NotIdle
from bystack.ledger.vault_operations import TOUCH, Recover
from tests.federation.guarding.tower import Tower
from tests.node.federation.members import Net
from tests.sidechain.mainside import TERMS

IDLE = TERMS.recover.idle


def age(net: Net, blocks: int) -> None:
    while net.main.height < net.main.state.touched + blocks:
        net.main.mine()


def test_members_touch_the_anchor_at_half_of_the_time(tmp_path: Path) -> None:
    async def main() -> None:
        net = Net(tmp_path)
        age(net, IDLE // 2 - 1)
        await net.tick(40)
        assert net.payouts(TOUCH) == []
        touched = net.main.state.touched
        net.main.mine()
        await net.tick(40)
        assert len(net.payouts(TOUCH)) == 1, "once, whoever is first"
        assert net.main.state.touched >= touched + IDLE // 2
        with pytest.raises(NotIdle):
            net.main.mine(net.main.spend(Recover(0, replace(TERMS, note=bytes(32)))))

    trio.run(main)


def test_guards_say_it_at_half_and_at_nine_tenths_when_nobody_does() -> None:
    tower = Tower().ready()
    touched = tower.main.state.touched
    said: dict[Kind, int] = {}
    while tower.main.height < touched + IDLE - 1:
        tower.main.mine()
        tower.blocks()
        tower.final()
        for kind in tower.alarms:
            said.setdefault(kind, tower.main.height - touched)
    assert said == {Kind.IDLE_HALF: IDLE // 2, Kind.IDLE_LATE: IDLE * 9 // 10}
    assert tower.acts == [], "a guard cannot touch"


def test_the_time_is_one_constant_that_every_member_compares() -> None:
    longer = replace(TERMS, recover=replace(TERMS.recover, idle=IDLE + 1))
    assert terms_hash(longer) != terms_hash(TERMS)

"""What lasts: raised once it has lasted, ended when it is gone, never by a guard that is behind."""

from __future__ import annotations

from bystack.federation.guarding.alarms import Alarm, Kind, subject_of
from bystack.federation.guarding.conditions import LAG
from bystack.federation.guarding.machine import Guarding, Rules
from tests.federation.guarding.tower import Tower
from tests.sidechain.mainside import TERMS

IDLE = TERMS.recover.idle
LONG = 100
"""Seconds: twenty empty intervals of the genesis."""


def test_an_idle_anchor_at_half_and_at_nine_tenths() -> None:
    one = Tower().ready()
    touched = one.main.state.touched
    while one.main.height < touched + IDLE // 2 - 1:
        one.main.mine()
    one.blocks()
    one.final()
    assert one.alarms == []
    one.main.mine()
    one.blocks()
    one.final()
    assert one.alarms == [Kind.IDLE_HALF]
    while one.main.height < touched + IDLE * 9 // 10:
        one.main.mine()
    one.blocks()
    one.final()
    assert one.alarms == [Kind.IDLE_HALF, Kind.IDLE_LATE]
    one.main.send(one.main.touch())
    one.blocks()
    one.final()
    assert one.ended == [Kind.IDLE_HALF, Kind.IDLE_LATE]


def test_a_relay_that_stays_behind() -> None:
    one = Tower().ready()
    behind = one.main.height - LAG - 1
    one.final(1, relay_height=behind)
    one.clock()
    one.final(59)
    assert one.alarms == []
    one.final(2)
    assert one.alarms == [Kind.RELAY_LAG]
    one.final(1, relay_height=behind + 1)
    one.clock()
    assert one.ended == [Kind.RELAY_LAG]


def test_a_sidechain_without_final_blocks() -> None:
    one = Tower().ready()
    one.idle(LONG - 1)
    assert one.alarms == []
    one.idle(1)
    assert one.alarms == [Kind.SILENT] and one.machine.seeing
    one.final(1)
    one.clock(0)
    assert one.ended == [Kind.SILENT]


def test_a_follower_without_peers_is_blind_and_not_silent() -> None:
    one = Tower().ready()
    one.final(1, peers=0)
    one.idle(LONG + 1)
    assert not one.machine.seeing
    one.idle(61)
    assert one.alarms == [Kind.BLIND]
    one.final(1, peers=1)
    one.clock()
    assert one.ended == [Kind.BLIND]


def test_a_purse_that_cannot_pay() -> None:
    one = Tower(Rules(low_balance=1_000)).ready()
    one.balance = 999
    one.clock()
    one.clock()
    assert one.alarms == [Kind.PURSE_LOW]
    one.balance = 1_000
    one.clock()
    assert one.ended == [Kind.PURSE_LOW]


def test_a_purse_of_one_coin_pays_for_one_act_only() -> None:
    one = Tower().ready()
    one.coins = 1
    one.clock()
    assert one.alarms == [Kind.PURSE_LOW]
    one.coins = 2
    one.clock()
    assert one.ended == [Kind.PURSE_LOW]


def test_what_stood_before_a_restart_is_not_raised_again_and_can_end() -> None:
    one = Tower()
    before = Alarm(Kind.PURSE_LOW, subject_of(Kind.PURSE_LOW, one.genesis.id), {}, standing=True)
    one.machine = Guarding(one.genesis, Rules(low_balance=1_000), [before])
    one.ready()
    assert one.alarms == []
    one = Tower()
    one.machine = Guarding(one.genesis, Rules(low_balance=1_000), [before])
    one.balance = 5
    one.blocks()
    one.clock()
    assert one.alarms == []
    one.balance = 1_000
    one.clock()
    assert one.ended == [Kind.PURSE_LOW]


def test_a_follower_that_does_not_answer_is_blindness_too() -> None:
    one = Tower().ready()
    one.clock(15)
    assert one.machine.seeing
    one.clock(1)
    assert not one.machine.seeing
    one.clock(LONG)
    assert one.alarms == [Kind.BLIND]

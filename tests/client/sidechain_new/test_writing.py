"""What is written: files that the readers of every node take, with bounds that follow the limit."""

from __future__ import annotations

import tomllib
from dataclasses import replace

import msgspec

from bystack.client.sidechain_new.choices import PACES, asset_from, threshold, with_limits
from bystack.client.sidechain_new.writing import written
from bystack.federation.charter import parse_charter
from bystack.federation.roster_file import parse_roster, roster_of
from bystack.sidechain.specification import GenesisSpec
from tests.client.sidechain_new.founders import KEYS, complete, operators

NOW = 1_800_000_000_000


def test_the_readers_of_every_node_take_the_files() -> None:
    files = written(complete(), NOW)
    charter = parse_charter(files.charter.encode())
    assert [tier.name for tier in charter.tiers] == ["ordinary", "large"]
    assert set(charter.keys) == {"operations", "super-1", "super-2", *KEYS}
    assert charter.recover.policy == "thresh(2, key(r1), key(r2), key(r3))"
    roster = parse_roster(files.roster.encode())
    assert [one.weight for one in roster.member] == [2, 2, 1, 1]
    assert roster.member[0].holds == ["super-1"] and roster_of(roster).threshold == 4
    spec = msgspec.convert(tomllib.loads(files.spec), GenesisSpec)
    assert spec.creation == "" and spec.time == NOW and len(spec.validators) == 4
    assert spec.finality == 1 and {one.confirmations for one in spec.assets} == {6}


def test_bounds_follow_the_limit() -> None:
    spec = msgspec.convert(tomllib.loads(written(complete(), NOW).spec), GenesisSpec)
    btm = spec.assets[0]
    assert btm.pegin_limit == 10 * 100 * 10**8
    assert btm.pegout_minimum == btm.pegin_minimum == 10 * btm.pegout_fee == 10**7
    assert 0 < btm.fee < btm.pegout_fee


def test_without_supers_there_is_no_large_tier() -> None:
    alone = [msgspec.structs.replace(one, named={}) for one in operators()]
    charter = parse_charter(
        written(replace(complete(), operators=tuple(alone)), NOW).charter.encode()
    )
    assert [tier.name for tier in charter.tiers] == ["ordinary"]
    assert charter.govern.policy == "bls(operations)"


def test_a_network_of_ones_own_waits_as_long_as_the_main_one() -> None:
    assert replace(complete(), network="private").pace == PACES["main"]
    assert PACES["main"].confirmations == 100 and PACES["test"].confirmations == 10


def test_one_member_may_always_be_away() -> None:
    assert [threshold(each) for each in ([2, 2, 1, 1, 1], [1, 1, 1], [1] * 4)] == [5, 2, 3]


def test_assets_and_limits_as_people_give_them() -> None:
    gold = asset_from(f"GOLD:{'AB' * 32}:2")
    assert (gold.id, gold.decimals) == ("ab" * 32, 2)
    btm, rated = with_limits([asset_from("BTM"), gold], ["GOLD=7.5"])
    assert (btm.limit, rated.limit) == ("", "7.5")

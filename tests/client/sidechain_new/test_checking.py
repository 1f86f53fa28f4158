"""Every fault of a new sidechain's files at once, each where it stands."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from bystack.client.sidechain_new.checking import faults_of, lacking
from bystack.client.sidechain_new.writing import written
from bystack.mainchain.params import REGTEST
from tests.client.sidechain_new.founders import BTM, KEYS, complete, operators, thrown

NOW = 1_800_000_000_000


def places(**changes: Any) -> list[str]:
    found = faults_of(written(replace(complete(), **changes), NOW), REGTEST)
    return [one.where for one in found]


def test_complete_choices_have_no_fault() -> None:
    assert list(lacking(complete())) == [] and places() == []
    assert places(engine="solo", operators=operators()[:4], modules=("registry", "exchange")) != []
    assert places(modules=("registry", "exchange", "stake")) == []


def test_what_has_no_default_is_asked_for_all_at_once() -> None:
    bare = replace(
        complete(),
        operators=(msgspec.structs.replace(operators()[0], recipient="", member={}),),
        assets=(BTM._replace(limit=""),),
        keys={"r1": KEYS["r1"]},
        supers=("super-9",),
    )
    found = [(one.where, one.given) for one in lacking(bare)]
    assert found == [
        ("op1", "no member key"),
        ("op1", "no recipient"),
        ("limit of BTM", "none"),
        ("guards", "none"),
        ("recovery", "1 keys"),
        ("key super-9", "unknown"),
    ]
    none = replace(bare, operators=(), assets=())
    assert {"members", "assets"} <= {one.where for one in lacking(none)}


def test_faults_of_charter_genesis_and_engine_come_together() -> None:
    found = places(
        assets=(BTM._replace(limit="0"),),
        engine="bbtf",
        numbers={"epoch": 0},
        guards=("tower-1", "r1"),
    )
    assert "charter tier[0].limit.BTM" in found
    assert "charter recover" in found
    assert found.count("specification") == 2
    assert "specification validators" in found


def test_a_roster_in_which_one_operator_decides_is_refused() -> None:
    heavy = [msgspec.structs.replace(one, weight=1) for one in operators()]
    heavy[0] = msgspec.structs.replace(heavy[0], weight=4)
    assert places(operators=tuple(heavy)) == ["roster"]


def test_a_validator_that_proves_nothing_is_named() -> None:
    every = list(operators())
    stolen = every[0].validator["port"].proof
    false = msgspec.structs.replace(every[1].validator["port"], proof=stolen)
    every[1] = msgspec.structs.replace(every[1], validator={"port": false})
    assert places(operators=tuple(every)) == ["specification validators 2"]
    same = msgspec.structs.replace(every[0], name="twin", member=every[2].member)
    twice = (every[0], every[2], every[3], same)
    assert set(places(operators=twice)) == {"roster", "specification validators"}


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "Port"},
        {"hrp": "p0rt"},
        {"pegin_bp": 10_000},
        {"pegout_bp": -1},
        {"numbers": {"interval": 2**40}},
        {"numbers": {"colour": 3}},
        {"modules": ("registry", "registry")},
        {"modules": ("names=zz",)},
        {"assets": (BTM, BTM._replace(id=thrown("x")))},
    ],
)
def test_what_makes_no_genesis_is_refused(changes: dict[str, Any]) -> None:
    assert places(**changes)

"""What the module tells of candidates, stake and returns."""

from __future__ import annotations

from typing import Any

import pytest

from bystack.sidechain.modules.asking import QueryInvalid
from bystack.sidechain.modules.stake.module import StakeModule
from tests.sidechain.modules.desk import root_of
from tests.sidechain.modules.stake.table import Table, person, runner

A, B = runner(1), runner(2)
ANN = person(50)


def asked(table: Table, name: str, *params: Any) -> Any:
    return table.module.query(table.state, name, params)


@pytest.fixture
def table() -> Table:
    made = Table()
    made.register(A, 100)
    made.register(B, 300)
    made.vote(ANN, A, 70)
    made.unvote(ANN, A, 20)
    return made


def test_the_numbers(table: Table) -> None:
    told = asked(table, "getstaking")
    assert (told["candidates"], told["staked"], told["unbonding_epochs"]) == (2, 450, 5)


def test_candidates_by_rank(table: Table) -> None:
    rows = asked(table, "getcandidates")["candidates"]
    assert [(row["key"], row["rank"], row["stake"]) for row in rows] == [
        (B.key.hex(), 1, 300),
        (A.key.hex(), 2, 150),
    ]
    assert rows[0]["electable"] and not rows[0]["tombstoned"]
    table.unvote(B.operator, B, 201)
    last = asked(table, "getcandidates")["candidates"][1]
    assert (last["key"], last["rank"], last["electable"]) == (B.key.hex(), 0, False)


def test_an_owners_stake_and_returns(table: Table) -> None:
    owner = root_of(ANN).hex()
    told = asked(table, "getstake", [owner, owner])
    about = {"owner": owner, "key": A.key.hex()}
    assert told == {"staked": 50, "ballots": [{**about, "amount": 50, "fresh": 50}]}
    both = asked(table, "getstake", [owner, B.root.hex()])
    assert both["staked"] == 350
    waiting = asked(table, "getunbonding", [owner, owner])
    returns = [{**about, "amount": 20, "epoch": 0, "due": 5}]
    assert waiting == {"amount": 20, "returns": returns}
    # A ballot for one that left is still the owner's.
    table.unregister(A)
    assert asked(table, "getstake", [owner])["staked"] == 50


def test_hostile_parameters_are_refused(table: Table) -> None:
    many = ["00" * 32] * 1_001
    wrong: list[tuple[Any, ...]] = [
        (),
        ("00" * 32,),
        (5,),
        (None,),
        (["00" * 31],),
        ([], 1),
        (["zz"],),
        (many,),
    ]
    for params in wrong:
        for name in ("getstake", "getunbonding"):
            with pytest.raises(QueryInvalid):
                asked(table, name, *params)
    assert asked(table, "nothing") is None
    assert set(StakeModule.queries) >= {"getstake", "getcandidates", "getunbonding"}

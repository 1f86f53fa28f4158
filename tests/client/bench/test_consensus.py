"""The consensus benchmark runs small: real signatures, the formula's messages, time in order."""

from __future__ import annotations

from itertools import pairwise

from bystack.client.bench.consensus import expected, measure
from bystack.client.bench.lan import Lan, members
from bystack.sidechain.consensus.events import Config


def test_it_runs_small_and_messages_are_the_formulas() -> None:
    said: list[str] = []
    measured = measure(said.append, sizes={4: 4})
    assert said == ["4 validators"]
    assert 0.9 < measured.ratio["messages_to_formula_4"] < 1.1
    numbers = {**measured.figures, **measured.floor, **measured.ratio}
    assert all(number > 0 for number in numbers.values())


def test_the_formula_is_that_of_the_documents() -> None:
    assert [expected(*pair) for pair in ((4, 1), (10, 1), (31, 6), (100, 10))] == [16, 46, 191, 640]


def test_every_height_takes_its_hops_and_comes_in_order() -> None:
    lan = Lan(members(4), Config(gateways=1))
    decided = lan.decide(4)
    assert len(decided) == 3
    assert all(one.final - one.proposed > 5 * 0.3 for one in decided)
    assert all(one.final < two.proposed for one, two in pairwise(decided))
    assert {machine.height for machine in lan.machines} <= {4, 5}

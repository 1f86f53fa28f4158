"""The consensus benchmark runs small: real signatures, the formula's messages, time in order."""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from itertools import pairwise

import pytest

from bystack.client.bench.consensus import expected, measure
from bystack.client.bench.lan import Lan, members
from bystack.primitives import bls_arkworks
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


def test_machines_share_no_memory_of_what_they_hashed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four signers and the verifying machines are processes of their own: each hashes a block's
    COMMIT itself, however often this one program has met it.
    """
    hashed, plain = Counter[bytes](), bls_arkworks.hash_to_g2.__wrapped__

    @lru_cache(maxsize=64)
    def counted(message: bytes, tag: bytes) -> object:
        hashed[message] += 1
        return plain(message, tag)

    lan = Lan(members(4), Config(gateways=1))
    monkeypatch.setattr(bls_arkworks, "hash_to_g2", counted)
    lan.decide(3)
    assert sum(number >= 2 * len(lan.group) - 1 for number in hashed.values()) >= 4

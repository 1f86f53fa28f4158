"""E06 Two final blocks of one height: validators of more than a third of the weight signed both."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from bystack.sidechain.consensus.evidence import TwoCertificates
from bystack.sidechain.consensus.statements import COMMIT
from tests.simulation.forks import fork, placements, reunite
from tests.simulation.offenders import RING, chain, convicts_once, proves_nothing


def found() -> tuple[TwoCertificates, set[int]]:
    """What the honest find after a fork whose sides decided in one view, and who forked."""
    for traitors in placements(RING.validators):
        world = fork(RING, traitors, chain().genesis.id)
        guilty = reunite(world)
        assert guilty == {*traitors}
        for one, _ in world.monitor.evidence:
            if isinstance(one, TwoCertificates) and one.first.kind == COMMIT:
                return one, {*traitors}
    pytest.fail("no fork within a view")


def test_the_honest_find_it_when_they_meet_and_the_chain_convicts_once() -> None:
    evidence, traitors = found()
    weight = RING.validators.weight_of(traitors)
    assert 3 * weight > RING.validators.total
    convicts_once(evidence, traitors)
    proves_nothing(replace(evidence, second=replace(evidence.second, bitmap=b"\x0f")))


def test_it_is_found_because_both_sides_say_what_they_know(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("bystack.sidechain.consensus.watching._late_commit", lambda *_: None)
    monkeypatch.setattr("bystack.sidechain.consensus.watching.estranged", lambda *_: None)
    assert reunite(fork(RING, (0, 1))) == frozenset()

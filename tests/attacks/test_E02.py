"""E02 Two PREPAREs of one view."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from bystack.sidechain.consensus.evidence import TwoVotes
from bystack.sidechain.consensus.statements import PREPARE
from tests.simulation.offenders import convicts_once, found, proves_nothing, unnoticed

KINDS = (TwoVotes,)


def test_ordinary_nodes_find_it_and_the_chain_convicts_once() -> None:
    evidence, traitor = found("double_prepare", KINDS)
    assert isinstance(evidence, KINDS)
    assert evidence.first.kind == evidence.second.kind == PREPARE
    framed = replace(evidence.first, index=(traitor + 1) % 4)
    convicts_once(evidence, {traitor})
    proves_nothing(replace(evidence, first=framed))


def test_it_is_found_because_it_is_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    unnoticed("double_prepare", KINDS, monkeypatch, ("watching.detect", "tally.detect"))

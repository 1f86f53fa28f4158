"""E03 Two COMMITs of one view. Altering what a COMMIT does not sign frames nobody."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from bystack.sidechain.consensus.evidence import TwoVotes
from bystack.sidechain.consensus.statements import COMMIT
from tests.simulation.offenders import convicts_once, found, proves_nothing, unnoticed

KINDS = (TwoVotes,)


def test_ordinary_nodes_find_it_and_the_chain_convicts_once() -> None:
    evidence, traitor = found("double_commit", KINDS)
    assert isinstance(evidence, KINDS)
    assert evidence.first.kind == evidence.second.kind == COMMIT
    altered = replace(evidence.first, justify=b"x" * 32)
    convicts_once(evidence, {traitor})
    proves_nothing(replace(evidence, second=altered))


def test_it_is_found_because_it_is_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    unnoticed("double_commit", KINDS, monkeypatch, ("watching.detect", "tally.detect"))

"""E01 Two blocks by one leader for one view, to a part of the validators each."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from bystack.sidechain.consensus.evidence import TwoProposals
from tests.simulation.offenders import convicts_once, found, proves_nothing, unnoticed

KINDS = (TwoProposals,)


def test_ordinary_nodes_find_it_and_the_chain_convicts_once() -> None:
    evidence, traitor = found("equivocate", KINDS)
    assert isinstance(evidence, KINDS)
    first, second = evidence.first, evidence.second
    assert (first.height, first.view) == (second.height, second.view)
    assert first.block != second.block
    convicts_once(evidence, {traitor})
    proves_nothing(replace(evidence, second=first))


def test_it_is_found_because_it_is_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    unnoticed("equivocate", KINDS, monkeypatch, ("watching.detect",))

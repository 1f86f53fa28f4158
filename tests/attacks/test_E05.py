"""E05 A COMMIT, and a TIMEOUT that no longer knows of it."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from bystack.sidechain.consensus.evidence import ForgottenCommit, ForgottenSum, ForgottenVote
from tests.simulation.offenders import convicts_once, found, proves_nothing, unnoticed

KINDS = (
    ForgottenCommit,
    ForgottenSum,
    ForgottenVote,
)


def test_ordinary_nodes_find_it_and_the_chain_convicts_once() -> None:
    evidence, traitor = found("forgetful", KINDS)
    assert isinstance(evidence, KINDS)
    later = replace(evidence.commit, view=evidence.commit.view + 1)
    convicts_once(evidence, {traitor})
    proves_nothing(replace(evidence, commit=later))


def test_it_is_found_because_it_is_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    unnoticed("forgetful", KINDS, monkeypatch, ("watching.detect", "timeouts.detect"))

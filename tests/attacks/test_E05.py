"""E05 A COMMIT, and a TIMEOUT that no longer knows of it."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from bystack.sidechain.consensus.evidence import (
    ForgottenCommit,
    ForgottenSum,
    ForgottenVote,
    detect,
    verify_evidence,
)
from bystack.sidechain.consensus.statements import COMMIT
from tests.sidechain.consensus.test_evidence import CHAIN, RING, timeout, vote
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


def test_a_bare_report_that_forgot_a_commit_is_evidence_without_any_sum() -> None:
    """Whoever hears both from the traitor himself needs no certificate that holds one of them."""
    said = vote(COMMIT)
    for view in (1, 4):
        evidence = detect(said, timeout(view=view))
        assert isinstance(evidence, ForgottenVote)
        assert verify_evidence(evidence, RING.validators, CHAIN, RING.scheme) == (1,)
    assert detect(said, timeout(view=1, high=1)) is None
    assert detect(said, timeout(view=0)) is None

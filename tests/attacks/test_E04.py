"""E04 Two reports of one view given up: one to some, another to the rest."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from bystack.sidechain.consensus.evidence import TwoReports, TwoTimeouts, detect, verify_evidence
from tests.sidechain.consensus.test_evidence import CHAIN, RING, timeout
from tests.simulation.offenders import convicts_once, found, proves_nothing, unnoticed

KINDS = (
    TwoTimeouts,
    TwoReports,
)


def test_ordinary_nodes_find_it_and_the_chain_convicts_once() -> None:
    evidence, traitor = found("two_timeouts", KINDS)
    assert isinstance(evidence, KINDS)
    assert evidence.first != evidence.second
    convicts_once(evidence, {traitor})
    proves_nothing(replace(evidence, second=evidence.first))


def test_it_is_found_because_it_is_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    unnoticed("two_timeouts", KINDS, monkeypatch, ("watching.detect", "timeouts.detect"))


def test_two_bare_reports_are_evidence_without_any_sum() -> None:
    """Whoever hears both from the traitor himself needs no certificate that holds one of them."""
    said, again = timeout(high=-1), timeout(high=0)
    evidence = detect(said, again)
    assert isinstance(evidence, TwoTimeouts)
    assert verify_evidence(evidence, RING.validators, CHAIN, RING.scheme) == (1,)
    assert detect(said, said) is None

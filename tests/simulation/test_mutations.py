"""The tests tested: each broken rule must fork within a few dozen seeds; the rules never do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import islice

import pytest

from bystack.sidechain.consensus import (
    certificates,
    proposals,
    rounds,
    tally,
    timeouts,
)
from bystack.sidechain.consensus.positions import SignNew, SignRequest
from tests.simulation import harness
from tests.simulation.adversary import Attack
from tests.simulation.monitor import Violation
from tests.simulation.schemes import hash_keyring
from tests.simulation.tactics import Tactician, campaign

SEEDS = 40
ENOUGH = 8
"""Seeds of forty that must notice a broken rule. Each of them is noticed by more than twenty."""

Patch = Callable[[pytest.MonkeyPatch], None]


def forks(attack: Attack, size: int = 4, enough: int = ENOUGH) -> list[Tactician]:
    """The arenas that forked, one a seed, until enough have."""
    found: list[Tactician] = []
    for seed in range(SEEDS):
        own = replace(attack, seed=seed, forks_only=True)
        found += islice(filter(forked, campaign(hash_keyring(size), own)), 1)
        if len(found) >= enough:
            break
    return found


def forked(arena: Tactician) -> bool:
    try:
        arena.run()
    except Violation as broken:
        assert "\nfork at height 1" in str(broken)
        return True
    return False


@pytest.mark.parametrize(
    ("size", "attack", "seeds"),
    [
        (4, Attack(0), 25),
        (4, Attack(0, crashes=True), 15),
        (4, Attack(0, traitors=0, crashes=True), 15),
        (5, Attack(0, needed=4), 15),
        (7, Attack(0, traitors=2, needed=5), 6),
    ],
)
def test_the_rules_hold(size: int, attack: Attack, seeds: int) -> None:
    for seed in range(seeds):
        for arena in campaign(hash_keyring(size), replace(attack, seed=seed)):
            arena.run()


def one_round(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(rounds, "decides", lambda certificate: True)


def ignore_timeout_certificate(patch: pytest.MonkeyPatch) -> None:
    def justifies(timeouts, height, view, block):  # type: ignore[no-untyped-def]
        return timeouts.height == height and timeouts.view + 1 == view

    patch.setattr(proposals, "justifies", justifies)
    patch.setattr(rounds, "forced", lambda timeouts: b"")


def vote_after_timeout(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(rounds, "active", lambda now, view: view == now.view)

    def judge(last, request: SignRequest, chain_id: bytes) -> SignNew:  # type: ignore[no-untyped-def]
        return SignNew(request.position, request.digest(chain_id), request.high_qc)

    patch.setattr(harness, "judge", judge)


def omit_high_certificate(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(rounds, "reported", lambda now: ())


def quorum_of_2f_plus_1(patch: pytest.MonkeyPatch) -> None:
    def quorum(total: int) -> int:
        return 2 * ((total - 1) // 3) + 1

    patch.setattr(certificates, "quorum", quorum)
    patch.setattr(tally, "quorum", quorum)
    patch.setattr(timeouts, "quorum", quorum)


@pytest.mark.parametrize(
    ("mutation", "size", "attack"),
    [
        (one_round, 4, Attack(0)),
        (one_round, 4, Attack(0, traitors=0)),
        (ignore_timeout_certificate, 4, Attack(0)),
        (vote_after_timeout, 4, Attack(0)),
        (omit_high_certificate, 4, Attack(0)),
        (quorum_of_2f_plus_1, 5, Attack(0, needed=3)),
    ],
)
def test_a_broken_rule_forks(
    mutation: Patch, size: int, attack: Attack, monkeypatch: pytest.MonkeyPatch
) -> None:
    mutation(monkeypatch)
    assert len(forks(attack, size)) >= ENOUGH


def test_forgetting_what_was_signed_forks() -> None:
    assert len(forks(Attack(0, crashes=True, amnesia=True))) >= ENOUGH


def test_a_fork_of_more_than_a_third_is_blamed_on_them_by_the_honest_nodes() -> None:
    """They find it themselves, once they hear one another; nobody honest is named."""
    arenas = forks(Attack(0, traitors=2), enough=20)
    assert len(arenas) == 20
    for arena in arenas:
        assert arena.reunite() == {*arena.traitors}, arena.attack

"""The tests tested: each broken rule must fork within a few dozen seeds; the rules never do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from bystack.sidechain.consensus import (
    certificates,
    proposals,
    rounds,
    votes,
)
from bystack.sidechain.consensus.positions import SignNew, SignRequest
from tests.simulation import harness
from tests.simulation.adversary import Arena, Attack
from tests.simulation.monitor import Violation
from tests.simulation.schemes import hash_keyring

SEEDS = 40
Patch = Callable[[pytest.MonkeyPatch], None]


def fork_within(attack: Attack, size: int = 4, seeds: int = SEEDS) -> Arena:
    """The first arena that forks; fails when none does."""
    for seed in range(seeds):
        arena = Arena(hash_keyring(size), replace(attack, seed=seed, forks_only=True))
        try:
            arena.run()
        except Violation as broken:
            assert "\nfork at height 1" in str(broken)
            return arena
    pytest.fail(f"{seeds} seeds did not notice")


@pytest.mark.parametrize(
    ("size", "attack"),
    [
        (4, Attack(0)),
        (4, Attack(0, crashes=True)),
        (4, Attack(0, traitors=0, crashes=True)),
        (5, Attack(0, needed=4)),
        (7, Attack(0, traitors=2, needed=5)),
    ],
)
def test_the_rules_hold(size: int, attack: Attack) -> None:
    for seed in range(40 if size < 7 else 15):
        Arena(hash_keyring(size), replace(attack, seed=seed)).run()


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
    patch.setattr(votes, "quorum", quorum)


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
    fork_within(attack, size)


def test_forgetting_what_was_signed_forks() -> None:
    fork_within(Attack(0, crashes=True, amnesia=True))


def test_more_than_a_third_forks_and_is_named() -> None:
    arena = fork_within(Attack(0, traitors=2))
    guilty = arena.accused()
    assert guilty <= set(arena.traitors)
    validators = arena.keyring.validators
    assert 3 * validators.weight_of(guilty) > validators.total


def test_every_fork_of_two_traitors_names_them_and_nobody_else() -> None:
    forks = 0
    for seed in range(SEEDS):
        arena = Arena(hash_keyring(4), Attack(seed, traitors=2, forks_only=True))
        try:
            arena.run()
        except Violation:
            forks += 1
            assert arena.accused() == set(arena.traitors)
    assert forks >= 3

"""S03: the reserves law over random histories of both chains.

Deposits, claims, burns, batches, orders, touches, foreign spends, completions, vetoes, donations,
proofs again, refunds, returns of stray deposits, announced and adopted terms with other keys,
members that join, leave and weigh otherwise, shares refreshed and reshared, new keys, governance
of the pegs' numbers, modules that hold coins and share fees, crashes, reorganisations of the main
chain of any depth, in any order: per asset the vault's coins are what the sidechain owes, and what
is lost is published to the unit. `scripts/soak law` plays 100,000 steps.
"""

from __future__ import annotations

from collections import Counter
from types import ModuleType
from typing import Any

import pytest

from bystack.primitives.errors import Invalid, Misuse
from bystack.sidechain import burns, claims, custody, losses, orphans, settlement, strays
from bystack.sidechain.sums import SumExceeded, move
from tests.sidechain.governed import Governed
from tests.sidechain.histories import ASSETS, History
from tests.sidechain.law import Ledger

PLAIN, GOVERNED, STEPS = 60, 40, 125
KINDS = 27


def test_the_law_holds_over_5000_steps_of_everything() -> None:
    did: Counter[str] = Counter()
    for seed in range(GOVERNED):
        history = Governed(seed, deep=seed % 4 != 0)
        try:
            history.run(STEPS)
        except Exception as error:
            # What happened up to there is what one reads first.
            error.add_note("\n".join([f"seed {seed}", *history.trace]))
            raise
        did += history.did
    # Each kind of step happened often enough for the law to have been tried.
    assert len(did) == KINDS and min(did.values()) >= 2, did


def test_the_law_holds_over_histories_of_the_pegs_alone() -> None:
    did: Counter[str] = Counter()
    for seed in range(PLAIN):
        history = History(seed, deep=seed % 4 != 0)
        history.run(STEPS)
        did += history.did
    assert min(did.values()) >= PLAIN // 10 and len(did) == 17, did


def test_without_deep_reorganisations_nobody_is_paid_twice() -> None:
    for seed in range(1000, 1020):
        history = Governed(seed, deep=False)
        history.run(STEPS)
        ledger = Ledger(history.world, history.claims, history.pegouts)
        assert not ledger.overpaid
        assert all(times == 1 for times in ledger.payments.values())


@pytest.mark.parametrize("asset", [0, 1])
def test_the_law_notices_a_unit(asset: int) -> None:
    """The model is no tautology: one unit more or less anywhere breaks it."""
    history = History(7, deep=False)
    history.run(10)
    state = history.world.view
    for term in ("circulating", "pool", "owed", "lost"):
        fork = state.fork()
        move(fork, ASSETS[asset], **{term: 1})
        world = history.world.copy()
        world.side.state.take(fork.changes)
        with pytest.raises(AssertionError):
            Ledger(world, history.claims, history.pegouts).check(history.retired)
    with pytest.raises(SumExceeded):
        move(state.fork(), ASSETS[asset], pool=-(10**6))


MUTANTS = [
    (claims, "circulating"),
    (claims, "lost"),
    (claims, "donated"),
    (burns, "circulating"),
    (burns, "owed"),
    (burns, "pool"),
    (settlement, "owed"),
    (settlement, "pool"),
    (settlement, "circulating"),
    (strays, "owed"),
    (losses, "lost"),
    (orphans, "owed"),
    (custody, "circulating"),
    (custody, "pool"),
]


@pytest.mark.parametrize("room, term", MUTANTS)
def test_a_rule_that_forgets_to_move_a_term_is_caught(
    monkeypatch: pytest.MonkeyPatch, room: ModuleType, term: str
) -> None:
    def forgetful(state: Any, asset: bytes, **changes: int) -> None:
        move(state, asset, **{name: n for name, n in changes.items() if name != term})

    Governed(0, deep=True)  # the world they begin with is made by the rules as they are
    monkeypatch.setattr(room, "move", forgetful)
    assert any(caught(seed) for seed in SEEDS)


SEEDS = (1, 2, 3, 5, 6, 7, 9, 10, 11, 13, 14, 15, 17, 18, 19, 21, 22, 23, 25, 26)
"""Of histories with deep reorganisations."""


def caught(seed: int) -> bool:
    """Whether a history shows that a rule is wrong: by the law, or by a sum that cannot be."""
    try:
        Governed(seed, deep=True).run(STEPS)
    except (AssertionError, Invalid, Misuse):
        return True
    return False

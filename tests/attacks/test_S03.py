"""S03: the reserves law over random histories of both chains.

Deposits, claims, burns, batches, orders, touches, foreign spends, completions, vetoes, donations,
proofs again, refunds and reorganisations of the main chain, in any order: per asset the vault's
coins are what the sidechain owes, and what is lost is published to the unit.
"""

from collections import Counter

import pytest

from bystack.sidechain.sums import SumExceeded, move
from tests.sidechain.histories import ASSETS, History
from tests.sidechain.law import Ledger

HISTORIES, STEPS = 200, 120


def test_the_law_holds_over_random_histories() -> None:
    did: Counter[str] = Counter()
    for seed in range(HISTORIES):
        history = History(seed, deep=seed % 4 != 0)
        history.run(STEPS)
        did += history.did
    # Each kind of step happened often enough for the law to have been tried.
    assert min(did.values()) >= HISTORIES // 10 and len(did) == 17, did


def test_without_deep_reorganisations_nobody_is_paid_twice() -> None:
    for seed in range(1000, 1040):
        history = History(seed, deep=False)
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

"""K05: watchtower keys are stolen, and the thief spams veto, freeze and cancel.

He moves nothing; a freeze ends and comes again only four times as long after it; the supers'
quorum with recovery puts other guards in place. No key set alone both moves and blocks for ever.
"""

from __future__ import annotations

from itertools import combinations

import pytest
from msgspec.structs import replace

from bystack.federation.powers import powers_of
from bystack.ledger.policies import Any
from bystack.ledger.terms import TermsInvalid, check_terms, terms_hash
from bystack.ledger.vault_errors import FrozenTooOften, VaultFrozen
from bystack.ledger.vault_operations import Announce, Cancel, Freeze, Replace
from tests.ledger.vault_world import SLOW, World, key, pay, usual_terms

from .thief import ASSETS, NAMES, Theft, bytes_of, rescued

TOWERS = frozenset(("g1", "g2"))


def test_they_move_nothing() -> None:
    theft = Theft(TOWERS, answer=100, recovery=150)
    assert theft.bound.ways == () and theft.run(160) == dict.fromkeys(ASSETS, 0)


def test_four_blocks_of_five_are_free_however_often_they_freeze() -> None:
    world = World()
    world.fill_buckets()
    hoard, start, frozen, freezes = world.deposit(10**6), world.height, 0, 0
    for height in range(start, start + 500):
        world.height = height
        try:
            world.submit(world.spend(Freeze(world.state.turn), TOWERS))
            freezes += 1
        except FrozenTooOften:
            pass
        try:
            world.judge(world.order([pay(1)], [hoard]))
        except VaultFrozen:
            frozen += 1
    assert freezes == 5 and frozen == 5 * 20 == 500 // 5


def test_they_hold_up_delayed_payouts_and_new_terms_until_they_are_replaced() -> None:
    world = World()
    world.fill_buckets()
    hoard = world.deposit(1000)
    tx = world.order([pay(300)], [hoard], tier=SLOW)
    world.submit(tx)
    (pending,) = [p for p, c in world.coins.items() if getattr(c.lock, "delay", 0)]
    world.submit(world.veto(pending, TOWERS))
    announced = terms_hash(rescued())
    world.submit(world.spend(Announce(world.state.seq, announced)))
    world.submit(world.spend(Cancel(world.state.turn, announced), TOWERS))
    # Recovery with govern needs no delay, and no consent of theirs.
    honest = frozenset(NAMES) - TOWERS | {"n1", "n2"}
    world.submit(world.spend(Replace(world.state.turn, rescued()), honest))
    world.terms = rescued()
    assert not powers_of(world.terms, bytes_of(TOWERS)).guard
    with pytest.raises(Exception, match="ItemsMissing"):
        world.judge(world.spend(Freeze(world.state.turn), TOWERS))


def test_no_set_of_keys_with_one_power_has_the_other() -> None:
    """Whoever moves without recovery cannot veto; whoever vetoes without recovery cannot move.

    Both together take keys of both kinds, which the terms keep apart.
    """
    terms = usual_terms()
    moving, guarding = {"op", "s1", "s2"}, {"g1", "g2"}
    for names in (moving, guarding):
        for size in range(len(names) + 1):
            for some in combinations(sorted(names), size):
                can = powers_of(terms, bytes_of(frozenset(some)))
                assert not (can.guard and (can.tiers or can.govern))


@pytest.mark.parametrize("name", ["op", "s1", "r1"])
def test_terms_that_give_a_guards_key_another_power_are_no_terms(name: str) -> None:
    terms = usual_terms()
    both = Any((terms.guard.policy, key(name)))
    with pytest.raises(TermsInvalid, match="shared_key"):
        check_terms(replace(terms, guard=replace(terms.guard, policy=both)))

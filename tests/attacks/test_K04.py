"""K04: all member keys are stolen, the supers' included, and the largest withdrawal is tried.

With one honest watchtower the theft is at most a bucket and what refills until it acts: the large
payout is vetoed within its delay, the announcement cancelled. Measured on a vault, and compared
with the bound that `explain --leaked` prints.
"""

from __future__ import annotations

import pytest

from bystack.federation.charter import parse_charter
from bystack.federation.leak_explaining import explain_leak
from bystack.federation.leak_names import leak
from bystack.ledger.amounts import BTM
from bystack.ledger.terms import terms_hash
from bystack.ledger.transactions import Outpoint, TreasuryLock
from bystack.ledger.vault_errors import NotMature, NotRipe, VaultFrozen
from bystack.ledger.vault_operations import Adopt, Announce, Freeze
from tests.federation.charters import TRADE
from tests.federation.rosters import HOLDS, who
from tests.ledger.vault_world import GOLD, SLOW, World, pay

from .thief import ASSETS, FRESH, HOARD, Theft, own_terms

MEMBERS = frozenset(("op", "s1", "s2"))
CHARTER = parse_charter(TRADE)


@pytest.mark.parametrize("answer", [1, 6, 19])
def test_one_honest_watchtower_holds_it_to_the_buckets(answer: int) -> None:
    theft = Theft(MEMBERS, answer, recovery=20)
    assert theft.bound.answered == answer
    taken = theft.run(200)
    assert all(taken[asset] <= (theft.bound.total(asset) or 0) for asset in ASSETS)
    assert taken[BTM] >= 100 and taken[GOLD] == 50
    # The second tier waits ten blocks: a guard that sleeps longer loses its bucket too.
    assert [way.prevented for way in theft.bound.ways if way.tier == 1] == [answer < 10]
    assert (taken[BTM] >= 500) == (answer >= 10)
    assert theft.world.holdings(BTM) == HOARD - taken[BTM]


def test_all_keys_but_one_guard() -> None:
    """Recovery's too: then a replacement is the thief's at once, and that is what is printed."""
    names = frozenset(("op", "s1", "s2", "g1", "r1", "r2", "r3"))
    theft = Theft(names)
    assert theft.bound.total(BTM) is None and theft.run(1)[BTM] == HOARD
    everybody = [*(f"operator:{name}" for name in HOLDS), "tower-1", "r1", "r2", "r3"]
    found = leak(CHARTER, everybody, who())
    said = explain_leak(CHARTER, found, who())
    assert any("from the next block on. Nobody else can stop it." in line for line in said)


def test_all_hot_keys_but_one_guard() -> None:
    """Recovery keys are in their safes: a wasted freeze costs time until they are brought."""
    for spoiled in (False, True):
        theft = Theft(MEMBERS | {"g1"}, answer=3, recovery=15, spoiled=spoiled)
        assert theft.bound.answered == 15
        taken = theft.run(200)
        assert all(taken[asset] <= (theft.bound.total(asset) or 0) for asset in ASSETS)
        assert taken[BTM] >= 100
    assert taken[BTM] == theft.bound.total(BTM) == 100 + 3 * 10


def test_what_is_printed_for_all_members() -> None:
    found = leak(CHARTER, [f"operator:{name}" for name in HOLDS], who())
    said = "\n".join(explain_leak(CHARTER, found, who()))
    assert "vetoes it within 575 blocks: nothing leaves" in said
    assert "cancels it within 8063 blocks: nothing leaves" in said
    assert "BTC: at most 101.5625 until it is ended, 6 blocks after the first." in said


def test_neither_delay_nor_freeze_nor_ripening_is_hurried() -> None:
    """What the bound rests on, each a block too soon, with every member's key."""
    world = World()
    world.fill_buckets()
    hoard, evil = world.deposit(HOARD), own_terms()
    loot = [pay(400, to="thief")]
    tx = world.order(loot, [hoard], tier=SLOW, held=MEMBERS)
    world.submit(tx)
    world.submit(world.spend(Announce(world.state.seq, terms_hash(evil)), MEMBERS))
    start = world.height
    world.height = start + world.terms.tiers[SLOW].delay - 1
    with pytest.raises(NotMature):
        world.judge(world.complete(Outpoint(tx.id, 1), loot))
    world.height = start + world.terms.govern.delay - 1
    with pytest.raises(NotRipe):
        world.judge(world.spend(Adopt(evil), MEMBERS | FRESH))
    world.submit(world.spend(Freeze(world.state.turn), frozenset({"g1"})))
    world.height += world.terms.guard.freeze - 1
    rest = [(p, c) for p, c in world.coins.items() if isinstance(c.lock, TreasuryLock)]
    with pytest.raises(VaultFrozen):
        world.judge(world.order([pay(1, to="thief")], rest, held=MEMBERS))
    assert world.holdings(BTM) == HOARD

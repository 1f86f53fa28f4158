"""Shares of the pegs' fees: what refunds and sponsors may still need is not to be had."""

from __future__ import annotations

import pytest

from bystack.ledger.amounts import BTM
from bystack.sidechain import custody
from bystack.sidechain.custody import SharesShort
from bystack.sidechain.modules.base import Ending, Payment
from bystack.sidechain.modules.containment import ModuleOversteps, typed_ending
from bystack.sidechain.peg_events import (
    AnchorProved,
    BatchFormed,
    BatchPaid,
    DepositMinted,
    HeadersRelayed,
    PegoutAsked,
)
from tests.ledger.people import ALICE, BOB
from tests.sidechain.decrees import Decreed, decreed
from tests.sidechain.world import K

MEMO = BOB.lock.root


def share(amount: int) -> Payment:
    return Payment(BTM, amount, ALICE.lock.root)


def spare(made: Decreed) -> int:
    return custody.spare(made.world.view, made.world.genesis).get(BTM, 0)


def test_a_waiting_requests_fees_are_kept_for_it() -> None:
    made = decreed()
    world = made.world
    assert spare(made) == 50  # the fee of the one deposit
    world.burn(300)
    pool = world.sums().pool
    assert spare(made) == 50 and pool == 50 + 10 + 1
    made.share(share(51))
    assert world.balance(ALICE) == 0
    told = [facts for name, facts in world.side.events if name == "modulefailed"]
    assert [facts["rule"] for facts in told] == [SharesShort.__name__]
    made.share(share(50))
    assert world.balance(ALICE) == 50 and spare(made) == 0
    sums = world.sums()
    assert (sums.pool, sums.circulating) == (pool - 50, world.supply(BTM))


def test_what_is_paid_frees_what_its_sponsor_did_not_take() -> None:
    made = decreed()
    world = made.world
    world.burn(300)  # flat 4, share 6
    world.pay(0, MEMO)
    assert world.balance(BOB) == 4 and spare(made) == 50 + 6
    made.share(share(56))
    assert world.balance(ALICE) == 56 and spare(made) == 0


def test_a_refund_has_its_fees_though_all_else_was_shared() -> None:
    made = decreed()
    world = made.world
    ids = [world.burn(20) for _ in range(5)]
    made.share(share(spare(made)))
    assert spare(made) == 0
    before = world.balance(ALICE)
    made.decide(refunds=(ids[4],))
    (amount,) = [facts["amount"] for name, facts in world.side.events if name == "refunded"]
    assert amount == 20 and spare(made) == 0 and world.balance(ALICE) == before


def test_a_module_sees_what_the_pegs_did_in_its_block_and_no_other() -> None:
    made = decreed()
    world = made.world
    paid = world.deposit(200)
    world.relay(K)
    (relayed,) = made.module.seen[-1].pegs
    assert isinstance(relayed, HeadersRelayed)
    assert (relayed.height, relayed.joined, relayed.left) == (world.relayed, K + 1, 0)
    world.block(world.claim_tx(paid))
    assert made.module.seen[-1].pegs == (DepositMinted(BTM, 200, 2),)
    id = world.burn(300)
    asked, formed = made.module.seen[-1].pegs
    assert asked == PegoutAsked(id, BTM, 300, 290, 4) and formed == BatchFormed(0, 0, 1)
    world.idle()
    assert made.module.seen[-1].pegs == ()
    world.pay(0)
    proved, settled = made.module.seen[-1].pegs
    assert isinstance(proved, AnchorProved) and (proved.seq, proved.known) == (0, True)
    assert settled == BatchPaid(0)


def test_a_refused_transaction_leaves_no_event() -> None:
    made = decreed()
    world = made.world
    good, bad = world.burn_tx(300), world.burn_tx(5)
    built = world.side.build([bad, good], world.now)
    assert [error.rule for _, error in built.refused] == ["BurnBelowMinimum"]
    assert [type(event) for event in made.module.seen[-1].pegs] == [PegoutAsked, BatchFormed]


@pytest.mark.parametrize("shares", [(share(1),) * 65, ((BTM, 1, MEMO),), (share(-1),)])
def test_shares_of_another_shape_are_refused(shares: tuple[Payment, ...]) -> None:
    with pytest.raises(ModuleOversteps):
        typed_ending(Ending(shares=shares))
    assert typed_ending(Ending(shares=(share(1),))).shares == (share(1),)

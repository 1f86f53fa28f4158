"""E09 A proposer shares an epoch's fees its own way: one unit more for one, less for another.

Rule: `HeaderWrong`. Who is paid what stands in no transaction: every validator computes the shares
and the roots that follow. Invariant: each recipient gets what the work says, to the unit, or the
block gets no vote; whoever refuses has changed nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from msgspec.structs import replace as replace_field

from bystack.federation.module.application import FederationModule
from bystack.ledger.transactions import PolicyLock
from bystack.sidechain.blocks import Header
from bystack.sidechain.modules.base import (
    BlockContext,
    Ending,
    Modules,
    Payment,
    PrefixedState,
)
from bystack.sidechain.modules.stake.module import StakeModule
from bystack.sidechain.transition import HeaderWrong, apply_block
from tests.ledger.people import CAROL
from tests.sidechain.elections import FOUNDERS, Elected, elected, paying
from tests.sidechain.modules.desk import root_of
from tests.sidechain.modules.stake.table import person

Shares = tuple[Payment, ...]
MALLORY = person(66)


def more(shares: Shares) -> Shares:
    """A unit more for the first, which the last one pays."""
    first, *rest, last = shares
    return first._replace(amount=first.amount + 1), *rest, last._replace(amount=last.amount - 1)


def less(shares: Shares) -> Shares:
    """A unit of somebody's share stays among the fees."""
    return shares[0]._replace(amount=shares[0].amount - 1), *shares[1:]


def above(shares: Shares) -> Shares:
    """A unit more than was collected."""
    return shares[0]._replace(amount=shares[0].amount + 1), *shares[1:]


def elsewhere(shares: Shares) -> Shares:
    """The same amounts, one of them to somebody else."""
    return shares[0]._replace(root=root_of(MALLORY)), *shares[1:]


def left_out(shares: Shares) -> Shares:
    """Somebody is paid nothing."""
    return shares[1:]


def in_two(shares: Shares) -> Shares:
    """The same sum for everybody, in other coins."""
    first = shares[0]
    return first._replace(amount=first.amount - 1), first._replace(amount=1), *shares[1:]


class Own(StakeModule):
    """The proposer's own idea of the rewards."""

    def __init__(self, change: Callable[[Shares], Shares]) -> None:
        self.change = change

    def end(self, state: PrefixedState, block: BlockContext) -> Ending:
        ending = super().end(state, block)
        return replace(ending, rewards=self.change(ending.rewards)) if ending.rewards else ending


def earned() -> Elected:
    """The block to come shares an epoch's fees among the four founders."""
    world = elected()
    world.block(*(world.registering(one) for one in FOUNDERS))
    world.turn()
    for _ in range(5):
        world.block(world.transact(CAROL, paying([CAROL], 1)))
    world.to_end()
    return world


def proposed(world: Elected, change: Callable[[Shares], Shares]) -> tuple[Header, Shares]:
    """The block of a proposer that shares so, and what it pays whom."""
    theirs = world.copy().side
    theirs.modules = Modules([FederationModule(), Own(change)])
    built = theirs.build((), world.now, *world.parent())
    coins = built.executed.delta.created.values()
    paid = [
        Payment(c.asset, c.amount, c.lock.root) for c in coins if isinstance(c.lock, PolicyLock)
    ]
    return built.header, tuple(paid)


@pytest.mark.parametrize("change", [more, less, above, elsewhere, left_out, in_two])
def test_a_block_that_pays_anyone_otherwise_is_refused_by_all(
    change: Callable[[Shares], Shares],
) -> None:
    world = earned()
    honest, lawful = proposed(world, lambda shares: shares)
    header, paid = proposed(world, change)
    assert len(lawful) == 4 and paid != lawful
    body = world.side.build((), world.now, *world.parent()).body
    for _ in range(4):
        side = world.copy().side
        before = side.root, side.multiset, dict(side.coins)
        with pytest.raises(HeaderWrong) as refused:
            apply_block(side.genesis, side.modules, side.base, header, body)
        assert refused.value.facts["field"] == "state_root"
        assert (side.root, side.multiset, side.coins) == before
        apply_block(side.genesis, side.modules, side.base, honest, body)
    only = replace_field(header, state_root=honest.state_root)
    assert only == honest, "nothing but what was paid is wrong with it"


def test_the_lawful_block_pays_each_what_it_worked_for() -> None:
    world = earned()
    collected = world.sums().pool
    before = [world.balance(one.operator) for one in FOUNDERS]
    world.idle()
    paid = [world.balance(one.operator) - was for one, was in zip(FOUNDERS, before, strict=True)]
    assert sum(paid) == collected - world.sums().pool > 4
    assert max(paid) - min(paid) <= 1, "they signed and proposed alike"

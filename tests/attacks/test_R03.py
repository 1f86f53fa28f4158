"""R03: thousands of low-work side branches. Nothing of them is stored."""

import pytest

from bystack.mainchain.blocks import Header
from bystack.mainchain.chain import Entry
from bystack.primitives.errors import Invalid
from bystack.sidechain.actions import system_transaction
from bystack.sidechain.relay import Relay, RelayDetached, RelayNotBetter
from tests.mainchain.builders import headers_after
from tests.sidechain.world import World, ready

BRANCHES = 1_000


def refused(world: World, headers: tuple[Header, ...], error: type[Invalid]) -> None:
    ((_, given),) = world.side.build([system_transaction(Relay(headers))], world.now).refused
    assert isinstance(given, error)


def side_branches(world: World) -> list[tuple[Header, ...]]:
    """Branches of every length that does not exceed the best chain's, from every kept header."""
    made: list[tuple[Header, ...]] = []
    entries, tip = world.main.entries, world.main.height
    step = 2
    while len(made) < BRANCHES:
        for fork in range(tip - 4, tip):
            parent: Entry = entries[fork]
            headers = headers_after(parent, tip - fork, step=step)
            made += [tuple(headers[:count]) for count in range(1, len(headers) + 1)]
        step += 1
    return made


def test_no_side_branch_leaves_a_trace() -> None:
    world = ready()
    before, root = dict(world.side.state), world.side.root
    branches = side_branches(world)
    assert len({headers[-1].id for headers in branches}) >= BRANCHES // 2
    txs = [system_transaction(Relay(headers)) for headers in branches]
    built = world.side.build(txs, world.now)
    assert {error.rule for _, error in built.refused} == {"RelayNotBetter"}
    assert len(built.refused) == len(txs) and not built.executed.changes
    world.side.commit(built)
    assert dict(world.side.state) == before and world.side.root == root


def test_the_best_chain_again_and_equal_work_are_refused() -> None:
    world = ready()
    known = tuple(entry.header for entry in world.main.entries[-5:])
    refused(world, known, RelayNotBetter)
    refused(world, tuple(headers_after(world.main.entries[-2], 1, step=9)), RelayNotBetter)


def test_a_branch_from_an_unknown_header_is_refused() -> None:
    world = ready()
    aside = headers_after(world.main.entries[-3], 6, step=7)
    refused(world, tuple(aside[1:]), RelayDetached)
    with pytest.raises(Invalid):
        world.block(system_transaction(Relay((aside[0], aside[2]))))
    before = dict(world.side.state)
    world.block(system_transaction(Relay(tuple(aside))))
    assert dict(world.side.state) != before

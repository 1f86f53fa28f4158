"""P18: a block's verdict is independent of any daemon: main chain dead, lagging or ahead."""

import ast
from pathlib import Path

import pytest

import bystack.sidechain
from bystack.ledger.amounts import BTM
from bystack.primitives.errors import Invalid
from tests.sidechain.world import K, Side, World, funded, ready


def nodes(world: World) -> list[Side]:
    """The same sidechain on three nodes whose main daemons differ."""
    ahead, lagging, dead = world.copy(), world.copy(), world.copy()
    ahead.main.grow(20)
    lagging.main.reorganise(3, more=-2)
    dead.main.coins.clear()
    dead.main.entries.clear()
    return [ahead.side, lagging.side, dead.side]


def test_a_good_block_is_good_everywhere() -> None:
    world = ready()
    paid = world.deposit(1_000)
    world.relay(K)
    relay = world.copy()
    relay.main.grow(3)
    headers = relay.relay_tx()
    assert headers is not None
    built = world.side.build([headers, world.claim_tx(paid)], relay.now)
    assert not built.refused and world.supply(BTM) == 0
    results = [side.validate(built) for side in nodes(world)]
    assert all(result == results[0] for result in results)
    assert results[0].state_root == built.header.state_root


def test_a_bad_block_is_bad_everywhere() -> None:
    """Even for a node whose own main chain has buried the deposit long ago."""
    world = ready()
    paid = world.deposit(1_000)
    ahead = world.copy()
    ahead.relay(K)
    built = ahead.side.build([ahead.claim_tx(paid)], ahead.now)
    assert not built.refused
    rules = []
    for side in [*nodes(world), world.side]:
        with pytest.raises(Invalid) as caught:
            side.validate(built)
        rules.append(caught.value.rule)
    assert rules == ["NotDeepEnough"] * 4 and world.supply(BTM) == 0


def test_no_rule_of_the_sidechain_can_ask_anybody() -> None:
    root = Path(bystack.sidechain.__file__).parent
    shell = {"trio", "asyncio", "socket", "os", "io", "time", "random", "threading", "subprocess"}
    for path in root.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not {name.split(".")[0] for name in names} & shell, path
            assert not any(n.startswith(("bystack.node", "bystack.federation")) for n in names)


def test_executing_leaves_the_base_alone() -> None:
    world = funded()
    before = world.side.copy()
    world.side.build([world.burn_tx(300)], world.now)
    assert (before.state, before.coins, before.root) == (
        world.side.state,
        world.side.coins,
        world.side.root,
    )

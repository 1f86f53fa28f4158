"""P12: another asset that looks the same: one bit, the same name, the null asset.

Assets are compared as their 32 bytes, wherever they come from; a name or decimals decide nothing.
"""

from __future__ import annotations

import pytest

from bystack.ledger.amounts import BTM, AssetDefinition
from bystack.ledger.transactions import DepositLock, Output
from bystack.mainchain.issues import Issue, issued_asset
from bystack.sidechain.actions import encode_action
from bystack.sidechain.burns import AssetUnmapped
from bystack.sidechain.claims import claimable
from bystack.sidechain.peg_numbers import first_numbers, in_force
from tests.ledger.people import BOB, CAROL
from tests.sidechain.mainside import GOLD, GOLD_ISSUE
from tests.sidechain.world import K, World, asset, burn_action, funded, genesis_for, ready

TWIN = Issue(BOB.lock.root, AssetDefinition("GOLD", "oz", 0, 1, 1, b"", 0), 1_000_000)


def flips(id: bytes) -> list[bytes]:
    return [bytes(b ^ (1 << n) if i == at else b for i, b in enumerate(id))
            for at in (0, 15, 31) for n in (0, 7)]  # fmt: skip


def test_an_issue_under_the_same_name_is_another_asset() -> None:
    assert TWIN.definition.symbol == GOLD_ISSUE.definition.symbol and issued_asset(TWIN) != GOLD
    world = ready()
    twin = issued_asset(TWIN)
    world.main.mine(world.main.issue(BOB, TWIN))
    paid = world.main.send(world.main.deposit(BOB, 500, twin, world.note(CAROL)))
    world.relay(K)
    with pytest.raises(AssetUnmapped):
        world.block(world.claim_tx(paid))
    assert world.supply(GOLD) == world.supply(twin) == 0


@pytest.mark.parametrize("id", [*flips(GOLD), *flips(BTM)[:2], bytes(32)])
def test_one_bit_is_another_asset(id: bytes) -> None:
    """Also where the genesis takes the other one: each claim and burn is of its own asset."""
    world: World = funded()
    numbers, lock = in_force(world.view), DepositLock(world.main.vault, world.note(CAROL))
    assert claimable(world.genesis, numbers, Output(GOLD, 50, lock))
    assert not claimable(world.genesis, numbers, Output(id, 50, lock))
    burning = encode_action(burn_action(20, id, CAROL.lock, CAROL.lock.root))
    with pytest.raises(AssetUnmapped):
        world.block(world.transact(CAROL, actions=(burning,)))
    near = genesis_for(world.main, assets=(asset("GOLD", id), asset("BTM", BTM)))
    assert not claimable(near, first_numbers(near), Output(GOLD, 50, lock))

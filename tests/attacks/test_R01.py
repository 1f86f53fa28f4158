"""R01: one header stamped far ahead, a hundred cheap ones on top, then a claim. Depth needs work.

On a chain whose difficulty moves, a header far ahead makes what follows nearly free. Its own block
is paid for in full, so the branch has the most work; only the work rule stands in the way.
"""

import pytest

from bystack.ledger.amounts import BTM
from bystack.ledger.transactions import DepositLock
from bystack.sidechain.actions import system_transaction
from bystack.sidechain.inclusion import WorkTooLow
from bystack.sidechain.relay import Relay
from tests.ledger.people import ALICE, CAROL
from tests.mainchain.builders import MOVING
from tests.sidechain.mainside import Main
from tests.sidechain.world import K, World, genesis_for

AHEAD = 7_000


def world() -> World:
    """A chain mined faster than its spacing, so that a block takes a few hundred attempts."""
    main = Main(MOVING)
    main.grow(70)
    genesis = genesis_for(
        main,  # type: ignore[arg-type]
        main=MOVING,
        checkpoint=main.entries[1],
        time=main.tip.header.time * 1000,
    )
    made = World(main, genesis)  # type: ignore[arg-type]
    made.relay()
    return made


def work_of(world: World, height: int) -> int:
    entries = world.main.entries
    one, two = entries[height].work, entries[height - 1].work
    return int.from_bytes(one, "big") - int.from_bytes(two, "big")


def test_a_hundred_cheap_headers_are_not_deep() -> None:
    on = world()
    lock = DepositLock(on.genesis.vault, on.note(CAROL))
    paid = on.main.transfer(ALICE, lock, 1_000)
    on.main.mine(paid, time=on.main.tip.header.time + AHEAD)
    stamped = on.main.height
    for _ in range(100):
        on.main.mine(time=on.main.tip.header.time + 1_000)
    dear, cheap = work_of(on, stamped), work_of(on, stamped + 90)
    assert dear > 50 * cheap
    headers = tuple(e.header for e in on.main.entries[stamped:])
    built = on.side.build([system_transaction(Relay(headers))], headers[-1].time * 1000)
    assert not built.refused
    on.side.commit(built)
    assert on.relayed - stamped == 100 > K
    with pytest.raises(WorkTooLow):
        on.block(on.claim_tx(paid))
    assert on.supply(BTM) == 0
    # By the history root the rule falls on the header K below the tip: cheap ones before it too.


def test_honest_headers_of_the_same_number_are() -> None:
    on = world()
    lock = DepositLock(on.genesis.vault, on.note(CAROL))
    paid = on.main.send(on.main.transfer(ALICE, lock, 1_000))
    on.relay(K)
    on.block(on.claim_tx(paid))
    assert on.supply(BTM) == 990

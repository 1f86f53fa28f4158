"""What a relayer keeps, in bytes; and what it need not look at any more."""

from __future__ import annotations

import pytest

from bystack.ledger.amounts import BTM
from bystack.ledger.transactions import DepositLock, Outpoint, Output
from bystack.sidechain.holdings import Holdings
from bystack.sidechain.params import Genesis
from bystack.sidechain.relayed import (
    ChainPlace,
    Deposit,
    HeldCoin,
    KeptFound,
    OrderAt,
    Relayed,
    SpentBy,
)
from bystack.sidechain.relayer import Relayer
from bystack.sidechain.state import SystemState
from tests.ledger.people import ALICE, CAROL
from tests.sidechain.mainside import FAST, SLOW
from tests.sidechain.test_relayer import Follower
from tests.sidechain.world import K, World, funded, ready
from tests.wire import check_wire

COIN = Outpoint(b"\x01" * 32, 2)
OUTPUT = Output(BTM, 50, DepositLock(b"\x02" * 32, b"\x03" * 64))
DEPOSIT = Deposit(b"\x04" * 32, 1, OUTPUT, 6)
SPENT, ORDER = SpentBy((COIN,), b"\x05" * 32), OrderAt(3, b"\x06" * 32)
FOUND = KeptFound(9, b"\x07" * 32, (DEPOSIT,), (SPENT,), (SPENT,), (ORDER,))
HELD = HeldCoin(COIN, OUTPUT, 8, (9,))
PLACE = ChainPlace(9, b"\x07" * 32)
WIRES = {
    "relayed_deposit": DEPOSIT,
    "relayed_spent_by": SPENT,
    "relayed_order": ORDER,
    "relayed_found": FOUND,
    "relayed_held": HELD,
    "relayed_place": PLACE,
    "relayed": Relayed(b"\x08" * 32, 7, (PLACE,), (FOUND,), 9, (HELD,)),
}


@pytest.mark.parametrize("name", WIRES)
def test_golden_bytes(name: str) -> None:
    check_wire(f"sidechain_{name}", WIRES[name])


@pytest.fixture
def shallow(monkeypatch: pytest.MonkeyPatch) -> World:
    """A window of twelve headers, so that what is old is soon below it."""
    monkeypatch.setattr(Genesis, "window", property(lambda _: 12))
    return funded()


def test_what_is_proved_below_the_window_is_forgotten(shallow: World) -> None:
    """Else every deposit and payout there ever was would be looked at after each block."""
    world = shallow
    follower = Follower(world)
    world.burn(900)
    world.pay(world.open[0])
    world.deposit(500)
    dust = world.deposit(3)
    world.relay(40)
    follower.prove()
    world.relay(20)
    follower.prove()
    world.main.send(world.main.touch())
    world.relay(K)
    follower.prove()
    world.relay(13)
    follower.follow()
    follower.relayer.settle(world.view, frozenset())
    left = follower.relayer.kept
    assert [d.transaction for one in left for d in one.deposits] == [dust.id]
    assert not any(one.anchors or one.orders or one.payouts for one in left)
    assert follower.relayer.order_at(0) is None
    assert follower.relayer.proved_up_to(world.view) == world.relayed - K
    # What was not proved stays, however old, and is claimed by its block's history.
    late = world.deposit(600)
    world.relay(40)
    wants = [want for want in _fresh(follower).relayer.wanted(world.view) if want.under >= 0]
    assert [want.transaction for want in wants] == [late.id]


def _fresh(follower: Follower) -> Follower:
    follower.follow()
    return follower


def test_of_what_waits_out_its_delay_the_order_is_remembered(shallow: World) -> None:
    world = shallow
    follower = Follower(world)
    world.main.send(world.main.order((Output(BTM, 300, ALICE.lock),), SLOW))
    world.relay(40)
    follower.prove()
    assert follower.relayer.order_at(0) is not None and SLOW != FAST


def test_dust_and_donations_cost_no_look_into_the_state() -> None:
    world = ready()
    for _ in range(5):
        world.deposit(3)
        world.deposit(700, to=None)
    mine = world.deposit(50)
    world.relay(K)
    relayer = Relayer(world.genesis)
    for height, block in enumerate(world.main.line, 1):
        relayer.connect(height, block)
    asked: list[bytes] = []

    class Counted:
        def get(self, key: bytes) -> bytes | None:
            asked.append(key)
            return world.side.state.get(key)

    state = SystemState(Counted())
    assert [w.transaction for w in relayer.wanted(state)] == [mine.id]
    assert sum(key.startswith(b"claimed/") for key in asked) == 1


def test_holdings_go_on_where_they_were() -> None:
    world = funded()
    follower = Follower(world)
    again = Holdings(world.genesis)
    again.resume(follower.holdings.kept, follower.holdings.height)
    world.main.send(world.main.deposit(ALICE, 40, BTM, world.note(CAROL)))
    block, height = world.main.line[-1], world.main.height
    for one in (again, follower.holdings):
        one.connect(height, block)
    assert again.kept == follower.holdings.kept and again.height == height
    again.disconnect(height)
    assert again.height == height - 1

"""R02: the relay is starved for days, then fed cheap headers. Paused; too long, until a quorum."""

import pytest

from bystack.federation.module.actions import RESUME, Resume
from bystack.federation.module.application import FederationModule
from bystack.ledger.amounts import BTM
from bystack.sidechain.lifting import StopStands
from bystack.sidechain.modules.base import Modules
from bystack.sidechain.stops import PegsPaused, Stop
from tests.sidechain.federations import CONFIG, approved
from tests.sidechain.mainside import vault_chain
from tests.sidechain.world import K, World, genesis_for, module_config

PAUSE, STOP = 48, 576
SPACING = 150


def world() -> World:
    main = vault_chain()
    modules = (module_config("federation", CONFIG),)
    genesis = genesis_for(main, modules=modules, lag_pause=PAUSE, lag_stop=STOP)
    made = World(main, genesis, Modules([FederationModule()]))
    made.relay(K)
    made.block(made.anchor_tx(made.main.created))
    made.relay(12)
    made.pegged(3_000)
    return made


def wait(on: World, spacings: int) -> None:
    """Sidechain blocks go on; no header comes."""
    time = (on.main.tip.header.time + spacings * SPACING + 1) * 1000
    on.side.block(time=time)


def caught_up(on: World) -> None:
    """The main chain's tip is as late as the sidechain's clock."""
    now = on.side.header.time // 1000
    on.main.mine(time=now)
    on.relay()


def test_a_lag_pauses_and_clears_itself() -> None:
    on = world()
    paid = on.deposit(1_000)
    on.relay(K)
    claim, supply = on.claim_tx(paid), on.supply(BTM)
    wait(on, PAUSE)
    assert not on.side.build([claim], on.now).refused
    wait(on, PAUSE + 1)
    with pytest.raises(PegsPaused):
        on.block(claim)
    on.burn(300)
    assert not on.open and on.supply(BTM) < supply
    caught_up(on)
    on.block(claim)
    assert on.open == (0,) and not on.stops


def test_a_longer_one_waits_for_a_quorum() -> None:
    on = world()
    paid = on.deposit(1_000)
    on.relay(K)
    claim = on.claim_tx(paid)
    wait(on, STOP + 1)
    assert on.stops == Stop.LAG
    # A quorum lifts nothing while the tip is still old.
    with pytest.raises(StopStands):
        on.block(approved(on, RESUME, Resume))
    assert on.stops == Stop.LAG
    on.main.grow(10)
    on.relay()
    with pytest.raises(PegsPaused):
        on.block(claim)
    caught_up(on)
    with pytest.raises(PegsPaused):
        on.block(claim)
    assert on.stops == Stop.LAG
    on.block(approved(on, RESUME, Resume))
    assert not on.stops
    on.block(claim)

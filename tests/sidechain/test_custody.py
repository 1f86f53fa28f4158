"""Holdings and fees: a module gives what it took and what was collected, whole or not at all."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bystack.ledger.amounts import BTM
from bystack.primitives.errors import Invalid
from bystack.sidechain import custody
from bystack.sidechain.custody import HoldingsShort, PaymentInvalid, RewardsShort
from bystack.sidechain.modules.base import (
    BlockContext,
    Ending,
    Event,
    Modules,
    Payment,
    PrefixedState,
    Quiet,
)
from bystack.sidechain.stage import Stage
from bystack.sidechain.state import SystemState
from bystack.sidechain.sums import move, sums_of
from tests.sidechain.elections import FOUNDERS, made
from tests.sidechain.mainside import GOLD, vault_chain
from tests.sidechain.test_convictions import accusing, now
from tests.sidechain.world import asset, genesis_for

ROOT = b"\x05" * 32
UNITS = (asset("BTM", BTM), asset("GOLD", GOLD, unit=10, pegin_minimum=10, pegout_fee=0, fee=0))


@pytest.fixture
def stage() -> Stage:
    """100 BTM circulate, of which a module holds 60, and 25 were collected as fees."""
    genesis = genesis_for(vault_chain(), assets=UNITS)
    state = SystemState({})
    made = Stage(genesis, Modules(()), BlockContext(genesis.id, 1, 1, 1), state)
    move(state, BTM, circulating=125)
    custody.collect(state, {BTM: 25})
    custody.take(state, "bank", {BTM: 60})
    return made


def stands(stage: Stage) -> tuple[int, int, int, int]:
    """Circulating, pool, held, to be shared."""
    sums = sums_of(stage.state, BTM)
    shared = custody.unshared(stage.state, stage.genesis).get(BTM, 0)
    return sums.circulating, sums.pool, custody.held(stage.state, "bank", BTM), shared


def test_what_is_paid_leaves_the_holdings_and_circulates_as_before(stage: Stage) -> None:
    custody.pay(stage, "bank", (Payment(BTM, 20, ROOT), Payment(BTM, 40, ROOT)))
    assert stands(stage) == (100, 25, 0, 25)


def test_rewards_come_out_of_the_fees_and_forfeits_go_there(stage: Stage) -> None:
    ending = Ending(rewards=(Payment(BTM, 30, ROOT),), forfeits={BTM: 10})
    custody.end(stage, "bank", ending)
    assert stands(stage) == (100 - 10 + 30, 25 + 10 - 30, 50, 5)


WRONG: list[tuple[type[Invalid], Ending]] = [
    (HoldingsShort, Ending(payments=(Payment(BTM, 61, ROOT),))),
    (HoldingsShort, Ending(payments=(Payment(BTM, 40, ROOT), Payment(BTM, 21, ROOT)))),
    (HoldingsShort, Ending(forfeits={BTM: 61})),
    (HoldingsShort, Ending(forfeits={BTM: -1})),
    (HoldingsShort, Ending(payments=(Payment(GOLD, 10, ROOT),))),
    (RewardsShort, Ending(rewards=(Payment(BTM, 26, ROOT),))),
    (RewardsShort, Ending(rewards=(Payment(BTM, 20, ROOT), Payment(BTM, 6, ROOT)))),
    (PaymentInvalid, Ending(payments=(Payment(BTM, 0, ROOT),))),
    (PaymentInvalid, Ending(payments=(Payment(BTM, -5, ROOT), Payment(BTM, 5, ROOT)))),
    (PaymentInvalid, Ending(payments=(Payment(BTM, 5, bytes(32)),))),
    (PaymentInvalid, Ending(rewards=(Payment(b"\x07" * 32, 5, ROOT),))),
    (PaymentInvalid, Ending(payments=(Payment(GOLD, 15, ROOT),))),
]


@pytest.mark.parametrize(("error", "ending"), WRONG)
def test_what_a_module_cannot_give(stage: Stage, error: type[Invalid], ending: Ending) -> None:
    with pytest.raises(error):
        custody.end(stage, "bank", ending)
    before, state = stands(stage), dict(stage.state.changes)
    assert custody.settle(stage, "bank", lambda _: ending) == ()
    assert stands(stage) == before and dict(stage.state.changes) == state
    assert stage.events[-1].name == "modulefailed"
    assert stage.events[-1].facts["rule"] == error.__name__


def test_another_modules_holdings_are_not_ones_own(stage: Stage) -> None:
    with pytest.raises(HoldingsShort):
        custody.pay(stage, "other", (Payment(BTM, 1, ROOT),))


class Bank(Quiet):
    """Does at a conviction what it is told to."""

    name = "bank"

    def __init__(self, answer: Callable[[], Ending]) -> None:
        self.answer, self.told = answer, list[bytes]()

    def convict(self, state: PrefixedState, block: BlockContext, key: bytes) -> Ending:
        state.put(b"told", b"told")
        self.told.append(key)
        return self.answer()


def failing() -> Ending:
    raise Invalid()


@pytest.mark.parametrize("answer", [failing, lambda: Ending(forfeits={BTM: 1})])
def test_a_module_that_fails_stops_no_conviction(answer: Callable[[], Ending]) -> None:
    bank, witness = Bank(answer), Bank(lambda: Ending(events=(Event("heard", {}),)))
    witness.name = "witness"
    world = made()
    world.side.modules = Modules((*world.side.modules.modules, bank, witness))
    world.block(accusing(world, FOUNDERS[0], now(world)))
    assert world.view.get(b"module/bank/told") is None
    assert world.view.get(b"module/witness/told") is not None
    names = [name for name, _ in world.side.events]
    assert "modulefailed" in names and "misconduct" in names and "witness.heard" in names

"""A quote says before a burn what the burn then gives, or is refused as the burn is."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from bystack.client.cli.pegs import quoted
from bystack.ledger.amounts import BTM
from bystack.ledger.transactions import DepositLock, PolicyLock
from bystack.node.sidechain.rpc import quoting
from bystack.node.sidechain.rpc.quoting import Quote, quote
from bystack.primitives.errors import Invalid
from bystack.sidechain.burns import AmountNotWhole, AssetUnmapped, BurnBelowMinimum
from bystack.sidechain.burns import DestinationInvalid as Nowhere
from bystack.sidechain.gates import SOMEBODY, Gatekeeper
from bystack.sidechain.mirror import VaultUnproven
from bystack.sidechain.params import Genesis
from bystack.sidechain.stops import STOPS, Stop
from bystack.sidechain.tiering import BurnAboveCapacity
from tests.ledger.people import BOB
from tests.sidechain.mainside import vault_chain
from tests.sidechain.world import World, funded


def told(world: World, amount: int, to: PolicyLock | DepositLock = SOMEBODY) -> Quote:
    header, modules = world.side.header, world.side.modules
    keeper = Gatekeeper(world.genesis, modules, world.view, header.height, header.time)
    return quote(keeper, BTM, amount, to)


@pytest.mark.parametrize("amount", [10, 300, 1_500])
def test_the_burn_gives_what_was_quoted(amount: int) -> None:
    world = funded()
    before = told(world, amount)
    id = world.burn(amount)
    made = world.request(id)
    assert (before.payout, before.tier) == (made.payout, made.tier)
    assert before.payout + before.flat + before.share == amount == made.burned
    assert before.burns.open and before.payouts.open and before.seconds > 0
    assert before.delay == world.main.terms.tiers[made.tier].delay


def test_it_stands_behind_those_that_wait() -> None:
    """The queue's length, and the allowance that all before it take."""
    world = funded()
    first = told(world, 900)
    assert (first.before, first.wait.code) == (0, "batch")
    for _ in range(4):
        world.burn(900)
    after = told(world, 900)
    assert after.before >= 1 and after.wait.code in ("allowance", "open_batches")
    assert after.wait.blocks > 0 and after.seconds > first.seconds
    assert told(world, 900) == after, "asking changes nothing"


REFUSED: list[tuple[int, PolicyLock | DepositLock, type[Invalid]]] = [
    (9, BOB.lock, BurnBelowMinimum),
    (300, PolicyLock(bytes(32)), Nowhere),
    (300, DepositLock(bytes(32), bytes(64)), Nowhere),
]


@pytest.mark.parametrize(("amount", "to", "error"), REFUSED)
def test_it_is_refused_as_the_burn_is(
    amount: int, to: PolicyLock | DepositLock, error: type[Invalid]
) -> None:
    world = funded()
    with pytest.raises(error):
        told(world, amount, to)
    with pytest.raises(error):
        world.block(world.burn_tx(amount, to=to))


def test_above_what_any_tier_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    world = funded()
    few = replace(world.main.terms, tiers=world.main.terms.tiers[:1])
    monkeypatch.setattr(quoting, "_terms", lambda _: few)
    capacity = next(one.capacity for one in few.tiers[0].limits if one.asset == BTM)
    assert told(world, capacity).payout < capacity
    with pytest.raises(BurnAboveCapacity):
        told(world, 2 * capacity)


def test_other_assets_parts_of_units_and_a_vault_not_proved_yet() -> None:
    world = funded()
    header, modules = world.side.header, world.side.modules
    keeper = Gatekeeper(world.genesis, modules, world.view, header.height, header.time)
    with pytest.raises(AssetUnmapped):
        quote(keeper, b"\x09" * 32, 300)
    whole = replace(world.genesis.assets[0], unit=7)
    coarse: Genesis = replace(world.genesis, assets=(whole, *world.genesis.assets[1:]))
    with pytest.raises(AmountNotWhole):
        quote(keeper._replace(genesis=coarse), BTM, 300)
    with pytest.raises(VaultUnproven):
        told(World(vault_chain()), 300)


def test_what_is_shut_is_said_and_no_time_is_named() -> None:
    world = funded()
    world.side.state.take({STOPS: bytes([Stop.ORPHANED])})
    shut = told(world, 300)
    assert not shut.burns.open and not shut.payouts.open and shut.payout > 0
    assert (shut.wait.code, shut.seconds) == ("stopped", 0)


def test_a_person_reads_sentences() -> None:
    amount = {"value": 1.5, "name": "BTM"}
    form = dict.fromkeys(("burned", "payout", "pegout_fee", "basis_points_fee", "minimum"), amount)
    told = {**form, "tier": 1, "delay": 576, "before": 3, "open": True, "payouts_open": True,
            "why": [], "waits_for": "the next batch", "paid_in_about_seconds": 61}  # fmt: skip
    text = " ".join(quoted(told))
    assert "Of 1.5 BTM burned" in text and "after 576 main-chain blocks; 3 before it" in text
    assert "about 2 min; it would wait for the next batch" in text
    why = [{"rule": "LAG", "why": "the tip is old", "lifts": "newer headers"}]
    shut = " ".join(quoted({**told, "open": False, "why": why}))
    assert "cannot be burned now. LAG: the tip is old; opened by newer headers." in shut
    still = " ".join(quoted({**told, "payouts_open": False, "why": why}))
    assert "what is burned waits. LAG" in still

"""K12: members or keys are rotated during pending batches, vetoes, a pause, another rotation.

A payout that a guard may still veto, a stop, a pause, and a change that has not ended each refuse
the next one, by quorum or by votes. An ordinary batch refuses nothing: a reshare keeps the group
key, so its order is paid once and settled across the change. The invariant: what was in force
stays in force, and no request is paid twice.
"""

from collections.abc import Callable

import pytest

from bystack.federation.module.decisions import Decision, Halt, Lift, NewKey, Refresh, Remove
from bystack.federation.module.membership import (
    ChangeInFlight,
    ChangeUnsettled,
    change_of,
    coming_key,
)
from bystack.federation.module.pauses import FederationPaused
from bystack.federation.module.records import key_of, standing_of
from bystack.ledger.amounts import BTM
from bystack.ledger.transactions import Outpoint
from bystack.sidechain.records import PegoutState
from tests.federation.module.parliament import Parliament, identity
from tests.sidechain.world import K

ALL = 8
SMALL, LARGE = 200, 1_200
ROTATIONS: tuple[Decision, ...] = (Refresh(), NewKey(), Remove(identity(4), 4, 0))


def house(deposit: int = 3_000) -> Parliament:
    made = Parliament()
    if deposit:
        made.world.pegged(deposit)
    return made


def refused(here: Parliament, error: type[Exception], reason: str | None = None) -> None:
    """No rotation begins, whichever way it is decided, and nothing that stood changed."""
    before = (key_of(here.state), standing_of(here.state), change_of(here.state))
    for decision in ROTATIONS[:2]:
        with pytest.raises(error, match=reason):
            here.enact(decision)
        proposal = here.propose(decision)
        with pytest.raises(error, match=reason):
            here.vote(proposal, (1, 2))
    assert (key_of(here.state), standing_of(here.state), change_of(here.state)) == before


def allowed(here: Parliament) -> None:
    """The same rotation begins now."""
    here.enact(Refresh())
    assert change_of(here.state) is not None


def test_not_during_a_pause() -> None:
    here = house(0)
    here.enact(Halt(ALL, 20, b""))
    refused(here, ChangeUnsettled, "resume first")
    here.enact(Lift())
    allowed(here)


def test_not_during_a_stop() -> None:
    here = house()
    world = here.world
    lost = world.pegged(500)
    world.main.reorganise(world.main.height - world.main.where[lost.id][0] + 1)
    world.relay()
    world.idle()
    assert world.sums().deficit == 500 and world.stops
    refused(here, ChangeUnsettled, "a stop is in force")


@pytest.mark.parametrize("veto", [False, True])
def test_not_while_a_payout_may_be_vetoed(veto: bool) -> None:
    here = house()
    world, id = here.world, here.world.burn(LARGE)
    order = world.main.send(world.order_of(0))
    pending = Outpoint(order.id, 1)
    if veto:  # too late for it once the order is K deep
        end = world.main.send(world.main.veto(pending))
    world.prove(order)
    assert world.stands(id) == PegoutState.PENDING
    refused(here, ChangeUnsettled, "may be vetoed")
    if not veto:
        end = world.main.send(world.main.complete(pending, world.record(0).outputs))
        world.relay(K)
    world.block(world.pending_tx(end))
    assert (world.stands(id) == PegoutState.SETTLED) is not veto
    allowed(here)


@pytest.mark.parametrize("decision", ROTATIONS, ids=lambda one: type(one).__name__)
def test_not_before_another_one_ends(decision: Decision) -> None:
    here = house(0)
    here.enact(decision)
    refused(here, ChangeInFlight)
    fresh = isinstance(decision, NewKey)
    here.certify(seed=60 if fresh else 7)
    if fresh:  # the vault does not carry the new key yet: the change has not ended
        assert coming_key(here.state) is not None and key_of(here.state).epoch == 0
        refused(here, ChangeInFlight)
    else:
        allowed(here)


def paid(here: Parliament) -> int:
    """What stands in payments of the vault on the main chain."""
    world, held = here.world, 0
    for place, coin in world.main.coins.items():
        if place.transaction not in world.main.where or coin.asset != BTM:
            continue
        held += coin.amount if coin.lock == world.record(0).outputs[0].lock else 0
    return held


STEPS: dict[str, Callable[[Parliament], object]] = {
    "change": lambda here: here.enact(Refresh()),
    "certificate": lambda here: here.certify(),
    "order": lambda here: here.world.pay(0),
}


@pytest.mark.parametrize(
    "steps",
    [
        ("change", "certificate", "order"),
        ("change", "order", "certificate"),
        ("order", "change", "certificate"),
    ],
    ids="-".join,
)
def test_a_pending_batch_is_paid_once_across_a_reshare(steps: tuple[str, ...]) -> None:
    here = house()
    before, group = key_of(here.state), key_of(here.state).key
    id = here.world.burn(SMALL)
    assert list(here.world.open) == [0]
    held = paid(here)
    for step in steps:
        STEPS[step](here)
    now = key_of(here.state)
    assert (now.epoch, now.key) == (before.epoch + 1, group)
    assert here.world.stands(id) == PegoutState.SETTLED and not here.world.open
    assert paid(here) - held == here.world.request(id).payout
    here.world.relay(2 * K)
    here.world.idle(3)
    assert not here.world.open and paid(here) - held == here.world.request(id).payout


def test_a_pause_stops_no_change_that_is_under_way() -> None:
    """The old key signs until the new set is proven, so nobody is ever left without a set."""
    here = house()
    here.enact(Refresh())
    here.enact(Halt(7, 20, b""))
    with pytest.raises(FederationPaused):
        here.world.burn(SMALL)
    here.certify()
    assert key_of(here.state).epoch == 1

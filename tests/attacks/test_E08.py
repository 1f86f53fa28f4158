"""E08 An authority seals two blocks of one slot, at different heights."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from bystack.sidechain.actions import system_transaction
from bystack.sidechain.consensus import events
from bystack.sidechain.consensus.evidence import (
    EvidenceSignature,
    EvidenceUnfounded,
    TwoSeals,
    TwoVotes,
)
from bystack.sidechain.misconduct import Accuse, EvidenceKnown, convicted
from bystack.sidechain.stops import Stop
from tests.sidechain.consensus.authority.test_machine import (
    KEYS,
    MEMBERS,
    SLOT,
    begun,
    convicting,
    sealed,
)
from tests.sidechain.consensus.conformance.world import genesis
from tests.sidechain.test_misconduct import RING, _world, of_two_heights
from tests.sidechain.world import World


def meet(first: str = "low") -> list[TwoSeals]:
    """What an ordinary authority reports that sees a block on the root and, of the same slot, one
    on a block made meanwhile."""
    machine, node, (header, seal) = begun(0), MEMBERS[1].node, genesis(KEYS)
    low, below = sealed(header, seal, 5, b"low"), sealed(header, seal, 4)
    high = sealed(below.header, below.certificate, 5, b"high")
    order = (low, below, high) if first == "low" else (below, high, low)
    found = list[TwoSeals]()
    for block in order:
        found += convicting(machine.handle(events.Received(node, block), 8 * SLOT))
    return found


def refusal(world: World, evidence: TwoSeals) -> Exception:
    ((_, error),) = world.side.build([system_transaction(Accuse(evidence))], world.now).refused
    return error


@pytest.mark.parametrize("first", ["low", "high"])
def test_ordinary_authorities_find_it_once(first: str) -> None:
    (found,) = meet(first)
    assert (found.first.index, found.first.view) == (found.second.index, found.second.view)
    assert found.first.height != found.second.height


def test_the_chain_convicts_once_and_stops_its_pegs() -> None:
    world = _world("authority", "constant").copy()
    evidence = of_two_heights(world)
    world.block(system_transaction(Accuse(evidence)))
    assert convicted(world.view, world.genesis.validator_set) == (2,)
    assert world.stops == Stop.EQUIVOCATION
    assert isinstance(refusal(world, evidence), EvidenceKnown)


def test_nobody_is_framed_and_whoever_votes_by_views_has_done_nothing() -> None:
    """Under BBFT everybody commits in view 0 of every height."""
    world = _world("authority", "constant").copy()
    good = of_two_heights(world)
    forged = replace(good.second, signature=good.first.signature)
    assert isinstance(refusal(world, TwoSeals(good.first, forged)), EvidenceSignature)
    slot = replace(good.second, view=2, signature=bytes(96))
    later = replace(slot, signature=RING.sign(2, slot.digest(world.genesis.id)))
    for nothing in (TwoSeals(good.first, later), TwoSeals(good.first, good.first)):
        assert isinstance(refusal(world, nothing), EvidenceUnfounded)
    assert not convicted(world.view, world.genesis.validator_set)
    assert isinstance(refusal(_world().copy(), of_two_heights(_world())), EvidenceUnfounded)


def test_it_is_found_because_slots_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    """As votes of one height and view alone it would be none."""

    def by_height(*_: object) -> TwoVotes | None:
        return None

    monkeypatch.setattr("bystack.sidechain.consensus.authority.fetching.slot_twice", by_height)
    assert not meet("low") and not meet("high")

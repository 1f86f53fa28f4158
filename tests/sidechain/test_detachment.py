"""A reorganisation below the relay's window stops the pegs on proof, and is no relay."""

from __future__ import annotations

import msgspec
import pytest

from bystack.federation.module.actions import RESUME, Resume
from bystack.ledger.transactions import Transaction
from bystack.mainchain.chain import HeaderHistory
from bystack.primitives.merkle import ProofMismatch
from bystack.sidechain import params
from bystack.sidechain.actions import system_transaction
from bystack.sidechain.detachment import DetachmentKnown
from bystack.sidechain.lifting import StopStands
from bystack.sidechain.relay import (
    Relay,
    RelayDetached,
    RelayNotBetter,
    RelayView,
    oldest_kept,
)
from bystack.sidechain.stops import PegsPaused, Stop
from tests.sidechain.federations import approved, federated
from tests.sidechain.world import K, World, funded, ready


def detaching(world: World, work: bytes = b"") -> Transaction:
    oldest = oldest_kept(world.view, world.genesis)
    work = work or RelayView(world.view).best().work
    departure = world.main.departure(oldest.id, work)
    assert departure is not None
    return system_transaction(departure)


def leave(world: World, below: int = 2) -> None:
    """The main chain goes on from `below` headers under the oldest kept one."""
    oldest = oldest_kept(world.view, world.genesis).header.height
    world.main.reorganise(world.main.height - oldest + below)


def test_it_stops_the_pegs_and_stores_nothing_else() -> None:
    world = funded()
    paid = world.deposit(1_000)
    world.relay(K)
    claim, burn = world.claim_tx(paid), world.burn_tx(300)
    leave(world)
    before = {k: v for k, v in world.side.state.items() if k.startswith(b"relay/")}
    world.block(detaching(world))
    assert world.stops == Stop.DETACHED
    assert {k: v for k, v in world.side.state.items() if k.startswith(b"relay/")} == before
    name, facts = world.side.events[-1]
    assert (name, facts["tip"]) == ("detached", world.main.tip.id)
    for tx in (claim, burn):
        with pytest.raises(PegsPaused):
            world.block(tx)
    with pytest.raises(DetachmentKnown):
        world.block(detaching(world))


def test_a_full_window_is_left_below_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(params, "MIN_WINDOW", 1)
    world = ready()
    world.relay(40)
    oldest = oldest_kept(world.view, world.genesis).header.height
    assert oldest == world.relayed - 4 * K + 1 > world.genesis.checkpoint.header.height
    leave(world, below=1)
    world.block(detaching(world))
    assert world.stops == Stop.DETACHED


def test_within_the_window_it_is_a_relay_and_no_detachment() -> None:
    world = ready()
    oldest = oldest_kept(world.view, world.genesis)
    world.main.reorganise(world.main.height - oldest.header.height)
    assert world.main.departure(oldest.id, bytes(32)) is None
    world.relay()
    assert world.stops & Stop.DEEP_REORG and not world.stops & Stop.DETACHED


def test_strictly_more_work_and_every_header_judged() -> None:
    world = ready()
    best = RelayView(world.view).best()
    leave(world)
    equal = world.main.entries[best.header.height]
    assert equal.work == best.work
    below = (int.from_bytes(best.work, "big") - 1).to_bytes(32, "big")
    with pytest.raises(RelayNotBetter):
        world.block(detaching(world, below))
    good = world.main.departure(oldest_kept(world.view, world.genesis).id, best.work)
    assert good is not None
    bad = msgspec.structs.replace(good.headers[5], history_root=bytes(32))
    spoiled = msgspec.structs.replace(good, headers=(*good.headers[:5], bad, *good.headers[6:]))
    with pytest.raises(HeaderHistory):
        world.block(system_transaction(spoiled))
    fork = msgspec.structs.replace(good.fork, work=bytes(32))
    with pytest.raises(ProofMismatch):
        world.block(system_transaction(msgspec.structs.replace(good, fork=fork)))
    assert world.stops == Stop(0)


def test_a_quorum_cannot_resume_what_is_still_so() -> None:
    world = federated()
    world.relay(K)
    leave(world)
    tx = detaching(world)
    world.block(tx)
    with pytest.raises(StopStands):
        world.block(approved(world, RESUME, Resume))
    assert world.stops == Stop.DETACHED
    branch = tuple(entry.header for entry in world.main.entries[-5:])
    with pytest.raises(RelayDetached):
        world.block(system_transaction(Relay(branch)))

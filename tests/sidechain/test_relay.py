"""The header relay: what it keeps, what it drops, whose time counts, when it stops the pegs."""

import msgspec
import pytest

from bystack.mainchain.chain import (
    HeaderCount,
    HeaderHeight,
    HeaderHistory,
    HeaderTarget,
    HeaderTimeAhead,
    HeaderTimeOld,
)
from bystack.primitives.errors import Invalid
from bystack.sidechain.actions import NotAlone, system_transaction
from bystack.sidechain.relay import HeaderNotRelayed, Relay, RelayDetached, RelayView
from bystack.sidechain.stops import Stop
from tests.ledger.people import ALICE
from tests.mainchain.builders import EASY, headers_after
from tests.sidechain.mainside import vault_chain
from tests.sidechain.world import K, World, ready


def kept(world: World) -> list[bytes]:
    return [key for key in world.side.state if key.startswith(b"relay/")]


def test_it_begins_at_the_checkpoint() -> None:
    world = World(vault_chain())
    view = RelayView(world.view)
    assert view.best() == world.genesis.checkpoint and view.tip() == world.genesis.checkpoint.id
    assert not view.holds(world.genesis.checkpoint.header.height - 1)
    with pytest.raises(HeaderNotRelayed):
        view.at(0)


def test_it_follows_the_best_chain_entry_by_entry() -> None:
    world = ready()
    view = RelayView(world.view)
    for entry in world.main.entries[world.genesis.checkpoint.header.height :]:
        assert view.at(entry.header.height) == entry == view.entry(entry.id)
    old = world.main.entries[-3:]
    world.main.reorganise(3, more=2)
    world.relay()
    view = RelayView(world.view)
    assert all(view.entry(entry.id) is None for entry in old)
    assert view.best() == world.main.tip
    assert all(view.at(e.header.height) == e for e in world.main.entries[-5:])


def test_a_window_is_kept_and_no_more() -> None:
    world = ready()
    world.relay(1_500)
    window = world.genesis.window
    view = RelayView(world.view)
    tip = world.relayed
    assert view.holds(tip - window + 1) and not view.holds(tip - window)
    assert len(kept(world)) == 2 * window + 1
    world.main.grow(7)
    world.relay()
    assert len(kept(world)) == 2 * window + 1
    # A branch from below the window is detached.
    low = world.main.entries[world.relayed - window - 5]
    with pytest.raises(RelayDetached):
        world.block(system_transaction(Relay(tuple(headers_after(low, 3, step=9)))))


def test_the_time_is_that_of_the_block_that_carries_it() -> None:
    world = ready()
    last = world.main.tip.header.time
    far = headers_after(world.main.tip, 1, step=20_000)
    tx = system_transaction(Relay(tuple(far)))
    assert far[0].time == last + 20_000
    early = (far[0].time - EASY.tolerance) * 1000 - 1
    ((_, error),) = world.side.build([tx], early).refused
    assert isinstance(error, HeaderTimeAhead)
    assert not world.side.build([tx], early + 1).refused


def test_each_header_rule_holds_in_a_branch() -> None:
    world = ready()
    good = headers_after(world.main.tip, 3)
    spoiled: dict[type[Invalid], dict[str, object]] = {
        HeaderHistory: {"history_root": bytes(32)},
        HeaderTarget: {"target": 0x207FFFFE},
        HeaderTimeOld: {"time": 1},
        HeaderHeight: {"height": 9},
        HeaderCount: {"transaction_count": 0},
    }
    for error, fields in spoiled.items():
        for at in range(3):
            bad = msgspec.structs.replace(good[at], **fields)
            headers = (*good[:at], bad, *good[at + 1 :])
            before = dict(world.side.state)
            with pytest.raises(error):
                world.block(system_transaction(Relay(headers)))
            assert dict(world.side.state) == before
    world.block(system_transaction(Relay(tuple(good))))


def test_a_relay_is_a_transaction_of_its_own() -> None:
    world = ready()
    headers = tuple(headers_after(world.main.tip, 1))
    (tx, pays) = system_transaction(Relay(headers)), world.deposit(1_000, to=ALICE)
    with pytest.raises(NotAlone):
        world.block(system_transaction(Relay(headers), pays.body.outputs[1:]))
    world.block(tx)


@pytest.mark.parametrize(("depth", "stops"), [(K, Stop(0)), (K + 1, Stop.DEEP_REORG)])
def test_a_reorganisation_deeper_than_k_stops_the_pegs(depth: int, stops: Stop) -> None:
    world = ready()
    world.main.reorganise(depth)
    world.relay()
    assert world.stops == stops


def test_headers_known_already_may_lead_a_branch() -> None:
    world = ready()
    known = [entry.header for entry in world.main.entries[-4:]]
    new = headers_after(world.main.tip, 2)
    world.block(system_transaction(Relay((*known, *new))))
    assert world.relayed == world.main.height + 2

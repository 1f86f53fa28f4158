"""What a user is told at each moment of a peg-out; the estimate shrinks to nothing."""

from __future__ import annotations

import pytest

from bystack.federation.module.actions import PAUSE, Pause
from bystack.federation.module.pauses import BATCHES
from bystack.federation.warrants import TOUCH_AFTER
from bystack.ledger.transactions import Outpoint
from bystack.ledger.vault_operations import Freeze
from bystack.node.sidechain.rpc import standing as rpc
from bystack.node.sidechain.rpc.standing import (
    Sight,
    Signing,
    Standing,
    Wait,
    pegout_state,
    seconds,
)
from bystack.sidechain.gates import Gate, Gatekeeper, Hold
from bystack.sidechain.records import PegoutState
from bystack.sidechain.stops import STOPS, Stop
from tests.attacks.test_W18 import federated_funds
from tests.sidechain.federations import approved
from tests.sidechain.histories import History
from tests.sidechain.mainside import SLOW
from tests.sidechain.test_batches import burn_many
from tests.sidechain.world import K, World, funded

SIGNED = Signing(2, 2, (), complete=True, sent=False)


def standing(world: World, id: bytes, sight: Sight = Sight()) -> Standing:  # noqa: B008
    header = world.side.header
    modules = world.side.modules
    keeper = Gatekeeper(world.genesis, modules, world.view, header.height, header.time)
    return Standing(keeper, id, world.request(id), sight)


def wait(world: World, id: bytes, sight: Sight = Sight()) -> Wait:  # noqa: B008
    return standing(world, id, sight).wait()


def test_a_small_payout_from_the_burn_to_the_end() -> None:
    world = funded()
    id = world.burn(300)
    seen = [wait(world, id)]
    assert (seen[0].code, seen[0].side) == ("burial", 1)
    world.idle()
    seen.append(wait(world, id))
    assert seen[-1].code == "signatures" and "federation pending" in seen[-1].reason
    half = Sight(signing=Signing(1, 2, ("m1", "m2"), complete=False, sent=False))
    seen.append(wait(world, id, half))
    assert "weight 1 of 2; missing: m1, m2" in seen[-1].reason
    seen.append(wait(world, id, Sight(signing=SIGNED)))
    assert seen[-1].code == "block" and "a member whose turn" in seen[-1].reason
    seen.append(wait(world, id, Sight(signing=SIGNED._replace(sent=True))))
    assert (seen[-1].code, seen[-1].blocks) == ("block", 1)
    order = world.main.send(world.order_of(0))
    mined = Sight(world.main.height)
    world.relay(2)
    seen.append(wait(world, id, mined))
    assert (seen[-1].code, seen[-1].blocks) == ("headers", K - 2)
    world.relay(K - 2)
    assert wait(world, id, mined).code == "proof"
    world.block(world.anchor_tx(order))
    assert wait(world, id) == Wait("nothing", "")
    assert pegout_state(world.view, world.request(id)) == "settled"
    left = [seconds(standing(world, id).keeper, *standing(world, id).arrives(one)) for one in seen]
    assert left == sorted(left, reverse=True) and left[-1] == 0


def test_the_allowance_must_cover_all_before_it() -> None:
    world = funded()
    first, second, third = burn_many(world, [900, 600, 900])
    assert world.stands(first) == PegoutState.BATCHED
    found = wait(world, second)
    # 120 free of 1,000; 500 more every two blocks; 584 paid out.
    assert (found.code, found.blocks) == ("allowance", 2) and "0 before it" in found.reason
    found = wait(world, third)
    assert (found.code, found.blocks) == ("allowance", 6) and "1 before it" in found.reason


def test_four_open_batches_are_waited_for() -> None:
    world = funded()
    for _ in range(4):
        world.burn(20)
    assert wait(world, world.burn(20)).code == "open_batches"


@pytest.mark.parametrize("stops", [Stop.DEEP_REORG, Stop.EQUIVOCATION])
def test_a_stop_says_what_lifts_it(stops: Stop) -> None:
    world = funded()
    for _ in range(4):
        world.burn(20)
    id = world.burn(20)
    fork = world.view.fork()
    fork.write(STOPS, int(stops))
    world.side.state.take(fork.changes)
    found = wait(world, id)
    assert found.code == "stopped" and "what lifts it: a quorum" in found.reason


def test_a_pause_says_when_it_ends() -> None:
    world = federated_funds()
    world.block(approved(world, PAUSE, lambda nonce: Pause(nonce, BATCHES, "test"), (0,)))
    id = world.burn(100)
    found = wait(world, id)
    assert found.code == "stopped" and "what lifts it" in found.reason


def test_signing_that_is_held_says_so() -> None:
    world = funded()
    id = world.burn(300)
    world.idle()
    hold = Hold("FederationPaused", "signing is paused", None, world.relayed + 9, "a quorum")
    found = wait(world, id, Sight(held=Gate("signing", (hold,))))
    assert (found.code, found.blocks) == ("signing", 9)


def test_a_large_payout_waits_out_its_delay() -> None:
    world = funded()
    id = world.burn(1_500)
    assert world.request(id).tier == SLOW
    order = world.main.send(world.order_of(0))
    ordered = world.main.height
    world.relay(K)
    world.block(world.anchor_tx(order))
    found = wait(world, id, Sight(ordered))
    assert (found.code, found.blocks) == ("delay", 1) and "a guard may veto" in found.reason
    done = world.main.send(world.main.complete(Outpoint(order.id, 1), world.record(0).outputs))
    resolved = world.main.height
    world.relay(1)
    found = wait(world, id, Sight(ordered, resolved))
    assert (found.code, found.blocks) == ("headers", K - 1)
    world.relay(K - 1)
    world.block(world.pending_tx(done))
    assert wait(world, id).code == "nothing"


def test_what_a_guard_sent_back_and_what_a_reorganisation_took_is_told() -> None:
    world = funded()
    id = world.burn(1_500)
    order = world.main.send(world.order_of(0))
    veto = world.main.send(world.main.veto(Outpoint(order.id, 1)))
    for _ in range(4):
        world.burn(20)
    world.relay(K)
    world.block(world.anchor_tx(order), world.pending_tx(veto))
    assert pegout_state(world.view, world.request(id)) in ("vetoed", "batched")
    assert world.request(id).vetoes == 1
    small = world.record(1).requests[0]
    world.pay(1)
    assert pegout_state(world.view, world.request(small)) == "settled"
    world.main.reorganise(K + 1)
    world.relay()
    assert pegout_state(world.view, world.request(small)) == "orphaned"
    world.pay(1)
    assert pegout_state(world.view, world.request(small)) == "settled"


def test_a_frozen_vault_is_told_and_until_when() -> None:
    world = funded()
    chain = world.main
    spent = chain.send(chain.spend(Freeze(chain.state.turn)))
    world.relay(K)
    world.block(world.anchor_tx(spent))
    id = world.burn(300)
    world.idle(2)
    found = wait(world, id, Sight(signing=SIGNED))
    assert (found.code, found.blocks) == ("frozen", chain.state.frozen_until - world.relayed)
    ends = standing(world, id).arrives(found)
    assert ends == (found.blocks, 0)
    world.relay(found.blocks)
    assert wait(world, id, Sight(signing=SIGNED)).code == "block"


def test_an_order_is_sent_after_those_before_it() -> None:
    world = funded()
    first, second = world.burn(300), world.burn(300)
    world.idle(2)
    assert wait(world, first, Sight(signing=SIGNED)).code == "block"
    found = wait(world, second, Sight(signing=SIGNED))
    assert (found.code, found.blocks) == ("sending", 2) and "0 is the first" in found.reason


def test_an_order_that_new_terms_do_not_pay_waits_to_be_voided(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nobody is sent after signatures that could not help."""
    world = funded()
    id = world.burn(300)
    world.idle(2)
    monkeypatch.setattr(rpc, "pays", lambda *_: False)
    found = wait(world, id)
    assert found.code == "void" and found.blocks == TOUCH_AFTER + K


def test_no_moment_is_silent() -> None:
    """Of what is not over it is told what it waits for, in words and for programs."""
    history = History(11, deep=True)
    seen: set[str] = set()
    over = (PegoutState.SETTLED, PegoutState.REFUNDED)
    for _ in range(40):
        history.run(3)
        for id in history.pegouts:
            found = wait(history.world, id)
            done = history.world.stands(id) in over
            assert (found.code == "nothing") == done and bool(found.reason) != done
            seen.add(found.code)
    assert {"nothing", "stopped", "signatures"} <= seen

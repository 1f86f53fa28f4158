"""What a reorganisation deeper than K takes back, and that nobody is paid twice where it can be
helped."""

import pytest

from bystack.federation.module.actions import REFUND, RESUME, RefundRequests, Resume
from bystack.ledger.amounts import BTM
from bystack.ledger.transactions import Outpoint, Output, Transaction
from bystack.sidechain import queue
from bystack.sidechain.lifting import StopStands
from bystack.sidechain.records import MIRROR, BatchState, Mirror, PegoutState
from bystack.sidechain.stops import Stop
from tests.ledger.people import ALICE
from tests.sidechain.federations import approved, federated
from tests.sidechain.mainside import FAST, SLOW, vault_chain
from tests.sidechain.world import K, World

LARGE = 1_500


def founded() -> World:
    """With a federation that can resume, 5,000 paid in long before anything is reorganised."""
    world = federated()
    world.relay(K)
    world.block(world.anchor_tx(world.main.created))
    world.relay(12)
    world.pegged(5_000)
    world.relay(3 * K)
    return world


def resume(world: World) -> None:
    world.block(approved(world, RESUME, Resume))


def away(world: World, depth: int, *again: Transaction) -> list[Transaction]:
    """Reorganise the main chain, relay it, then mine what is to come again."""
    gone = world.main.reorganise(depth)
    world.relay()
    for tx in again:
        world.main.mine(tx)
    return gone


def test_a_settled_order_reopens_with_its_seq_and_is_sent_again() -> None:
    world = founded()
    id = world.burn(300)
    order = world.pay(0)
    assert world.stands(id) == PegoutState.SETTLED
    assert order in away(world, K + 1)
    assert world.stands(id) == PegoutState.BATCHED and world.open == (0,)
    assert world.batch(0).state == BatchState.OPEN
    assert world.sums().owed == 290 and world.stops == Stop.DEEP_REORG
    spend = world.pay(0)
    assert spend.body.actions == order.body.actions
    assert world.stands(id) == PegoutState.SETTLED and world.sums().owed == 0
    assert world.sums().lost == 0


def test_a_shallower_reorganisation_takes_nothing_back() -> None:
    world = founded()
    id = world.burn(300)
    order = world.main.send(world.order_of(0))
    world.relay(K)
    world.block(world.anchor_tx(order))
    away(world, K)
    assert world.stands(id) == PegoutState.SETTLED and not world.stops


def test_the_creation_itself_can_be_taken_back() -> None:
    world = World(vault_chain())
    world.relay(K)
    world.block(world.anchor_tx(world.main.created))
    spend = world.prove(world.main.send(world.main.touch()))
    # Both go; the coinbases that paid for them are older.
    depth = world.main.height - world.main.where[world.main.created.id][0] + 1
    assert {world.main.created, spend} <= set(away(world, depth))
    assert world.view.read(Mirror, MIRROR) is None
    world.main.mine(world.main.created)
    world.relay(K)
    world.block(world.anchor_tx(world.main.created))
    assert world.view.read(Mirror, MIRROR) is not None


def test_a_void_that_is_undone_takes_its_requests_out_of_the_queue() -> None:
    """Else they would go out under a new seq while the old order can still be mined."""
    world = founded()
    id = world.burn(300)
    order = world.order_of(0)
    touch = world.main.send(world.main.touch())
    world.relay(K - 1)
    # Three more open, so that the request waits when it comes back.
    others = [world.burn(20) for _ in range(3)]
    world.burn(20)
    world.relay(1)
    world.block(world.anchor_tx(touch))
    assert world.batch(0).state == BatchState.VOIDED
    (seq,) = [s for s in world.open if id in world.record(s).requests]
    assert seq == 4
    away(world, K + 1)
    # It went on already: the void stays, and the old order must not be sent.
    assert world.batch(0).state == BatchState.VOIDED and world.open == (1, 2, 3, 4)
    world.main.mine(order)
    world.relay(K)
    world.block(world.anchor_tx(order))
    # It was mined all the same: one payment too early, counted, and the pegs stand still.
    assert world.sums().lost == 290 and Stop.UNKNOWN_SPEND in world.stops
    # The members void the seq it went on to: what was paid is what was owed.
    for seq in (1, 2, 3):
        world.pay(seq)
    world.prove(world.main.send(world.main.touch()))
    assert world.stands(id) == PegoutState.SETTLED and world.request(id).seq == 0
    assert world.sums().lost == 0 and world.sums().owed == sum(
        world.request(i).payout for i in _waiting(world)
    )
    assert [world.stands(i) for i in others] == [PegoutState.SETTLED] * 3


def _waiting(world: World) -> list[bytes]:
    ids = [key[len(b"pegout/") :] for key in world.side.state if key.startswith(b"pegout/")]
    done = (PegoutState.SETTLED, PegoutState.REFUNDED)
    return [id for id in ids if world.stands(id) not in done]


def stopped_with_queue() -> tuple[World, bytes, Transaction, Transaction]:
    """A touch voids a batch in the block that a stop is in force: its request waits."""
    world = founded()
    id = world.burn(300)
    order = world.order_of(0)
    touch = world.main.send(world.main.touch())
    world.relay(K)
    fork = world.view.fork()
    fork.write(b"stops/", int(Stop.DEEP_REORG))
    world.side.state.take(fork.changes)
    world.block(world.anchor_tx(touch))
    assert world.stands(id) == PegoutState.REQUESTED and queue.length(world.view, FAST) == 1
    return world, id, order, touch


def test_a_request_that_still_waits_is_owned_by_its_old_seq_again() -> None:
    world, id, order, touch = stopped_with_queue()
    assert touch in away(world, K + 1)
    assert world.stands(id) == PegoutState.BATCHED and world.open == (0,)
    assert queue.length(world.view, FAST) == 0
    with pytest.raises(Exception, match="NotRefundable"):
        world.block(approved(world, REFUND, lambda n: RefundRequests(n, (id,))))
    world.main.mine(order)
    world.prove(order)
    assert world.stands(id) == PegoutState.SETTLED and world.sums().owed == 0


def test_a_refunded_request_whose_old_order_executes_is_counted_once() -> None:
    world, id, order, touch = stopped_with_queue()
    world.block(approved(world, REFUND, lambda n: RefundRequests(n, (id,))))
    assert touch in away(world, K + 1, order)
    world.prove(order)
    assert world.stands(id) == PegoutState.REFUNDED and world.sums().lost == 290
    # And taken back with the block it rests on.
    assert order in away(world, K + 1)
    assert world.sums().lost == 0 and world.stands(id) == PegoutState.REFUNDED


def delayed() -> tuple[World, bytes, Transaction, Transaction]:
    """A large peg-out, its order and its completion, both proved."""
    world = founded()
    id = world.burn(LARGE)
    order = world.pay(0)
    done = world.main.send(world.main.complete(Outpoint(order.id, 1), world.record(0).outputs))
    world.relay(K)
    world.block(world.pending_tx(done))
    assert world.stands(id) == PegoutState.SETTLED
    return world, id, order, done


def test_a_completion_taken_back_is_pending_again() -> None:
    world, id, order, done = delayed()
    assert done in away(world, K + 1)
    assert world.stands(id) == PegoutState.PENDING and world.batch(0).state == BatchState.PENDING
    assert world.sums().owed == world.request(id).payout and order.id in world.main.where
    world.main.mine(done)
    world.relay(K)
    world.block(world.pending_tx(done))
    assert world.stands(id) == PegoutState.SETTLED and world.sums().owed == 0


def test_a_completion_taken_back_with_its_order() -> None:
    world, id, order, done = delayed()
    depth = world.main.height - world.main.where[order.id][0] + 1
    assert {order, done} <= set(away(world, depth))
    assert world.stands(id) == PegoutState.BATCHED and world.open == (0,)
    assert world.sums().owed == world.request(id).payout
    world.main.mine(order)
    world.prove(order)
    assert world.stands(id) == PegoutState.PENDING


def test_a_veto_taken_back_is_pending_again_and_may_complete() -> None:
    world = founded()
    id = world.burn(LARGE)
    order = world.main.send(world.order_of(0))
    veto = world.main.send(world.main.veto(Outpoint(order.id, 1)))
    world.relay(K)
    fork = world.view.fork()
    fork.write(b"stops/", int(Stop.DEEP_REORG))
    world.side.state.take(fork.changes)
    world.block(world.anchor_tx(order), world.pending_tx(veto))
    assert world.stands(id) == PegoutState.REQUESTED and world.request(id).vetoes == 1
    assert veto in away(world, K + 1)
    assert world.stands(id) == PegoutState.PENDING and world.request(id).vetoes == 0
    assert queue.length(world.view, SLOW) == 0
    done = world.main.send(world.main.complete(Outpoint(order.id, 1), world.record(0).outputs))
    world.relay(K)
    world.block(world.pending_tx(done))
    assert world.stands(id) == PegoutState.SETTLED and world.sums().owed == 0


@pytest.mark.parametrize("tier", [FAST, SLOW])
def test_an_unknown_order_is_lost_when_it_leaves_and_found_when_it_returns(tier: int) -> None:
    world = founded()
    theft = (Output(BTM, 90, ALICE.lock),)
    order = world.prove(world.main.send(world.main.order(theft, tier)))
    assert Stop.UNKNOWN_SPEND in world.stops
    leaving = order
    if tier == SLOW:
        assert world.sums().lost == 0
        leaving = world.main.send(world.main.complete(Outpoint(order.id, 1), theft))
        world.relay(K)
        world.block(world.pending_tx(leaving))
    assert world.sums().deficit == 90
    assert leaving in away(world, K + 1)
    assert world.sums().lost == 0
    world.relay(K)
    resume(world)
    # A coin that may still be paid out keeps its stop.
    assert world.stops == (Stop.UNKNOWN_SPEND if tier == SLOW else Stop(0))
    world.main.mine(leaving)
    world.relay(K)
    again = world.pending_tx(leaving) if tier == SLOW else world.anchor_tx(leaving)
    world.block(again)
    assert world.sums().deficit == 90


def test_an_unknown_delayed_order_that_is_vetoed_loses_nothing() -> None:
    world = founded()
    order = world.main.send(world.main.order((Output(BTM, 90, ALICE.lock),), SLOW))
    veto = world.main.send(world.main.veto(Outpoint(order.id, 1)))
    world.relay(K)
    world.block(world.anchor_tx(order), world.pending_tx(veto))
    assert world.sums().lost == 0 and world.stops == Stop.UNKNOWN_SPEND
    resume(world)
    assert not world.stops


def test_a_deficit_keeps_its_stop_whatever_a_quorum_says() -> None:
    world = founded()
    world.prove(world.main.send(world.main.order((Output(BTM, 90, ALICE.lock),), FAST)))
    with pytest.raises(StopStands, match="90 units of BTM are missing"):
        resume(world)
    assert world.stops == Stop.UNKNOWN_SPEND
    gift = world.deposit(90, to=None)
    world.relay(K)
    world.block(world.donate_tx(gift))
    assert world.stops == Stop.UNKNOWN_SPEND
    resume(world)
    assert not world.stops and world.sums().deficit == 0


def test_an_order_that_is_not_the_batch_voids_it() -> None:
    world = founded()
    id = world.burn(300)
    theft = world.main.send(world.main.order((Output(BTM, 290, ALICE.lock),)))
    world.prove(theft)
    assert world.batch(0).state == BatchState.VOIDED and world.sums().lost == 290
    assert world.stands(id) == PegoutState.REQUESTED and not world.open
    assert world.sums().owed == 290

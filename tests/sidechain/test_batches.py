"""Batches: who goes when, in which tier, by which bucket, and how many at once."""

import pytest

from bystack.federation.module.actions import PAUSE, Pause
from bystack.federation.module.pauses import BATCHES
from bystack.ledger.amounts import BTM
from bystack.ledger.transactions import Output
from bystack.sidechain import queue
from bystack.sidechain.actions import encode_action
from bystack.sidechain.batches import open_seqs
from bystack.sidechain.records import MAX_BATCH, BatchState, PegoutState, pegout_id
from tests.attacks.test_W18 import federated_funds
from tests.ledger.people import BOB, CAROL, Person
from tests.sidechain.federations import approved
from tests.sidechain.mainside import FAST, GOLD, OPEN_ENDED, SLOW
from tests.sidechain.world import K, World, burn_action, funded


def burn_many(world: World, amounts: list[int], asset: bytes = BTM) -> list[bytes]:
    """Up to 16 burns in one transaction; the peg-outs' ids."""
    actions = [
        encode_action(burn_action(amount, asset, CAROL.lock, CAROL.lock.root)) for amount in amounts
    ]
    tx = world.transact(CAROL, actions=actions, destroyed=sum(amounts), asset=asset)
    world.block(tx)
    return [pegout_id(world.genesis.id, tx.id, index) for index in range(len(amounts))]


def test_a_batch_is_formed_in_the_block_of_the_burn() -> None:
    world = funded()
    ids = burn_many(world, [100, 200, 300])
    record = world.record(0)
    assert record.requests == tuple(ids) and record.tier == FAST and record.seq == 0
    assert record.outputs == tuple(Output(BTM, a, CAROL.lock) for a in (94, 192, 290))
    assert record.vault == world.main.vault and world.batch(0).state == BatchState.OPEN


def test_the_bucket_bounds_what_is_open_together() -> None:
    """1,000 at once and 500 more every two main-chain blocks, in the order of the burns."""
    world = funded()
    ids = burn_many(world, [600, 600, 50])
    # The second does not fit, and nobody overtakes it.
    assert world.record(0).requests == (ids[0],)
    world.idle(3)
    assert world.open == (0,)
    world.pay(0)
    # Six blocks and more went by: the bucket is full again.
    world.idle()
    assert world.record(1).requests == (ids[1], ids[2])


def test_open_batches_count_against_the_bucket_until_proved() -> None:
    world = funded()
    burn_many(world, [900])
    second = burn_many(world, [900])
    world.relay(4)
    world.idle(2)
    # Full at the tip, but the open order may still draw it.
    assert world.open == (0,) and world.stands(second[0]) == PegoutState.REQUESTED
    world.main.send(world.order_of(0))
    world.relay(K - 1)
    assert world.stands(second[0]) == PegoutState.REQUESTED


def test_at_most_four_are_open_and_seqs_never_repeat() -> None:
    world = funded()
    for _ in range(6):
        world.burn(20)
    assert world.open == (0, 1, 2, 3)
    assert queue.length(world.view, FAST) == 2
    world.pay(0)
    assert world.open == (1, 2, 3, 4) and len(world.record(4).requests) == 2
    world.prove(world.main.send(world.main.touch()))
    assert world.open == (2, 3, 4, 5)


def test_the_first_seq_is_the_mirrors() -> None:
    world = funded()
    for _ in range(3):
        world.prove(world.main.send(world.main.touch()))
    world.burn(20)
    assert world.open == (3,)


def test_a_hundred_at_most() -> None:
    world = funded()
    # Four open batches of one each, so that the rest piles up.
    for _ in range(4):
        world.burn(10)
    for _ in range(8):
        burn_many(world, [10] * 14)
    assert queue.length(world.view, FAST) == 112 and world.open == (0, 1, 2, 3)
    world.pay(0)
    assert len(world.record(4).requests) == MAX_BATCH
    assert queue.length(world.view, FAST) == 12
    spend = world.main.send(world.order_of(1))
    world.prove(spend)
    assert len(world.record(5).requests) == 12


def test_each_tier_has_its_own_queue_and_the_first_goes_first() -> None:
    world = funded()
    large = world.burn(1_500)
    small = world.burn(100)
    assert (world.request(large).tier, world.request(small).tier) == (SLOW, FAST)
    assert world.record(0).tier == SLOW and world.record(1).tier == FAST


def test_a_delayed_batch_is_of_one_asset() -> None:
    world = funded()
    first = world.burn(1_100)
    for _ in range(3):
        world.burn(20)
    later = [world.burn(1_100), world.burn(1_000, asset=GOLD), world.burn(700, asset=GOLD)]
    assert world.open == (0, 1, 2, 3)
    assert world.record(0).requests == (first,)
    assert queue.length(world.view, SLOW) == 3
    world.pay(0)
    assert world.record(4).requests == (later[0],)
    world.pay(1)
    assert world.record(5).requests == tuple(later[1:])


def test_one_block_forms_one_batch() -> None:
    world = funded()
    small = encode_action(burn_action(20, BTM, CAROL.lock, CAROL.lock.root))
    large = encode_action(burn_action(1_500, BTM, CAROL.lock, CAROL.lock.root))
    world.block(world.transact(CAROL, actions=(large, small), destroyed=1_520))
    assert len(world.open) == 1 and world.record(0).tier == FAST
    world.idle()
    assert len(world.open) == 2 and world.record(1).tier == SLOW


def test_what_no_limit_covers_goes_to_the_tier_without() -> None:
    world = funded()
    world.pegged(4_000)
    id = world.burn(4_500)
    assert world.request(id).tier == OPEN_ENDED and world.record(0).tier == OPEN_ENDED


def test_a_paused_federation_forms_none() -> None:
    world = federated_funds()
    world.block(approved(world, PAUSE, lambda nonce: Pause(nonce, BATCHES, "test"), (0,)))
    world.burn(100)
    assert not open_seqs(world.view)
    world.relay(719)
    world.idle()
    assert not open_seqs(world.view)
    world.relay(1)
    world.idle()
    assert open_seqs(world.view) == (0,)


@pytest.mark.parametrize("owner", [BOB, CAROL])
def test_batching_does_not_care_who_burned(owner: Person) -> None:
    world = funded()
    world.block(world.transact(CAROL, (Output(BTM, 500, BOB.lock),)))
    assert world.stands(world.burn(300, owner)) == PegoutState.BATCHED

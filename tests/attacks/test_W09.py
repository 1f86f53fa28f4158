"""W09: whoever proposes or assembles leaves one request out, for ever.

He has nothing to leave it out with. Batches are formed by the chain's own transition, first come
first served: a block whose batch skips the head of a queue is no block. Who does not send what
is signed is passed over by the next member's turn (`tests/node/federation/test_sending.py`).
"""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from bystack.primitives.codec import encode
from bystack.sidechain import batches
from bystack.sidechain.records import BatchRecord, PegoutState
from bystack.sidechain.transition import HeaderWrong
from tests.attacks.test_W18 import federated_funds
from tests.sidechain.mainside import GOLD
from tests.sidechain.test_batches import burn_many
from tests.sidechain.world import World, funded


def waiting() -> tuple[World, list[bytes]]:
    """Four batches are open, and two requests wait for the next."""
    world = funded()
    for _ in range(4):
        world.burn(20)
    return world, burn_many(world, [30, 40])


def test_a_block_that_skips_the_head_of_the_queue_gets_no_vote(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world, (victim, favoured) = waiting()
    spend = world.main.send(world.order_of(0))
    world.relay(6)
    honest = batches._pick
    monkeypatch.setattr(batches, "_pick", lambda *asked: honest(*asked)[1:])
    censored = world.side.build([world.anchor_tx(spend)], world.now)
    monkeypatch.undo()
    with pytest.raises(HeaderWrong) as caught:
        world.side.validate(censored)
    assert caught.value.facts["field"] in ("state_root", "outbox_root")
    world.block(world.anchor_tx(spend))
    assert world.record(4).requests == (victim, favoured)


def test_an_empty_block_batches_it_all_the_same() -> None:
    """The proposer may leave out transactions, but what waits needs none."""
    world, (victim, _) = waiting()
    world.pay(0)
    assert world.stands(victim) == PegoutState.BATCHED
    world = funded()
    (first, second) = burn_many(world, [900, 600])
    world.pay(0)
    world.relay(4)
    world.idle()
    assert world.stands(second) == PegoutState.BATCHED
    assert world.stands(first) == PegoutState.SETTLED


def test_nobody_overtakes_who_waits_for_the_allowance() -> None:
    """Not even with another asset, whose own allowance is full: each tier is one queue."""
    world = federated_funds()
    world.pegged(500, GOLD)
    world.burn(900)
    waits = world.burn(900)
    behind = world.burn(50, asset=GOLD)
    world.idle(3)
    states = [world.stands(id) for id in (waits, behind)]
    assert states == [PegoutState.REQUESTED, PegoutState.REQUESTED]
    world.pay(0)
    world.relay(12)
    world.idle()
    assert waits in world.record(1).requests
    assert [world.stands(id) for id in (waits, behind)] == [PegoutState.BATCHED] * 2


def test_a_first_in_first_out_violation_shows_in_the_record_itself() -> None:
    """Requests are numbered as they were burned, so anyone sees which one was passed over."""
    world, _ = waiting()
    world.pay(0)
    record: BatchRecord = world.record(4)
    numbers = [world.request(id).number for id in record.requests]
    assert numbers == sorted(numbers)
    swapped = replace(record, requests=record.requests[::-1])
    assert encode(swapped) != encode(record)

"""P14: one deposit claimed twice, in every way. One success; the key is the outpoint."""

from pathlib import Path

import msgspec
import pytest
import trio

from bystack.ledger.amounts import BTM
from bystack.ledger.candidates import FeeNotHigher
from bystack.ledger.transactions import NoWitness, Output, Transaction
from bystack.primitives.codec import NotCanonical, decode, encode
from bystack.primitives.merkle import ProofMismatch
from bystack.sidechain.actions import NotAlone, encode_action
from bystack.sidechain.claims import AlreadyClaimed, Claim
from tests.ledger.people import ALICE, CAROL
from tests.node.sidechain.test_pooling import pooling
from tests.sidechain.world import K, Side, World, ready

AMOUNT = 1_000


def paid() -> tuple[World, Transaction]:
    world = ready()
    deposit = world.deposit(AMOUNT)
    world.relay(K)
    return world, deposit


def minted_once(world: World) -> bool:
    sums = world.sums()
    return world.supply(BTM) + sums.pool == AMOUNT == sums.circulating + sums.pool


def test_twice_in_one_transaction() -> None:
    world, deposit = paid()
    action = encode_action(Claim(world.main.inclusion(deposit), 0))
    one = world.claim_tx(deposit)
    body = msgspec.structs.replace(
        one.body, actions=(action, action), outputs=(Output(BTM, 1_980, CAROL.lock),)
    )
    with pytest.raises(NotAlone):
        world.block(Transaction(body, (NoWitness(), NoWitness())))
    assert world.supply(BTM) == 0


def test_twice_in_one_block_then_later_then_after_a_restart() -> None:
    world, deposit = paid()
    claim = world.claim_tx(deposit)
    noted = Transaction(msgspec.structs.replace(claim.body, memo=b"again"), claim.witnesses)
    built = world.side.build([claim, noted, claim], world.now)
    assert [error.rule for _, error in built.refused] == ["AlreadyClaimed"] * 2
    world.side.commit(built)
    assert minted_once(world)
    world.relay(30)
    with pytest.raises(AlreadyClaimed):
        world.block(world.claim_tx(deposit))
    world.side = Side(**{**world.side.__dict__, "state": world.side.state.copy()})
    for again in (claim, noted):
        with pytest.raises(AlreadyClaimed):
            world.block(again)
    assert minted_once(world)


def test_after_its_coins_are_spent() -> None:
    world, deposit = paid()
    world.block(world.claim_tx(deposit))
    world.block(world.transact(CAROL, (Output(BTM, 100, ALICE.lock),)))
    with pytest.raises(AlreadyClaimed):
        world.block(world.claim_tx(deposit))
    assert minted_once(world)


def test_two_encodings_of_one_proof() -> None:
    world, deposit = paid()
    world.block(world.claim_tx(deposit))
    # The same header by its history: another proof of the same output.
    world.relay(1)
    with pytest.raises(AlreadyClaimed):
        world.block(world.claim_tx(deposit, under=world.relayed - K))
    # Bytes that decode to the same claim but are not its encoding are no claim.
    data = encode(Claim(world.main.inclusion(deposit), 0))
    longer = data[:-1] + b"\xcc\x00"
    with pytest.raises(NotCanonical):
        decode(Claim, longer, len(longer))
    assert minted_once(world)


def test_the_same_transaction_with_other_witnesses() -> None:
    world, deposit = paid()
    world.block(world.claim_tx(deposit))
    other = Transaction(deposit.body, (NoWitness(),) * len(deposit.witnesses))
    assert other.id == deposit.id
    inclusion = world.main.inclusion(deposit)
    forged = msgspec.structs.replace(inclusion.proof, transaction=encode(other))
    with pytest.raises(ProofMismatch):
        world.block(world.claim_of(msgspec.structs.replace(inclusion, proof=forged), other))
    assert minted_once(world)


def test_one_waits_while_another_is_in_the_block(tmp_path: Path) -> None:
    """Pool against block: what the block took waits no more, and does not come back."""

    async def main() -> None:
        world, deposit = paid()
        world.relay(1)
        mine = world.claim_tx(deposit)
        async with pooling(tmp_path, world) as stage:
            await stage.pooling.submit(mine)
            other = world.claim_of(world.main.inclusion(deposit, world.relayed - K), deposit)
            with pytest.raises(FeeNotHigher):  # and in the pool no other takes its place
                await stage.pooling.submit(other)
            world.block(other)
            await stage.settle()
            assert len(stage.pooling) == 0
            for again in (mine, other):
                with pytest.raises(AlreadyClaimed):
                    await stage.pooling.submit(again)
        assert minted_once(world)

    trio.run(main)

"""Building a block: what does not apply is left out and changes nothing; the block is valid."""

from random import Random

import msgspec

from bystack.ledger.amounts import BTM
from bystack.ledger.transactions import NoWitness, Output, Transaction
from bystack.sidechain.payments import SignatureWrong
from tests.ledger.people import ALICE, BOB, CAROL
from tests.sidechain.world import K, World, funded


def candidates(world: World) -> list[Transaction]:
    """Good and bad, conflicting and repeated."""
    paid = world.deposit(1_000)
    world.relay(K)
    pay = world.transact(CAROL, (Output(BTM, 10, BOB.lock),))
    forged = Transaction(pay.body, world.transact(CAROL, fee=9).witnesses)
    bare = Transaction(pay.body, (NoWitness(),) * len(pay.witnesses))
    broke = msgspec.structs.replace(pay, witnesses=())
    return [forged, bare, broke, pay, world.burn_tx(300), world.claim_tx(paid), pay]


def test_any_order_gives_a_valid_block_of_what_applies() -> None:
    world = funded()
    txs = candidates(world)
    for seed in range(12):
        Random(seed).shuffle(txs)
        built = world.side.build(txs, world.now)
        # The claim, and one of payment and burn, which spend the same coin.
        assert len(built.body.transactions) == 2
        assert len(built.refused) == len(txs) - 2
        assert world.side.validate(built) == built.executed


def test_a_wrong_signature_is_found_before_anything_is_applied() -> None:
    world = funded()
    forged = candidates(world)[0]
    built = world.side.build([forged], world.now)
    ((tx, error),) = built.refused
    assert tx is forged and isinstance(error, SignatureWrong)
    assert built.header.state_root == world.side.build([], world.now).header.state_root


def test_a_chain_of_payments_in_one_block() -> None:
    world = funded()
    first = world.transact(CAROL, (Output(BTM, 100, ALICE.lock),))
    other = world.copy()
    other.block(first)
    second = other.transact(ALICE, (Output(BTM, 50, BOB.lock),))
    built = world.block(first, second)
    assert built.body.transactions == (first, second) and world.balance(BOB) == 50
    assert [e.rule for _, e in world.copy().side.build([second, first], 0).refused] == [
        "CoinMissing"
    ] * 2

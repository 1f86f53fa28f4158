"""Payments taken in beforehand make the block that would have been made of them at once."""

from __future__ import annotations

from functools import lru_cache
from random import Random

import pytest

from bystack.ledger.amounts import BTM
from bystack.ledger.coins import Coin
from bystack.ledger.signing import Signing
from bystack.ledger.transactions import Outpoint, Output, Transaction, TransactionBody
from bystack.primitives.errors import Misuse
from bystack.sidechain.assembly import Assembly, Built, Prelude, Proposal
from bystack.sidechain.transition import Base
from tests.ledger.people import ALICE, BOB, CAROL, Person
from tests.sidechain.mainside import GOLD
from tests.sidechain.world import CERTIFICATE, K, World, funded, verified

COINS = 12
ROOM = 1_000_000
Owned = tuple[Outpoint, Coin, Person]


@lru_cache(maxsize=1)
def _market() -> tuple[World, Transaction]:
    """A world with a dozen of Alice's coins, some of Carol's gold, and a claim that is free."""
    world = funded()
    pieces = [Output(BTM, 100, ALICE.lock)] * COINS
    world.block(world.transact(CAROL, pieces))
    deposit = world.deposit(1_000)
    world.relay(K)
    return world, world.claim_tx(deposit)


def pay(
    world: World, owned: Owned, to: Person, fee: int, until: int = 0, since: int = 0
) -> Transaction:
    """One coin's payment, valid for a while."""
    place, coin, owner = owned
    made = (Output(coin.asset, coin.amount - fee, to.lock),)
    body = TransactionBody(1, (place,), made, (), since, until, b"")
    return Transaction(body, (owner.spend(Signing(world.genesis.id, body, [(place, coin)]), 0),))


def offers(rng: Random, world: World, claim: Transaction) -> list[Transaction]:
    """Payments, chains of them, conflicts, forged, late, early and expired ones; other things."""
    height = world.side.header.height + 1
    owned: list[Owned] = [(p, coin, ALICE) for p, coin in world.coins_of(ALICE)]
    txs = [claim, world.burn_tx(100), world.transact(CAROL, asset=GOLD, fee=2)]
    for _ in range(20):
        source, to = rng.choice(owned), rng.choice((ALICE, BOB))
        until, since = rng.choice((0, 0, height, height - 1)), rng.choice((0, 0, 0, height + 1))
        tx = pay(world, source, to, rng.choice((0, 1, 2, 3)), until, since)
        forged = Transaction(tx.body, pay(world, source, to, 9).witnesses)
        txs += [forged] if rng.random() < 0.2 else [tx]
        coin = Coin(BTM, tx.body.outputs[0].amount, to.lock, height, 0, 1, b"")
        owned.append((Outpoint(tx.id, 0), coin, to))
    return txs


def begin(world: World, base: Base, room: int = ROOM) -> Prelude:
    return Prelude(world.genesis, base.coins, base.multiset, base.parent.height + 1, room)


def finish(world: World, prelude: Prelude | None, late: list[Transaction]) -> Built:
    proposal, side = Proposal(0, world.now, CERTIFICATE, bytes(32)), world.side
    assembly = Assembly(side.genesis, side.modules, side.base, proposal, verified, prelude)
    for tx in late:
        assembly.offer(tx)
    return assembly.finish()


@pytest.mark.parametrize("seed", range(25))
def test_a_block_with_a_prelude_is_valid_and_what_plain_execution_makes_of_it(seed: int) -> None:
    """Whatever is offered early or late, twice or not at all, in any order."""
    rng, (world, claim) = Random(seed), _market()
    txs = offers(rng, world, claim)
    if seed % 2:
        rng.shuffle(txs)
    prelude = begin(world, world.side.base, rng.choice((500, ROOM)))
    for tx in rng.sample(txs, rng.randrange(len(txs))) if seed % 3 else txs[: rng.randrange(23)]:
        prelude.offer(tx, verified)
        if rng.random() < 0.2:
            prelude.tally.fold()
    taken = list(prelude.taken.values())
    built = finish(world, prelude, txs)
    assert list(built.body.transactions[: len(taken)]) == taken
    done = world.side.validate(built)
    assert done.state_root == built.executed.state_root == built.header.state_root
    plain = finish(world, None, list(built.body.transactions))
    assert plain.header == built.header and not plain.refused


def test_the_histories_hold_what_they_should() -> None:
    """All kinds come up: taken early, taken late, refused."""
    world, claim = _market()
    early = late = refused = 0
    for seed in range(25):
        txs = offers(Random(seed), world, claim)
        prelude = begin(world, world.side.base)
        for tx in txs[:12]:
            prelude.offer(tx, verified)
        early += len(prelude.taken)
        built = finish(world, prelude, txs)
        late += len(built.body.transactions) - len(prelude.taken)
        refused += len(built.refused)
        assert claim in built.body.transactions[len(prelude.taken) :]
    assert min(early, late, refused) > 25


def test_nothing_is_taken_in_once_a_block_is_made_of_it() -> None:
    """Whoever still reads coins for it is late: its effects would be in the roots, not the body."""
    world, _ = _market()
    first, second = [(place, coin, ALICE) for place, coin in world.coins_of(ALICE)][:2]
    prelude = begin(world, world.side.base)
    prelude.offer(pay(world, first, BOB, 1), verified)
    side, proposal = world.side, Proposal(0, world.now, CERTIFICATE, bytes(32))
    assembly = Assembly(side.genesis, side.modules, side.base, proposal, verified, prelude)
    prelude.offer(pay(world, second, BOB, 1), verified)
    built = assembly.finish()
    assert len(built.body.transactions) == len(prelude.taken) == 1
    assert side.validate(built) == built.executed


def test_what_was_taken_in_for_another_height_begins_no_block() -> None:
    world, _ = _market()
    base = world.side.base
    height = base.parent.height + 2
    prelude = Prelude(world.genesis, base.coins, base.multiset, height, ROOM)
    with pytest.raises(Misuse):
        finish(world, prelude, [])

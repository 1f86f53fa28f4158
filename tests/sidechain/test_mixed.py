"""A mixed batch whose tier became delayed: each asset's coin ends by itself, once."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import pytest

from bystack.ledger.amounts import BTM
from bystack.ledger.signing import Signing
from bystack.ledger.terms import terms_hash
from bystack.ledger.transactions import (
    NoWitness,
    Outpoint,
    Output,
    Transaction,
    TransactionBody,
)
from bystack.ledger.vault_operations import Adopt, Announce
from bystack.sidechain.actions import encode_action
from bystack.sidechain.records import BatchState, PegoutState, pegout_id
from tests.ledger.people import CAROL
from tests.sidechain import mainside
from tests.sidechain.mainside import GOLD, TERMS
from tests.sidechain.world import K, World, burn_action, funded

SLOWER = msgspec.structs.replace(
    TERMS, tiers=(msgspec.structs.replace(TERMS.tiers[0], delay=4), *TERMS.tiers[1:])
)


@dataclass
class Mixed:
    """The third batch is of two assets; announce and adopt spend the seqs of the first two."""

    world: World
    ids: dict[bytes, bytes]
    coins: dict[bytes, Outpoint]
    order: Transaction
    spends: tuple[Transaction, ...]

    def prove(self, *ends: Transaction) -> None:
        """All that was spent, then how its coins ended."""
        self.world.relay(K)
        for spend in self.spends:
            self.world.block(self.world.anchor_tx(spend))
        self.spends = ()
        for tx in ends:
            self.world.block(self.world.pending_tx(tx))

    def complete(self, asset: bytes) -> Transaction:
        outputs = tuple(o for o in self.world.record(2).outputs if o.asset == asset)
        self.world.main.grow(4)
        return self.world.main.send(self.world.main.complete(self.coins[asset], outputs))

    def states(self) -> tuple[PegoutState, PegoutState]:
        return self.world.stands(self.ids[BTM]), self.world.stands(self.ids[GOLD])

    def lost(self) -> int:
        return self.world.sums().lost + self.world.sums(GOLD).lost


@pytest.fixture
def mixed(monkeypatch: pytest.MonkeyPatch) -> Mixed:
    monkeypatch.setitem(mainside._KNOWN, terms_hash(SLOWER), SLOWER)
    world = funded()
    for _ in range(2):
        world.burn(20)
    tx = burn_both(world)
    world.block(tx)
    ids = {asset: pegout_id(world.genesis.id, tx.id, n) for n, asset in enumerate((BTM, GOLD))}
    assert set(world.record(2).requests) == set(ids.values())
    chain = world.main
    announced = chain.send(chain.spend(Announce(chain.state.seq, terms_hash(SLOWER))))
    chain.grow(SLOWER.govern.delay)
    adopted = chain.send(chain.spend(Adopt(SLOWER)))
    order = chain.send(world.order_of(2))
    coins = {chain.coins[Outpoint(order.id, n)].asset: Outpoint(order.id, n) for n in (1, 2)}
    return Mixed(world, ids, coins, order, (announced, adopted, order))


def burn_both(world: World) -> Transaction:
    """One transaction that burns 20 of each asset."""
    coins = [*world.coins_of(CAROL), *world.coins_of(CAROL, GOLD)]
    burns = [encode_action(burn_action(20, a, CAROL.lock, CAROL.lock.root)) for a in (BTM, GOLD)]
    left = {a: sum(c.amount for _, c in coins if c.asset == a) - 20 for a in (BTM, GOLD)}
    change = (Output(BTM, left[BTM] - 2, CAROL.lock), Output(GOLD, left[GOLD], CAROL.lock))
    body = TransactionBody(1, tuple(p for p, _ in coins), change, tuple(burns), 0, 0, b"")
    signing = Signing(world.genesis.id, body, coins)
    spends = tuple(CAROL.spend(signing, index) for index in range(len(coins)))
    return Transaction(body, spends + (NoWitness(),) * 2)


def test_both_are_paid_each_when_its_coin_is(mixed: Mixed) -> None:
    world = mixed.world
    mixed.prove(mixed.complete(BTM))
    assert mixed.states() == (PegoutState.SETTLED, PegoutState.PENDING)
    assert world.batch(2).state == BatchState.PENDING
    mixed.prove(mixed.complete(GOLD))
    assert mixed.states() == (PegoutState.SETTLED, PegoutState.SETTLED)
    assert world.batch(2).state == BatchState.SETTLED and mixed.lost() == 0
    assert world.sums(GOLD).owed == 0


def test_one_is_vetoed_and_goes_out_again_while_the_other_is_paid(mixed: Mixed) -> None:
    world = mixed.world
    veto = world.main.send(world.main.veto(mixed.coins[GOLD]))
    mixed.prove(veto)
    assert mixed.states()[0] == PegoutState.PENDING
    assert world.request(mixed.ids[GOLD]).vetoes == 1
    assert world.batch(2).state == BatchState.PENDING
    mixed.prove(mixed.complete(BTM))
    assert mixed.states()[0] == PegoutState.SETTLED and mixed.lost() == 0
    assert world.request(mixed.ids[GOLD]).seq != 2


def test_a_reorganisation_takes_each_end_back(mixed: Mixed) -> None:
    world = mixed.world
    ends = mixed.complete(BTM), mixed.complete(GOLD)
    mixed.prove(*ends)
    world.main.reorganise(K + 1)  # the second end goes, the first stays
    world.relay()
    assert mixed.states() == (PegoutState.SETTLED, PegoutState.PENDING)
    assert world.batch(2).state == BatchState.PENDING and mixed.lost() == 0
    world.main.reorganise(world.main.height - world.main.where[ends[0].id][0] + 1)
    world.relay()
    assert mixed.states() == (PegoutState.PENDING, PegoutState.PENDING)
    for tx in ends:
        world.main.grow(4)
        world.main.mine(tx)
    mixed.prove(*ends)
    assert mixed.states() == (PegoutState.SETTLED, PegoutState.SETTLED) and mixed.lost() == 0

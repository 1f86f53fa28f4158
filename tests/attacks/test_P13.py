"""P13 dust: below the minimum nothing is minted, at it all of it; a swarm blocks nobody."""

from __future__ import annotations

import msgspec
import pytest

from bystack.ledger.amounts import BTM
from bystack.ledger.transactions import DepositLock, Output, Transaction
from bystack.ledger.vault_operations import Order
from bystack.node.federation.assembling import coins_for
from bystack.sidechain.claims import DepositBelowMinimum, deposits_in
from bystack.sidechain.records import PegoutState
from bystack.sidechain.relayer import Relayer
from tests.ledger.people import ALICE, CAROL
from tests.sidechain.mainside import VaultChain
from tests.sidechain.world import K, funded, ready

SWARM = 10_000
AT_ONCE = 500


def test_one_below_is_refused_and_the_minimum_itself_is_minted() -> None:
    world = ready()
    least = world.genesis.assets[0].pegin_minimum
    below, at = world.deposit(least - 1), world.deposit(least)
    world.relay(K)
    with pytest.raises(DepositBelowMinimum):
        world.block(world.claim_tx(below))
    world.block(world.claim_tx(at))
    assert world.sums().circulating + world.sums().pool == least


def swarm(chain: VaultChain, note: bytes) -> list[Transaction]:
    """Ten thousand deposits of the smallest unit, as many in a transaction as its block takes."""
    lock, made = DepositLock(chain.vault, note), list[Transaction]()
    while len(made) * AT_ONCE < SWARM:
        paid = chain.transfer(ALICE, lock, AT_ONCE)
        rest = paid.body.outputs[1:]
        outputs = (*(Output(BTM, 1, lock) for _ in range(AT_ONCE)), *rest)
        body = msgspec.structs.replace(paid.body, outputs=outputs)
        made.append(chain.send(chain.sign(body, ALICE)))
    return made


def test_a_swarm_of_dust_is_no_work_for_anybody(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proof is wanted for it, the state does not grow by it, and payouts are not made of it."""
    world = funded()
    chain, before = world.main, len(world.side.state)
    blocks = len(chain.line)
    dust = swarm(chain, world.note(CAROL))
    blocks = len(chain.line) - blocks
    relayer = Relayer(world.genesis)
    for height, block in enumerate(chain.line, 1):
        relayer.connect(height, block)
    world.relay(K)
    wanted = {want.outpoint.transaction for want in relayer.wanted(world.view, 2 * SWARM)}
    assert not wanted & {tx.id for tx in dust}
    found = [deposits_in(tx, chain.vault, world.genesis.id) for tx in dust]
    assert sum(map(len, found)) == SWARM
    grown = len(world.side.state) - before
    assert grown <= 2 * (blocks + K) + 8, "two entries for each relayed header, none for dust"
    id = world.burn(900)
    world.relay(4)
    (seq,) = world.open
    record, held = world.batch(seq).record, chain.vault_coins(BTM)
    chosen = coins_for(Order(seq, record.tier, record.outputs), held)
    assert len(held) > SWARM and len(chosen) == 1, "of the largest coins, not of dust"
    monkeypatch.setattr(chain, "vault_coins", lambda asset: chosen)
    world.pay(seq)
    assert world.stands(id) == PegoutState.SETTLED

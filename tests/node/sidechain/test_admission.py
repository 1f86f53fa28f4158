"""What waits is judged the same in lots of any size, by one execution or by one for each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

import pytest
import trio
from msgspec.structs import replace

from bystack.ledger.mempool import Mempool
from bystack.ledger.transactions import Output, RetireLock, Spend, Transaction
from bystack.node.pool.pool import Pool
from bystack.node.sidechain.admission import SideRules
from bystack.node.sidechain.modules import modules_of
from bystack.node.sidechain.store import SideStore
from bystack.node.verifying.inline import InlineVerifier
from tests.ledger.people import ALICE, BOB, CAROL
from tests.node.sidechain.test_store import follow
from tests.sidechain.world import K, World, ready


class Stage:
    def __init__(self, path: Path) -> None:
        self.world = ready()
        self.world.pegged(900)
        self.modules = modules_of(self.world.genesis)
        self.store = SideStore.open(str(path), self.world.genesis, self.modules)
        trio.run(follow, self.store, self.world)

    def pool(self) -> Pool:
        rules = SideRules(self.store, self.modules, lambda: self.world.now)
        machine = Mempool(self.store.height + 1, min_rate=0)
        return Pool(machine, rules, self.store.coins.fetch, InlineVerifier(1))

    def admitted(self, txs: Sequence[Transaction], together: int) -> tuple[list[bytes], list[str]]:
        """The ids that wait after lots of this size, and why the others do not."""
        pool, rules = self.pool(), dict[bytes, str]()
        for at in range(0, len(txs), together):
            intake = trio.run(pool.admit_all, txs[at : at + together])
            rules |= {id: error.rule for id, error in intake.refused.items()}
        waiting = sorted(one.tx.id for one in pool.machine)
        return waiting, sorted(rules[id] for id in rules if id not in waiting)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    made = Stage(tmp_path)
    yield made
    made.store.close()


def traffic(world: World) -> list[Transaction]:
    """Good ones and every sort of bad ones: payments, rivals, children, a claim, a burn."""
    paid = world.deposit(70)
    world.relay(K)
    asset = world.coins_of(CAROL)[0][1].asset
    pay = world.transact(CAROL, (Output(asset, 10, BOB.lock),), fee=5)
    world.block(pay)
    child = world.transact(BOB, (Output(asset, 2, ALICE.lock),), fee=2)
    other = world.transact(BOB, (Output(asset, 4, ALICE.lock),), fee=4)
    spoilt = replace(other, witnesses=(_broken(other),))
    free = world.transact(CAROL, fee=0)
    retired = world.transact(CAROL, (Output(asset, 3, RetireLock(b"")),), fee=9)
    return [pay, child, spoilt, free, retired, world.burn_tx(200), world.claim_tx(paid)]


def _broken(tx: Transaction) -> Spend:
    (spend,) = tx.witnesses
    assert isinstance(spend, Spend)
    return replace(spend, items=(bytes([spend.items[0][0] ^ 1]) + spend.items[0][1:],))


@pytest.mark.parametrize("seed", range(12))
def test_a_lot_is_judged_as_one_by_one(stage: Stage, seed: int) -> None:
    txs = traffic(stage.world.copy())
    Random(seed).shuffle(txs)
    alone = stage.admitted(txs, 1)
    assert alone[0]
    assert stage.admitted(txs, 3) == alone
    assert stage.admitted(txs, len(txs)) == alone

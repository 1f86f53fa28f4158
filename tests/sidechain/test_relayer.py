"""A relayer over random histories: proves what can be proved, once; and the law holds."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from bystack.ledger.amounts import BTM
from bystack.ledger.transactions import Outpoint, Transaction
from bystack.mainchain.blocks import Block
from bystack.primitives.codec import decode, encode
from bystack.primitives.errors import Invalid
from bystack.sidechain.claims import claimed_at
from bystack.sidechain.holdings import Holdings
from bystack.sidechain.peg_numbers import in_force
from bystack.sidechain.relayed import MAX_RELAYED, Relayed
from bystack.sidechain.relayer import Proof, Relayer, Want, proved_by
from tests.ledger.people import CAROL
from tests.sidechain.histories import History
from tests.sidechain.mainside import GOLD
from tests.sidechain.world import K, World, ready


class Follower:
    """Feeds a relayer and holdings with what leaves and joins a world's main chain."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.relayer, self.holdings = Relayer(world.genesis), Holdings(world.genesis)
        self.line: list[Block] = world.main.line[: world.genesis.checkpoint.header.height]
        self.named: Counter[Outpoint] = Counter()
        self.follow()

    def follow(self) -> None:
        line, common = self.world.main.line, 0
        while common < min(len(line), len(self.line)) and line[common] is self.line[common]:
            common += 1
        for height in range(len(self.line), common, -1):
            self.relayer.disconnect(height)
            self.holdings.disconnect(height)
        for height, block in enumerate(line[common:], common + 1):
            self.relayer.connect(height, block)
            self.holdings.connect(height, block)
        self.line = list(line)

    def restart(self) -> None:
        """The process ends and goes on with what it kept."""
        relayer, holdings = Relayer(self.world.genesis), Holdings(self.world.genesis)
        kept = Relayed(
            self.world.genesis.id, 0, (), self.relayer.kept, self.holdings.height,
            self.holdings.kept,
        )  # fmt: skip
        kept = decode(Relayed, encode(kept), MAX_RELAYED)
        relayer.resume(kept.found)
        holdings.resume(kept.held, kept.height)
        assert (relayer.kept, holdings.kept) == (self.relayer.kept, self.holdings.kept)
        self.relayer, self.holdings = relayer, holdings

    def transaction(self, want: Want) -> Transaction | None:
        under = None if want.under < 0 else want.under
        inclusion = self.world.main.inclusion(want.transaction, under)
        return self.relayer.transaction(want, inclusion, in_force(self.world.view))

    def prove(self) -> list[Want]:
        """Prove all that is wanted, round after round; what was proved."""
        self.world.relay()
        self.follow()
        done: list[Want] = []
        while wanted := self.relayer.wanted(self.world.view):
            for want in wanted:
                before = claimed_at(self.world.view, want.outpoint)
                if want.proof is Proof.CLAIM:
                    assert before is None
                if self._submit(want):
                    done.append(want)
                    continue
                self.relayer.failed(want, self.world.view)
            self.relayer.settle(self.world.view, frozenset())
        return done

    def _submit(self, want: Want) -> bool:
        tx = self.transaction(want)
        assert tx is not None
        try:
            self.world.block(tx)
        except Invalid:
            return False
        return True

    def check_law(self, retired: Counter[bytes]) -> None:
        height = self.relayer.proved_up_to(self.world.view)
        rows = self.holdings.reserves(self.world.view, height, retired.__getitem__)
        assert {row.difference for row in rows.values()} == {0}, (height, rows)


def alone(seed: int) -> Counter[Proof]:
    """A history in which a relayer alone proves; how often it proved what."""
    history = History(seed, deep=seed % 3 == 0)
    follower, random, restarts = Follower(history.world), Random(seed), Random(seed + 1)
    acts = [
        history.deposit, history.grow, history.burn, history.pay, history.touch, history.pending,
        history.reorganise, history.again, history.resume, history.retire, history.move,
    ]  # fmt: skip
    proved: Counter[Proof] = Counter()
    claimed: Counter[Outpoint] = Counter()
    for _ in range(60):
        random.choice(acts)()
        if restarts.random() < 0.2:
            follower.restart()
        for want in follower.prove():
            proved[want.proof] += 1
            if want.proof in (Proof.CLAIM, Proof.DONATE):
                claimed[want.outpoint] += 1
                history.claims.add(want.outpoint)
        follower.check_law(history.retired)
    # No deposit counts twice, whatever was reorganised; orphaned ones are proved again instead.
    assert set(claimed.values()) <= {1}
    # No vault operation that lies deep enough is left.
    assert follower.relayer.proved_up_to(history.world.view) == history.world.relayed - K
    history.check()
    return proved


def test_a_relayer_alone_keeps_up_and_the_law_holds() -> None:
    proved: Counter[Proof] = Counter()
    for seed in range(24):
        proved += alone(seed)
    assert all(proved[kind] >= 1 for kind in Proof), proved


@pytest.mark.parametrize("seed", range(12))
def test_the_law_holds_beside_any_other_relayer(seed: int) -> None:
    history = History(100 + seed, deep=seed % 2 == 0)
    follower = Follower(history.world)
    for _ in range(8):
        history.run(8)
        follower.follow()
        follower.check_law(history.retired)


def test_the_law_counts_what_is_not_claimed_yet() -> None:
    world = ready()
    follower = Follower(world)
    world.deposit(700)
    world.deposit(70, GOLD, None)
    world.deposit(5)
    world.relay(K)
    follower.follow()
    rows = follower.holdings.reserves(world.view, world.relayed - K, lambda _: 0)
    assert (rows[BTM].vault, rows[BTM].unclaimed, rows[BTM].surplus) == (705, 700, 5)
    assert (rows[GOLD].vault, rows[GOLD].unclaimed, rows[GOLD].surplus) == (70, 0, 70)
    follower.prove()
    rows = follower.holdings.reserves(world.view, world.relayed - K, lambda _: 0)
    assert (rows[BTM].unclaimed, rows[BTM].circulating + rows[BTM].pool) == (0, 700)


def test_an_order_counts_for_the_law_only_once_it_is_proved() -> None:
    world = ready()
    follower = Follower(world)
    world.pegged(900)
    world.burn(100)
    world.main.send(world.order_of(0))
    world.relay(K)
    follower.follow()
    assert follower.relayer.proved_up_to(world.view) == world.relayed - K - 1
    follower.check_law(Counter())
    follower.prove()
    assert follower.relayer.proved_up_to(world.view) == world.relayed - K
    follower.check_law(Counter())


def test_a_want_is_named_once_and_again_when_the_relay_has_moved() -> None:
    world = ready()
    follower = Follower(world)
    paid = world.deposit(50)
    world.relay(K)
    follower.follow()
    (want,) = follower.relayer.wanted(world.view)
    assert (want.proof, want.outpoint) == (Proof.CLAIM, Outpoint(paid.id, 0))
    assert not follower.relayer.wanted(world.view)
    # While it waits in the pool it stays named; lost from there, it is named at the next tip.
    follower.relayer.settle(world.view, frozenset([want.outpoint]))
    assert not follower.relayer.wanted(world.view)
    follower.relayer.settle(world.view, frozenset())
    assert not follower.relayer.wanted(world.view)
    world.relay(1)
    assert follower.relayer.wanted(world.view) == (want,)


def test_nothing_is_wanted_before_its_depth_or_on_another_branch() -> None:
    world = ready()
    follower = Follower(world)
    world.deposit(50)
    world.relay(K - 1)
    follower.follow()
    assert not follower.relayer.wanted(world.view)
    # The relay is deep enough now, but our own main chain has another branch there.
    world.relay(1)
    world.main.reorganise(K + 1)
    follower.follow()
    assert not follower.relayer.wanted(world.view)


def test_a_deposit_below_the_minimum_is_never_claimed() -> None:
    world = ready()
    follower = Follower(world)
    world.deposit(9)
    world.deposit(10)
    world.relay(K)
    follower.follow()
    assert len(follower.relayer.wanted(world.view)) == 1


def test_old_deposits_are_proved_by_history() -> None:
    world = ready()
    follower = Follower(world)
    world.deposit(50)
    for _ in range(11):
        world.relay(100)
    follower.follow()
    (want,) = follower.relayer.wanted(world.view)
    assert want.under == world.relayed - K
    tx = follower.transaction(want)
    assert tx is not None
    world.block(tx)
    assert world.balance(CAROL)


def test_what_a_transaction_proves() -> None:
    world = ready()
    paid = world.deposit(50)
    world.relay(K)
    claim = world.claim_tx(paid)
    assert proved_by(claim) == Outpoint(paid.id, 0)
    world.block(claim)
    assert proved_by(world.transact(CAROL)) is None
    assert proved_by(world.anchor_tx(world.main.created)) == Outpoint(world.main.created.id, 0)

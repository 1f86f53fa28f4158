"""Random lives of vaults: over 10,000 operations, valid or not, under random terms.

The law (ledger.md, section 5, last sentence): nothing lowers a vault's holdings except order, and
complete of what an order set aside. Beside it: seq counts anchor spends, turn never falls, buckets
bound what leaves, a refusal changes nothing, and undoing restores every byte.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from dataclasses import dataclass, field

import pytest
from msgspec.structs import replace

from bystack.ledger.amounts import BTM
from bystack.ledger.coins import Coin, Delta
from bystack.ledger.policies import Any, Policy, Thresh
from bystack.ledger.terms import Govern, Guard, Limit, Recover, Terms, Tier, terms_hash
from bystack.ledger.transactions import (
    Approval,
    DepositLock,
    Outpoint,
    PendingLock,
    Transaction,
    TreasuryLock,
)
from bystack.ledger.vault_building import OwnedCoin, build_anchor_spend, build_order
from bystack.ledger.vault_layout import payments, share
from bystack.ledger.vault_operations import (
    Adopt,
    Announce,
    Cancel,
    Freeze,
    Operation,
    Order,
    Replace,
    Touch,
    Veto,
    decode_operation,
    name_of,
)
from bystack.ledger.vault_operations import Recover as TakeOver
from bystack.ledger.vault_state import AnchorState, replay
from bystack.primitives.codec import encode
from bystack.primitives.errors import Invalid
from tests.ledger.vault_world import EVERYBODY, GOLD, World, key, pay

LIVES = int(os.environ.get("BYSTACK_VAULT_LIVES", "50"))
STEPS = 260
MOVING = ("op", "s1", "s2", "n1")
ASSETS = (BTM, GOLD)


def random_terms(dice: random.Random) -> Terms:
    """Terms of small numbers, so that every delay ends within a life."""

    def one_of(*names: str) -> Policy:
        keys = tuple(key(name) for name in dice.sample(names, dice.randint(1, len(names))))
        return dice.choice((Thresh(dice.randint(1, len(keys)), keys), Any(keys), keys[0]))

    def limit(asset: bytes) -> Limit:
        return Limit(asset, dice.randint(1, 60), dice.randint(1, 30), dice.randint(1, 25))

    def tier() -> Tier:
        assets = dice.sample(ASSETS, dice.randint(0, 2))
        delay = dice.choice((0, 0, 3, 20)) if assets else 144
        return Tier(one_of(*MOVING), tuple(limit(asset) for asset in assets), delay)

    return Terms(
        tuple(tier() for _ in range(dice.randint(1, 4))),
        Guard(one_of("g1", "g2"), dice.randint(1, 30)),
        Govern(one_of(*MOVING), dice.randint(1, 40)),
        Recover(one_of("r1", "r2", "r3"), dice.randint(10, 60)),
        dice.randbytes(32),
    )


@dataclass
class Life:
    """One vault, one seed."""

    dice: random.Random
    world: World = field(init=False)
    known: list[Terms] = field(default_factory=list)
    orders: dict[bytes, Order] = field(default_factory=dict)
    past: list[Transaction] = field(default_factory=list)
    undo: list[Delta] = field(default_factory=list)
    done: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    start: AnchorState = field(init=False)
    moved: Counter[tuple[int, bytes]] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        terms = random_terms(self.dice)
        self.world = World(terms)
        self.start = self.world.state
        self.known = [terms, *(random_terms(self.dice) for _ in range(3))]

    # -- attempts

    def held(self) -> frozenset[str]:
        """Mostly all keys; sometimes a stolen handful."""
        if self.dice.random() < 0.85:
            return EVERYBODY
        return frozenset(self.dice.sample(sorted(EVERYBODY), self.dice.randint(0, 6)))

    def counter(self, present: int) -> int:
        return present if self.dice.random() < 0.9 else max(0, present + self.dice.randint(-2, 2))

    def owned(self) -> list[OwnedCoin]:
        kinds = DepositLock | TreasuryLock
        return [(o, c) for o, c in self.world.coins.items() if isinstance(c.lock, kinds)]

    def attempt(self) -> Transaction | None:
        dice, world, state = self.dice, self.world, self.world.state
        terms = dice.choice(self.known)
        match dice.randrange(12):
            case 0 | 1 | 2 | 3:
                return self.order()
            case 4:
                return world.spend(Touch(self.counter(state.seq), dice.randint(0, 3)), self.held())
            case 5:
                announce = Announce(self.counter(state.seq), terms_hash(terms))
                return world.spend(announce, self.held())
            case 6:
                named = state.announced[0].terms if state.announced else terms_hash(terms)
                return self.rarely(Cancel(self.counter(state.turn), named))
            case 7:
                hashes = {terms_hash(t): t for t in self.known}
                wanted = hashes[state.announced[0].terms] if state.announced else terms
                return world.spend(Adopt(wanted), self.held())
            case 8:
                return self.rarely(Freeze(self.counter(state.turn)))
            case 9:
                kind = dice.choice((Replace, TakeOver))
                return self.rarely(kind(self.counter(state.turn), terms))
            case 10:
                return self.pending()
            case _:
                return self.consolidation() or self.again()

    def rarely(self, operation: Freeze | Cancel | Replace | TakeOver) -> Transaction | None:
        if self.dice.random() < 0.5:
            return None
        return self.world.spend(operation, self.held())

    def order(self) -> Transaction | None:
        coins = self.owned()
        if not coins:
            return None
        picked = self.dice.sample(coins, min(len(coins), self.dice.randint(1, 4)))
        tier = self.dice.randrange(len(self.world.terms.tiers))
        outputs = []
        for asset in sorted({coin.asset for _, coin in picked}):
            most = sum(coin.amount for _, coin in picked if coin.asset == asset)
            parts = self.dice.randint(1, 2)
            outputs += [pay(self.dice.randint(1, max(1, min(most // parts, 40))), asset)] * parts
        seq = self.counter(self.world.state.seq)
        return self.world.order(outputs, picked, tier, self.held(), seq=seq)

    def pending(self) -> Transaction | None:
        found = [o for o, c in self.world.coins.items() if isinstance(c.lock, PendingLock)]
        if not found:
            return None
        outpoint = self.dice.choice(found)
        coin = self.world.coins[outpoint]
        paid = share(self.orders[outpoint.transaction], coin.asset)
        if self.dice.random() < 0.3:
            return self.world.veto(outpoint, self.held())
        return self.world.complete(outpoint, paid)

    def consolidation(self) -> Transaction | None:
        asset = self.dice.choice(ASSETS)
        coins = [(o, c) for o, c in self.owned() if c.asset == asset]
        coins = [(o, c) for o, c in coins if c.height + 95 < self.world.height]
        return self.world.consolidate(coins[:20]) if len(coins) >= 8 else None

    def again(self) -> Transaction | None:
        """An old operation with its old signatures, on the present anchor."""
        if not self.past:
            return None
        old, world = self.dice.choice(self.past), self.world
        operation, approved = operation_of(old), old.witnesses[-1]
        if not isinstance(approved, Approval) or isinstance(operation, Veto):
            return old
        coins, anchor = self.owned(), world.at(world.anchor)
        if isinstance(operation, Order):
            body = build_order(anchor, world.terms, operation, coins, world.sponsor())
        else:
            body = build_anchor_spend(anchor, operation, world.sponsor())
        return world.signed(body, replace(approved, revealed=encode(world.terms)))

    # -- steps

    def step(self) -> None:
        self.world.height += self.dice.choice((0, 0, 1, 1, 2, 5, 12))
        for _ in range(self.dice.randint(0, 2)):
            amount, asset = self.dice.randint(1, 50), self.dice.choice(ASSETS)
            outpoint, coin = self.world.deposit(amount, asset)
            self.undo.append(Delta({}, {outpoint: coin}))
        try:
            tx = self.attempt()
        except Invalid:  # our own builder refuses it
            return
        if tx is not None:
            self.submit(tx)

    def submit(self, tx: Transaction) -> None:
        world, before = self.world, dict(self.world.coins)
        operation = operation_of(tx)
        held = [world.holdings(asset) for asset in ASSETS]
        state, anchor = world.state, world.anchor
        try:
            delta = world.judge(tx).delta
        except Invalid as error:
            self.refused[error.rule] += 1
            assert world.coins == before
            return
        # An approval works once; only an adoption, which every new key signed, can come again.
        assert isinstance(operation, Adopt) or approval_of(tx) not in map(approval_of, self.past)
        world.apply(delta)
        self.undo.append(delta)
        self.done[name_of(operation)] += 1
        self.follow(tx, operation, state, anchor)
        fell = [was - world.holdings(asset) for was, asset in zip(held, ASSETS, strict=True)]
        self.check_holdings(operation, tx, fell)
        self.past.append(tx)

    def follow(
        self, tx: Transaction, operation: Operation, state: AnchorState, anchor: Outpoint
    ) -> None:
        """seq counts anchor spends, turn never falls, and replay agrees with the chain."""
        world = self.world
        if anchor in world.coins:
            assert world.state == state
            return
        present, world.anchor = world.terms, Outpoint(tx.id, 0)
        after = world.state
        assert after == replay(state, operation, present, world.height)
        assert after.seq == state.seq + 1
        quiet = isinstance(operation, Order | Touch | Announce)
        assert after.turn == state.turn + (not quiet)
        if isinstance(operation, Adopt | Replace | TakeOver):
            world.terms = operation.terms
            self.known.append(random_terms(self.dice))
            self.start, self.moved = after, Counter()
        if isinstance(operation, Order):
            self.orders[tx.id] = operation
            self.check_buckets(operation)

    def check_buckets(self, order: Order) -> None:
        """Since these terms began a tier moved at most what its bucket held and what refilled."""
        for output in order.outputs:
            self.moved[order.tier, output.asset] += output.amount
        limits = {limit.asset: limit for limit in self.world.terms.tiers[order.tier].limits}
        for bucket in self.start.buckets:
            if bucket.tier == order.tier:
                limit = limits[bucket.asset]
                steps = (self.world.height - bucket.counted) // limit.period
                most = bucket.level + steps * limit.refill
                assert self.moved[bucket.tier, bucket.asset] <= most
                assert bucket.level <= limit.capacity

    def check_holdings(self, operation: Operation, tx: Transaction, fell: list[int]) -> None:
        paid = [0, 0]
        if isinstance(operation, Order):
            made = payments(self.world.vault, self.world.terms, operation)
            out = [o for o in made if not isinstance(o.lock, PendingLock)]
            paid = [sum(o.amount for o in out if o.asset == asset) for asset in ASSETS]
        if name_of(operation) == "complete":
            (spent,) = (c for c in self.undo[-1].spent.values() if isinstance(c.lock, PendingLock))
            order = self.orders[tx.body.inputs[0].transaction]
            assert tx.body.outputs[: len(share(order, spent.asset))] == share(order, spent.asset)
            paid = [spent.amount * (asset == spent.asset) for asset in ASSETS]
        assert fell == paid


def operation_of(tx: Transaction) -> Operation:
    return decode_operation(tx.body.actions[0].kind, tx.body.actions[0].body)


def approval_of(tx: Transaction) -> object:
    """Operation and signatures, whatever coins they came with; unique where there are none."""
    approved = tx.witnesses[-1]
    return (tx.body.actions, approved.signatures) if isinstance(approved, Approval) else tx.id


def encoded(coins: dict[Outpoint, Coin]) -> dict[bytes, bytes]:
    return {encode(outpoint): encode(coin) for outpoint, coin in coins.items()}


@pytest.fixture(scope="module")
def lives() -> list[Life]:
    made = []
    for seed in range(LIVES):
        life = Life(random.Random(seed))
        for _ in range(STEPS):
            life.step()
        made.append(life)
    return made


def test_the_law_over_ten_thousand_operations(lives: list[Life]) -> None:
    done, refused = Counter[str](), Counter[str]()
    for life in lives:
        done += life.done
        refused += life.refused
    print(done, refused)
    assert done.total() + refused.total() > 200 * LIVES  # over 10,000 by default
    every = "order touch complete veto announce cancel adopt freeze replace recover consolidate"
    assert set(every.split()) == set(done)
    assert len(refused) >= 15


def test_undo_restores_every_byte(lives: list[Life]) -> None:
    for life in lives[:5]:
        coins, marks = dict(life.world.coins), []
        for delta in reversed(life.undo):
            marks.append(encoded(coins))
            turn(coins, delta.inverse())
        for delta, mark in zip(life.undo, reversed(marks), strict=True):
            turn(coins, delta)
            assert encoded(coins) == mark
        assert encoded(coins) == encoded(life.world.coins)


def turn(coins: dict[Outpoint, Coin], delta: Delta) -> None:
    for outpoint, coin in delta.spent.items():
        assert encode(coins.pop(outpoint)) == encode(coin)
    for outpoint, coin in delta.created.items():
        assert outpoint not in coins
        coins[outpoint] = coin

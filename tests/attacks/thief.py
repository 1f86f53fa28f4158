"""The greediest thief: takes from a real vault, block by block, all that some stolen keys allow.

Those who were not robbed answer as late as was agreed: guards veto, cancel and freeze from block
`answer` on, recovery replaces the terms at block `recovery`. In each block the thief is first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from msgspec.structs import replace

from bystack.federation.leaks import Bound, bound
from bystack.federation.powers import Powers, powers_of
from bystack.ledger.amounts import BTM
from bystack.ledger.buckets import levels
from bystack.ledger.coins import Coin
from bystack.ledger.terms import Govern, Guard, Limit, Recover, Terms, Tier, terms_hash
from bystack.ledger.transactions import DepositLock, Outpoint, Output, PendingLock, TreasuryLock
from bystack.ledger.vault_building import OwnedCoin, build_anchor_spend
from bystack.ledger.vault_layout import share
from bystack.ledger.vault_operations import Adopt, Announce, Cancel, Freeze, Order, Replace
from bystack.ledger.vault_operations import Recover as TakeOver
from bystack.primitives.keys import public_key
from tests.ledger.vault_world import GOLD, GOLD_UNIT, World, key, pay, secret, usual_terms

ASSETS = (BTM, GOLD)
NAMES = ("op", "s1", "s2", "g1", "g2", "r1", "r2", "r3")
FRESH = frozenset(("n1", "n2", "n3"))
HOARD = 1_000_000


def bytes_of(names: frozenset[str]) -> frozenset[bytes]:
    return frozenset(public_key(secret(name)) for name in names)


def own_terms() -> Terms:
    """What a thief would govern by: everything, now."""
    limits = tuple(Limit(asset, HOARD * 10, HOARD * 10, 1) for asset in ASSETS)
    return Terms(
        (Tier(key("n1"), limits, 0),),
        Guard(key("n2"), 1),
        Govern(key("n1"), 1),
        Recover(key("n3"), 1),
        bytes(32),
    )


def rescued() -> Terms:
    """What the robbed bring in: the same with keys that nobody stole."""
    terms = usual_terms()
    tiers = tuple(replace(tier, policy=key("n1")) for tier in terms.tiers)
    guard, govern = replace(terms.guard, policy=key("n2")), replace(terms.govern, policy=key("n1"))
    return replace(terms, tiers=tiers, guard=guard, govern=govern)


@dataclass
class Theft:
    """One theft. `spoiled`: a thief with guard keys wastes the freeze before he begins.

    `racing`: one with govern's too raises the turn in every block, so as to outrun recovery.
    """

    stolen: frozenset[str]
    answer: int = 6
    recovery: int = 12
    spoiled: bool = False
    racing: bool = False
    world: World = field(init=False)
    waiting: dict[Outpoint, tuple[Output, ...]] = field(default_factory=dict)
    taken_over: bool = False
    rescued: bool = False

    def __post_init__(self) -> None:
        world = self.world = World()
        world.fill_buckets()
        world.deposit(HOARD)
        world.deposit(HOARD, GOLD, GOLD_UNIT)
        world.submit(world.touch())
        theirs = powers_of(world.terms, bytes_of(self.stolen))
        if self.spoiled and theirs.guard:
            world.submit(world.spend(Freeze(0), self.stolen))
            world.height += world.terms.guard.freeze
        self.start = world.height
        # Recovery signs when the theft begins, away from every network, and not once a block.
        change = Replace(world.state.since, rescued())
        self._rescue = change, world.approve(change, self.kept | FRESH)

    @property
    def kept(self) -> frozenset[str]:
        return frozenset(NAMES) - self.stolen

    @property
    def bound(self) -> Bound:
        """What `explain --leaked` says of it."""
        stolen, kept = bytes_of(self.stolen), bytes_of(self.kept)
        return bound(usual_terms(), stolen, kept, self.answer, self.recovery)

    @property
    def after(self) -> int:
        """Blocks since the first theft."""
        return self.world.height - self.start

    def loss(self, asset: bytes) -> int:
        return HOARD - self.world.holdings(asset)

    def run(self, blocks: int) -> dict[bytes, int]:
        """The loss of each asset after so many blocks."""
        for height in range(self.start, self.start + blocks + 1):
            self.world.height = height
            self._steal()
            self._answer()
        return {asset: self.loss(asset) for asset in ASSETS}

    # -- the thief

    @property
    def _held(self) -> frozenset[str]:
        return FRESH if self.taken_over else self.stolen | FRESH

    def _powers(self) -> Powers:
        mine = FRESH if self.taken_over else frozenset() if self.rescued else self.stolen
        return powers_of(self.world.terms, bytes_of(mine))

    def _steal(self) -> None:
        powers = self._powers()
        for point, outputs in list(self.waiting.items()):
            self._complete(point, outputs)
        if self.racing and powers.guard and powers.govern and not powers.replaces:
            self._race()
        elif not self.taken_over:
            self._take_over(powers)
        for tier in self._powers().tiers:
            self._order(tier)

    def _race(self) -> None:
        """Announced and withdrawn: the turn is another one."""
        evil = terms_hash(own_terms())
        self._send(Announce(self.world.state.seq, evil))
        self._send(Cancel(self.world.state.turn, evil))

    def _complete(self, point: Outpoint, outputs: tuple[Output, ...]) -> None:
        coin = self.world.coins.get(point)
        if coin is None:
            del self.waiting[point]
        elif isinstance(coin.lock, PendingLock) and self._mature(coin, coin.lock.delay):
            self.world.submit(self.world.complete(point, outputs))
            del self.waiting[point]

    def _mature(self, coin: Coin, delay: int) -> bool:
        return self.world.height >= coin.height + delay

    def _take_over(self, powers: Powers) -> None:
        world, state = self.world, self.world.state
        if powers.replaces:
            return self._govern(Replace(state.turn, own_terms()))
        if powers.recover and world.height >= state.touched + world.terms.recover.idle:
            return self._govern(TakeOver(state.turn, own_terms()))
        if not powers.govern:
            return None
        for announced in state.announced:
            if world.height >= announced.ripe:
                self._govern(Adopt(own_terms()))
            return None
        return self._send(Announce(state.seq, terms_hash(own_terms())))

    def _govern(self, operation: Replace | TakeOver | Adopt) -> None:
        self._send(operation)
        self.world.terms, self.taken_over = own_terms(), True

    def _send(self, operation: Replace | TakeOver | Adopt | Announce | Cancel) -> None:
        self.world.submit(self.world.spend(operation, self._held))

    def _order(self, tier: int) -> None:
        outputs = tuple(self._loot(tier))
        if not outputs or self.world.height < self.world.state.frozen_until:
            return
        tx = self.world.order(outputs, self._owned(), tier=tier, held=self._held)
        self.world.submit(tx)
        order = Order(0, tier, outputs)
        for index, made in enumerate(tx.body.outputs):
            if isinstance(made.lock, PendingLock):
                self.waiting[Outpoint(tx.id, index)] = share(order, made.asset)

    def _loot(self, tier: int) -> Iterator[Output]:
        """As much as the tier's buckets hold; without limits all there is."""
        world = self.world
        held = {
            asset: sum(c.amount for _, c in self._owned() if c.asset == asset) for asset in ASSETS
        }
        if world.terms.tiers[tier].limits:
            now = levels(world.state.buckets, world.terms, world.height)
            held = {asset: min(held[asset], now.get((tier, asset), 0)) for asset in ASSETS}
        for asset, unit in ((BTM, 1), (GOLD, GOLD_UNIT)):
            if amount := held[asset] // unit * unit:
                yield pay(amount, asset, to="thief")

    def _owned(self) -> list[OwnedCoin]:
        kinds = DepositLock | TreasuryLock
        return [(p, c) for p, c in self.world.coins.items() if isinstance(c.lock, kinds)]

    # -- those who were not robbed

    def _answer(self) -> None:
        if self.taken_over or self.rescued:
            return self._veto()
        ours = powers_of(self.world.terms, bytes_of(self.kept))
        if self.after >= self.answer and ours.guard:
            self._guard()
        if self.after >= self.recovery and ours.replaces:
            change, approved = self._rescue
            world = self.world
            body = build_anchor_spend(world.at(world.anchor), change, world.sponsor())
            world.submit(world.signed(body, approved))
            world.terms, self.rescued = rescued(), True
        return None

    def _guard(self) -> None:
        world, kept = self.world, self.kept
        self._veto()
        for announced in world.state.announced:
            world.submit(world.spend(Cancel(world.state.turn, announced.terms), kept))
        if world.height >= world.state.freeze_from:
            world.submit(world.spend(Freeze(world.state.turn), kept))

    def _veto(self) -> None:
        """A pending coin names the guard of its order's terms, whoever governs since."""
        world, guard = self.world, usual_terms().guard.policy
        if self.after < self.answer or not powers_of(usual_terms(), bytes_of(self.kept)).guard:
            return
        for point, coin in list(world.coins.items()):
            lock = coin.lock
            if isinstance(lock, PendingLock) and not self._mature(coin, lock.delay):
                present, world.terms = world.terms, replace(world.terms, guard=Guard(guard, 1))
                world.submit(world.veto(point, self.kept))
                world.terms = present

"""Random histories of main chain and sidechain together, a seed apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import lru_cache
from random import Random

from bystack.federation.module.actions import REFUND, RESUME, RefundRequests, Resume
from bystack.ledger.amounts import BTM
from bystack.ledger.transactions import DepositLock, Outpoint, Output, RetireLock, Transaction
from bystack.ledger.vault_errors import BucketExceeded, NotMature, TooLate, Underfunded
from bystack.primitives.codec import Wire
from bystack.primitives.errors import Invalid
from bystack.sidechain.batches import batch_of
from bystack.sidechain.burns import BurnBelowMinimum
from bystack.sidechain.claims import DONATION, ClaimLimit, DepositBelowMinimum, claimed_at
from bystack.sidechain.lifting import StopStands
from bystack.sidechain.records import PegoutState, pegout_id
from bystack.sidechain.stops import PegsPaused
from bystack.sidechain.tiering import BurnAboveCapacity
from tests.ledger.people import ALICE, BOB, CAROL
from tests.sidechain.federations import approved, federated
from tests.sidechain.law import Ledger, claimable, deposits, operation, prove_all
from tests.sidechain.mainside import FAST, GOLD, SLOW
from tests.sidechain.world import PEOPLE, K, World

ASSETS = (BTM, GOLD)
Move = tuple[Callable[[], object], int]


@lru_cache(maxsize=1)
def _template() -> World:
    world = federated()
    world.relay(K)
    world.block(world.anchor_tx(world.main.created))
    world.relay(12)
    btm, gold = world.deposit(3_000), world.deposit(2_000, GOLD)
    world.relay(K)
    world.block(world.claim_tx(btm), world.claim_tx(gold))
    return world


class History:
    """One history. `deep`: reorganisations may reach deeper than K. `trace`: what happened."""

    def __init__(self, seed: int, deep: bool, template: World | None = None) -> None:
        self.random = Random(seed)
        self.deep = deep
        self.world = (template or _template()).copy()
        self.trace: list[str] = []
        self.world.strict = False
        self.pegouts: list[bytes] = []
        self.retired: Counter[bytes] = Counter()
        self.dropped: list[Transaction] = []
        self.did: Counter[str] = Counter()
        self.claims = {
            place
            for place, _ in deposits(self.world, self.world.main.height)
            if claimed_at(self.world.view, place) is not None
        }

    def moves(self) -> tuple[Move, ...]:
        """What may happen, and how often beside the others."""
        return (
            (self.deposit, 4), (self.grow, 6), (self.claim, 5), (self.burn, 6), (self.pay, 8),
            (self.move, 2), (self.touch, 2), (self.foreign, 1), (self.pending, 4),
            (self.prove, 5), (self.reorganise, 3), (self.again, 3), (self.donate, 2),
            (self.reprove, 3), (self.refund, 2), (self.resume, 4), (self.retire, 1),
        )  # fmt: skip

    def run(self, steps: int) -> None:
        moves = self.moves()
        acts, weights = [act for act, _ in moves], [weight for _, weight in moves]
        for step in range(steps):
            (act,) = self.random.choices(acts, weights)
            self.trace.append(f"{step}: {act.__name__} at {self._where()}")
            if act() is not False:
                self.did[act.__name__] += 1
            self.after()
        self.trace.append(f"checked at {self._where()}")
        self.check()

    def _where(self) -> str:
        world = self.world
        heights = f"main {world.main.height} relayed {world.relayed}"
        open, stops = world.open, world.stops.name or "none"
        return f"{heights} side {world.side.header.height} open {open} stops {stops}"

    def after(self) -> None:
        """After each step."""

    def check(self) -> None:
        prove_all(self.world)
        Ledger(self.world, self.claims, self.pegouts).check(self.retired)

    def _send(self, make: Callable[[], Transaction], *expected: type[Invalid]) -> bool:
        """Mine a transaction; the refusals expected are part of life."""
        try:
            self.world.main.send(make())
        except expected:
            return False
        return True

    # -- the main chain

    def grow(self) -> None:
        self.world.relay(self.random.randint(1, 5))

    def deposit(self) -> None:
        asset = self.random.choice(ASSETS)
        to = self.random.choice((CAROL, CAROL, BOB, None))
        # Below ten it cannot be claimed.
        self.world.deposit(self.random.choice((5, 40, 200, 900)), asset, to)

    def pay(self) -> bool:
        """Carry out the order of the present seq, if the sidechain ever recorded one."""
        seq = self.world.main.state.seq
        if batch_of(self.world.view, seq) is None:
            return False
        memo = self._memo()
        return self._send(lambda: self.world.order_of(seq, memo), BucketExceeded, Underfunded)

    def _memo(self) -> bytes:
        """Whom the settling transaction names as its sponsor, if anybody."""
        return self.random.choice((b"", BOB.lock.root))

    def touch(self) -> None:
        self.world.main.send(self.world.main.touch())

    def foreign(self) -> bool:
        """Somebody with the keys pays themselves; rarely, for the pegs stop then."""
        if self.random.random() < 0.7:
            return False
        tier, asset = self.random.choice((FAST, SLOW)), self.random.choice(ASSETS)
        paid = (Output(asset, self.random.randint(1, 90), ALICE.lock),)
        return self._send(lambda: self.world.main.order(paid, tier), BucketExceeded, Underfunded)

    def pending(self) -> bool:
        """Complete or veto what an order set aside."""
        coins = self.world.main.pendings()
        if not coins:
            return False
        place, coin = self.random.choice(coins)
        if self.random.random() < 0.3:
            return self._send(lambda: self.world.main.veto(place), TooLate)
        height, index = self.world.main.where[place.transaction]
        order = operation(self.world.main.line[height - 1].transactions[index])
        outputs = tuple(o for o in getattr(order, "outputs", ()) if o.asset == coin.asset)
        if self.random.random() < 0.7:
            self.world.main.grow(4)
        memo = self._memo()
        return self._send(lambda: self.world.main.complete(place, outputs, memo), NotMature)

    def reorganise(self) -> None:
        deep = self.deep and self.random.random() < 0.4
        depth = self._deep() if deep else self.random.randint(1, K)
        gone = self.world.main.reorganise(depth)
        if self.random.random() < 0.6:
            for tx in gone:
                self._again(tx)
        else:
            self.dropped += gone
        self.world.relay()
        if deep:
            self.check()

    def _deep(self) -> int:
        """More than K blocks: some number, or as many as take the last vault operations away."""
        main = self.world.main
        line = main.line[self.world.genesis.checkpoint.header.height + 1 :]
        heights = [n for n, block in enumerate(line) if any(map(operation, block.transactions))]
        reaching = [len(line) - n for n in heights[-6:] if K < len(line) - n <= 30]
        return self.random.choice([self.random.randint(K + 1, 14), *reaching])

    def again(self) -> bool:
        """Mine one of the transactions that fell out."""
        if not self.dropped:
            return False
        return self._again(self.dropped.pop(self.random.randrange(len(self.dropped))))

    def _again(self, tx: Transaction) -> bool:
        try:
            self.world.main.send(tx)
        except Invalid:
            return False
        return True

    # -- the sidechain

    def _open_deposits(self) -> list[tuple[Outpoint, Output]]:
        height = self.world.relayed - K
        return [d for d in deposits(self.world, height) if self._record(d[0]) is None]

    def _record(self, place: Outpoint) -> object:
        return claimed_at(self.world.view, place)

    def claim(self) -> bool:
        self.world.relay()
        free = [(p, o) for p, o in self._open_deposits() if claimable(self.world, o)]
        for place, _ in free:
            height, index = self.world.main.where[place.transaction]
            deposit = self.world.main.line[height - 1].transactions[index]
            try:
                self.world.block(self.world.claim_tx(deposit, place.index))
            except (PegsPaused, ClaimLimit, DepositBelowMinimum):
                return False  # a least deposit rises with the epoch that this block begins
            self.claims.add(place)
        return bool(free)

    def burn(self) -> bool:
        purses = [(owner, asset) for owner in PEOPLE for asset in ASSETS]
        owner, asset = max(self.random.sample(purses, 3), key=lambda one: self.world.balance(*one))
        most = self.world.balance(owner, asset) - 1
        if most < 5:
            return False
        amount = self.random.randint(5, min(1500, most))
        tx = self.world.burn_tx(amount, owner, asset)
        try:
            self.world.block(tx)
        except (PegsPaused, BurnBelowMinimum, BurnAboveCapacity):
            return False
        self.pegouts.append(pegout_id(self.world.genesis.id, tx.id, 0))
        return True

    def move(self) -> bool:
        return self._spend(self.random.choice(PEOPLE).lock) is not None

    def retire(self) -> bool:
        spent = self._spend(RetireLock(b"gone"))
        if spent is not None:
            self.retired[spent.asset] += spent.amount
        return spent is not None

    def _spend(self, lock: object) -> Output | None:
        owner, asset = self.random.choice(PEOPLE), self.random.choice(ASSETS)
        if self.world.balance(owner, asset) < 12:
            return None
        output = Output(asset, 10, lock)  # type: ignore[arg-type]
        self.world.block(self.world.transact(owner, (output,), asset=asset))
        return output

    def prove(self) -> None:
        prove_all(self.world)

    def donate(self) -> bool:
        """Give what is missing, and have it counted."""
        short = [a for a in ASSETS if self.world.sums(a).deficit]
        for asset in short:
            self.world.deposit(self.world.sums(asset).deficit, asset, None)
        self.world.relay(K)
        for place, output in self._open_deposits() if short else ():
            assert isinstance(output.lock, DepositLock)
            mine = output.lock.note == self.world.note(None)
            if mine and self.world.sums(output.asset).deficit:
                assert output.lock.note[32:] == DONATION
                height, index = self.world.main.where[place.transaction]
                tx = self.world.main.line[height - 1].transactions[index]
                self.world.block(self.world.donate_tx(tx, place.index))
                self.claims.add(place)
        return bool(short)

    def reprove(self) -> bool:
        self.world.relay()
        there = dict(deposits(self.world, self.world.relayed - K))
        again = [
            place
            for place in sorted(self.claims, key=lambda p: (p.transaction, p.index))
            if place in there and getattr(self._record(place), "orphaned", False)
        ]
        for place in again:
            height, index = self.world.main.where[place.transaction]
            tx = self.world.main.line[height - 1].transactions[index]
            self.world.block(self.world.reprove_tx(tx, place.index))
        return bool(again)

    def approved(self, kind: int, make: Callable[[int], Wire]) -> Transaction:
        """An action of enough members."""
        return approved(self.world, kind, make)

    def refund(self) -> bool:
        waiting = [id for id in self.pegouts if self._refundable(id)]
        if waiting:
            id = self.random.choice(waiting)
            made = lambda nonce: RefundRequests(nonce, (id,))  # noqa: E731
            self.world.block(self.approved(REFUND, made))
        return bool(waiting)

    def _make_good(self) -> None:
        """End what keeps the stops, as far as it can be ended."""
        self.world.relay(K)
        prove_all(self.world)
        for act in (self.reprove, self.donate):
            self.did[act.__name__] += act()

    def _refundable(self, id: bytes) -> bool:
        """What waits and was burned here; a stray deposit has nobody to be refunded to."""
        waits = self.world.stands(id) == PegoutState.REQUESTED
        return waits and self.world.request(id).refund != bytes(32)

    def resume(self) -> bool:
        if not self.world.stops:
            return False
        if self.random.random() < 0.7:
            self._make_good()
        try:
            self.world.block(self.approved(RESUME, Resume))
        except StopStands:
            return False
        return True

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
from bystack.primitives.errors import Invalid
from bystack.sidechain.batches import batch_of
from bystack.sidechain.burns import BurnBelowMinimum
from bystack.sidechain.claims import DONATION, ClaimLimit, claimed_at
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
    """One history. `deep`: reorganisations may reach deeper than K."""

    def __init__(self, seed: int, deep: bool) -> None:
        self.random = Random(seed)
        self.deep = deep
        self.world = _template().copy()
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

    def run(self, steps: int) -> None:
        weighted = (
            (self.deposit, 4), (self.grow, 6), (self.claim, 5), (self.burn, 6), (self.pay, 8),
            (self.move, 2), (self.touch, 2), (self.foreign, 1), (self.pending, 4),
            (self.prove, 5), (self.reorganise, 3), (self.again, 3), (self.donate, 2),
            (self.reprove, 3), (self.refund, 2), (self.resume, 4), (self.retire, 1),
        )  # fmt: skip
        acts: list[Callable[[], object]] = [act for act, _ in weighted]
        for _ in range(steps):
            (act,) = self.random.choices(acts, [weight for _, weight in weighted])
            if act() is not False:
                self.did[act.__name__] += 1
        self.check()

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
        return self._send(lambda: self.world.order_of(seq), BucketExceeded, Underfunded)

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
        return self._send(lambda: self.world.main.complete(place, outputs), NotMature)

    def reorganise(self) -> None:
        deep = self.deep and self.random.random() < 0.4
        depth = self.random.randint(K + 1, 14) if deep else self.random.randint(1, K)
        gone = self.world.main.reorganise(depth)
        if self.random.random() < 0.6:
            for tx in gone:
                self._again(tx)
        else:
            self.dropped += gone
        self.world.relay()
        if deep:
            self.check()

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
            except (PegsPaused, ClaimLimit):
                return False
            self.claims.add(place)
        return bool(free)

    def burn(self) -> bool:
        owner, asset = self.random.choice(PEOPLE), self.random.choice(ASSETS)
        amount = self.random.randint(5, 1500)
        if self.world.balance(owner, asset) <= amount:
            return False
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

    def refund(self) -> bool:
        waiting = [id for id in self.pegouts if self.world.stands(id) == PegoutState.REQUESTED]
        if waiting:
            id = self.random.choice(waiting)
            made = lambda nonce: RefundRequests(nonce, (id,))  # noqa: E731
            self.world.block(approved(self.world, REFUND, made))
        return bool(waiting)

    def resume(self) -> bool:
        if not self.world.stops:
            return False
        try:
            self.world.block(approved(self.world, RESUME, Resume))
        except StopStands:
            return False
        return True

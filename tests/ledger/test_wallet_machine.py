"""A wallet against a plain model: over blocks, reorganisations, payments sent and dropped, restarts
of the wallet, its coins, balances and history are what a reading of the chain from the start gives.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from bystack.ledger.accounts import CHANGE, RECEIVE, TEST_COIN, Place, account_of
from bystack.ledger.addressbook import AddressBook
from bystack.ledger.amounts import BTM
from bystack.ledger.coins import Coin, Delta
from bystack.ledger.payments import FeeTerms, InsufficientFunds, build_payment
from bystack.ledger.rows import Rows
from bystack.ledger.transactions import Outpoint, Output, PolicyLock, Transaction
from bystack.ledger.wallet import Balance, Wallet
from bystack.primitives.bip32 import master
from tests.ledger.people import BOB, CHAIN, body, outpoint, pay

ACCOUNT = account_of(master(b"\x05" * 32), TEST_COIN, 0)
MINE = [PolicyLock(ACCOUNT.root(Place(RECEIVE, n))) for n in range(4)]
CHANGES = {PolicyLock(ACCOUNT.root(Place(CHANGE, n))) for n in range(60)}
OURS = CHANGES | set(MINE)
MATURITY = 2
FEES = FeeTerms(BTM, 1_000_000)


@dataclass
class Block:
    """Transactions, the ids of rewards among them, and what they did to our coins."""

    transactions: list[Transaction]
    rewards: set[bytes]
    delta: Delta = field(default_factory=lambda: Delta({}, {}))


class Model:
    """Our coins after some blocks, read from the start."""

    def __init__(self, blocks: list[Block]) -> None:
        self.coins: dict[Outpoint, Coin] = {}
        self.history: list[tuple[bytes, int, int]] = []
        for height, block in enumerate(blocks, 1):
            for tx in block.transactions:
                self._apply(tx, height, int(tx.id in block.rewards))

    def _apply(self, tx: Transaction, height: int, reward: int) -> None:
        spent = [self.coins.pop(point) for point in tx.body.inputs if point in self.coins]
        made = {
            Outpoint(tx.id, n): Coin(out.asset, out.amount, out.lock, height, reward, 1, b"")
            for n, out in enumerate(tx.body.outputs)
            if out.lock in OURS
        }
        self.coins |= made
        if spent or made:
            net = sum(c.amount for c in made.values()) - sum(c.amount for c in spent)
            self.history.append((tx.id, height, net))


class Machine(RuleBasedStateMachine):
    """One wallet, one chain, payments on their way."""

    def __init__(self) -> None:
        super().__init__()
        self.wallet = Wallet(ACCOUNT)
        self.blocks: list[Block] = []
        self.open: list[Transaction] = []
        self.number = 0

    def fresh(self, *outputs: Output) -> Transaction:
        self.number += 1
        return Transaction(body([outpoint(self.number)], outputs), ())

    @rule(
        incomes=st.lists(st.tuples(st.integers(0, 3), st.integers(1_000, 90_000)), max_size=3),
        reward=st.booleans(),
        mined=st.integers(0, 3),
        theft=st.booleans(),
    )
    def block(self, incomes: list[tuple[int, int]], reward: bool, mined: int, theft: bool) -> None:
        """Income, perhaps a reward, some of our payments, perhaps a rival of one of them."""
        made = [self.fresh(Output(BTM, amount, MINE[n]), pay(BOB, 1)) for n, amount in incomes]
        rewards = {made[0].id} if made and reward else set()
        made += self.open[:mined]
        if theft and self.open[mined:]:
            made.append(Transaction(body(self.open[mined].body.inputs[:1], [pay(BOB, 5)]), ()))
        block = Block(made, rewards)
        self._connect(block)

    def _connect(self, block: Block) -> None:
        before = Model(self.blocks).coins
        self.blocks.append(block)
        after = Model(self.blocks).coins
        gone = {p: coin for p, coin in before.items() if p not in after}
        block.delta = Delta(gone, {p: coin for p, coin in after.items() if p not in before})
        height = len(self.blocks)
        self.wallet.observe(height, block.delta, block.transactions, rewards=block.rewards)
        spent = {point for tx in block.transactions for point in tx.body.inputs}
        here = {tx.id for tx in block.transactions}
        for point in spent:
            self.wallet.pending.pop(point, None)
            self.wallet.reserved.pop(point, None)
        for tx in list(self.open):
            if tx.id in here:
                self.open.remove(tx)
            elif spent & set(tx.body.inputs) and tx in self.open:
                self._drop(tx)

    def _drop(self, tx: Transaction) -> None:
        self.open.remove(tx)
        self.wallet.dropped(tx)
        for other in list(self.open):
            if (
                any(point.transaction == tx.id for point in other.body.inputs)
                and other in self.open
            ):
                self._drop(other)

    @precondition(lambda self: self.blocks)
    @rule()
    def disconnect(self) -> None:
        block = self.blocks.pop()
        self.wallet.forget(len(self.blocks) + 1, block.delta)
        # What builds on a payment of the block is not in the model any more: it is given up.
        made = {tx.id for tx in block.transactions}
        for tx in list(self.open):
            if tx in self.open and any(point.transaction in made for point in tx.body.inputs):
                self._drop(tx)

    @rule(amount=st.integers(100, 120_000), unconfirmed=st.booleans())
    def send(self, amount: int, unconfirmed: bool) -> None:
        look = self.wallet.spendable if unconfirmed else self.wallet.confirmed
        change = self.wallet.change_lock()
        try:
            draft = build_payment(CHAIN, look(MATURITY), [pay(BOB, amount)], change, FEES)
        except InsufficientFunds:
            return
        self.wallet.reserve(draft)
        tx = Transaction(draft.body, draft.witnesses)
        self.wallet.sent(tx)
        self.open.append(tx)

    @precondition(lambda self: self.open)
    @rule(which=st.integers(0, 99))
    def drop(self, which: int) -> None:
        self._drop(self.open[which % len(self.open)])

    @rule()
    def restart(self) -> None:
        """Only rows survive; payments on their way are known from elsewhere."""
        old = self.wallet
        book = AddressBook(old.book.gap, dict(old.book.records), dict(old.book.places))
        book.add(0, ACCOUNT)
        self.wallet = Wallet(book=book)
        self.wallet.height = old.height
        self.wallet.coins, self.wallet.history = Rows(old.coins), Rows(old.history)
        for tx in self.open:
            self.wallet.sent(tx)

    @invariant()
    def coins_are_the_chains(self) -> None:
        model = Model(self.blocks)
        assert self.wallet.coins == model.coins
        assert self.wallet.height == len(self.blocks)
        shown = [
            (e.transaction, e.height, sum(m.received - m.sent for m in e.movements))
            for e in self.wallet.history.values()
        ]
        assert shown == model.history

    @invariant()
    def payments_hold_their_coins_and_no_others(self) -> None:
        taken = {point for tx in self.open for point in tx.body.inputs}
        known = self.wallet.coins.keys() | self.wallet.pending.keys()
        assert self.wallet.reserved.keys() == taken & known
        change = {
            Outpoint(tx.id, n)
            for tx in self.open
            for n, out in enumerate(tx.body.outputs)
            if out.lock in OURS
        }
        assert self.wallet.pending.keys() == change

    @invariant()
    def balances_add_up(self) -> None:
        model, held = Model(self.blocks).coins, self.wallet.balances(MATURITY).get(BTM, Balance())
        total = sum(coin.amount for coin in (*model.values(), *self.wallet.pending.values()))
        assert held.confirmed + held.immature + held.pending + held.reserved == total
        for coin in self.wallet.confirmed(MATURITY).values():
            assert not coin.coinbase or len(self.blocks) + 1 - coin.height >= MATURITY


Machine.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
TestWallet = Machine.TestCase

"""The guarded vault as the guard's own full node shows it: every spend, coin by coin.

Blocks come from a node that judged them whole, so what they hold is valid; here it is only kept:
the anchor with its state, what the vault holds, what is pending. Each block can be taken back.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from typing import NamedTuple

from bystack.ledger.policies import Policy
from bystack.ledger.terms import Terms, decode_terms
from bystack.ledger.transactions import (
    DepositLock,
    Outpoint,
    Output,
    PendingLock,
    Transaction,
    TreasuryLock,
)
from bystack.ledger.vault_operations import (
    VAULT_KINDS,
    AnchorOperation,
    Complete,
    Operation,
    Order,
    Veto,
    guard_hash,
)
from bystack.ledger.vault_state import AnchorState, decode_state, tier_of
from bystack.mainchain.blocks import Block
from bystack.primitives.errors import Invalid
from bystack.sidechain.inclusion import Included
from bystack.sidechain.mirror import follow, operation_in
from bystack.sidechain.params import Genesis
from bystack.sidechain.records import Mirror

MAX_UNDO = 10_000


class UndoForgotten(Invalid):
    """The main chain takes back more of the vault's blocks than are kept: follow it anew."""


class Waiting(NamedTuple):
    """A pending coin: which order set it aside, and from which height it may be paid out."""

    seq: int
    order: bytes
    mature: int
    asset: bytes
    amount: int


class Move(NamedTuple):
    """One operation on the vault: in which block and transaction, from which state and terms.

    `seq`: the seq it spent; of a completion or veto that of the order behind it. `pending`: the
    coins it set aside. `paid`: what left the vault by it.
    """

    height: int
    transaction: bytes
    operation: Operation
    seq: int
    terms: Terms
    pending: tuple[Outpoint, ...] = ()
    paid: tuple[tuple[bytes, int], ...] = ()


class _Undo(NamedTuple):
    height: int
    mirror: Mirror | None
    spent: dict[Outpoint, Output]
    created: list[Outpoint]
    waiting: dict[Outpoint, Waiting]


class Vault:
    """One vault, followed from the block that created it."""

    def __init__(self, genesis: Genesis) -> None:
        self._genesis = genesis
        self._mirror: Mirror | None = None
        self._coins: dict[Outpoint, Output] = {}
        self._undo: deque[_Undo] = deque(maxlen=MAX_UNDO)
        self._forgotten = -1
        self._turns: list[tuple[int, int, Operation]] = []
        self._guards = {guard_hash(genesis.terms.guard.policy): genesis.terms.guard.policy}
        self.waiting: dict[Outpoint, Waiting] = {}
        self.height = 0

    @property
    def known(self) -> bool:
        """Its creation was seen."""
        return self._mirror is not None

    @property
    def anchor(self) -> AnchorState:
        """The anchor's state now; the vault must be known."""
        assert self._mirror is not None, "asked before the vault was created"
        return decode_state(self._mirror.state)

    @property
    def place(self) -> Outpoint:
        """Where the anchor is now; the vault must be known."""
        assert self._mirror is not None, "asked before the vault was created"
        return self._mirror.anchor

    @property
    def terms(self) -> Terms:
        """The terms in force."""
        return decode_terms(self._mirror.terms) if self._mirror else self._genesis.terms

    @property
    def holdings(self) -> Counter[bytes]:
        """What the vault holds per asset: deposit, treasury and pending coins."""
        held: Counter[bytes] = Counter()
        for output in self._coins.values():
            held[output.asset] += output.amount
        return held

    def at_turn(self, turn: int) -> Operation | None:
        """What used this turn up; None while it is still to come."""
        return next((one for _, at, one in self._turns if at == turn), None)

    def guard_of(self, coin: Outpoint) -> Policy:
        """The policy that may veto a waiting coin, as the coin names it."""
        lock = self._coins[coin].lock
        assert isinstance(lock, PendingLock), "only pending coins wait"
        return self._guards[lock.guard]

    def connect(self, height: int, block: Block) -> tuple[Move, ...]:
        """Take a block; the operations on the vault in it, in order."""
        undo = _Undo(height, self._mirror, {}, [], dict(self.waiting))
        moves = tuple(
            move for tx in block.transactions for move in self._take(height, block, tx, undo)
        )
        if moves or undo.spent or undo.created:
            if len(self._undo) == MAX_UNDO:
                self._forgotten = self._undo[0].height
            self._undo.append(undo)
        self.height = height
        return moves

    def disconnect(self, height: int) -> None:
        """Take the block of this height back; raises `UndoForgotten`."""
        if height <= self._forgotten:
            raise UndoForgotten(height=height)
        if self._undo and self._undo[-1].height == height:
            undo = self._undo.pop()
            self._mirror, self.waiting = undo.mirror, undo.waiting
            # In this order: a coin may have been made and spent in the one block.
            self._turns = [one for one in self._turns if one[0] < height]
            self._coins.update(undo.spent)
            for point in undo.created:
                self._coins.pop(point, None)
        self.height = height - 1

    def _take(self, height: int, block: Block, tx: Transaction, undo: _Undo) -> Iterator[Move]:
        """A transaction: coins that leave and come, and the operation if it is on this vault."""
        before, terms, known = self._mirror, self.terms, self._of_vault(tx)
        waited = [point for point in tx.body.inputs if point in self.waiting]
        for point in tx.body.inputs:
            if point in self._coins:
                undo.spent[point] = self._coins.pop(point)
        self._receive(tx, undo)
        if not known and not waited:
            return
        operation = operation_in(tx)
        if waited:
            yield self._resolved(height, tx, operation, waited[0], terms)
            return
        step = follow(self._genesis, before, Included(tx, block.header))
        self._mirror = step.mirror
        if before is not None and step.operation is not None:
            self._turned(height, decode_state(before.state), step.operation)
            yield self._moved(height, tx, step.operation, step.seq, terms)

    def _turned(self, height: int, before: AnchorState, operation: Operation) -> None:
        if self.anchor.turn != before.turn:
            self._turns.append((height, before.turn, operation))
            policy = self.terms.guard.policy
            self._guards[guard_hash(policy)] = policy

    def _of_vault(self, tx: Transaction) -> bool:
        """True if it spends the anchor, or creates it."""
        if not any(action.kind in VAULT_KINDS for action in tx.body.actions):
            return False
        if self._mirror is None:
            return any(getattr(o.lock, "vault", None) == self._genesis.vault
                       for o in tx.body.outputs[:1])  # fmt: skip
        return tx.body.inputs[:1] == (self._mirror.anchor,)

    def _receive(self, tx: Transaction, undo: _Undo) -> None:
        kinds = DepositLock | TreasuryLock | PendingLock
        for index, output in enumerate(tx.body.outputs):
            if isinstance(output.lock, kinds) and output.lock.vault == self._genesis.vault:
                point = Outpoint(tx.id, index)
                self._coins[point] = output
                undo.created.append(point)

    def _resolved(
        self, height: int, tx: Transaction, operation: Operation, point: Outpoint, terms: Terms
    ) -> Move:
        """A pending coin was paid out or vetoed."""
        coin = self.waiting.pop(point)
        assert isinstance(operation, Complete | Veto), "nothing else spends a pending coin"
        paid = ((coin.asset, coin.amount),) if isinstance(operation, Complete) else ()
        return Move(height, tx.id, operation, coin.seq, terms, (point,), paid)

    def _moved(
        self, height: int, tx: Transaction, operation: AnchorOperation, seq: int, terms: Terms
    ) -> Move:
        """The anchor was spent; an order paid, or set coins aside."""
        if not isinstance(operation, Order):
            return Move(height, tx.id, operation, seq, terms)
        if not tier_of(terms, operation.tier).delay:
            paid = tuple((output.asset, output.amount) for output in operation.outputs)
            return Move(height, tx.id, operation, seq, terms, (), paid)
        pending = tuple(self._set_aside(height, tx, seq))
        return Move(height, tx.id, operation, seq, terms, pending)

    def _set_aside(self, height: int, tx: Transaction, seq: int) -> Iterator[Outpoint]:
        for index, output in enumerate(tx.body.outputs):
            if isinstance(output.lock, PendingLock):
                point = Outpoint(tx.id, index)
                mature = height + output.lock.delay
                self.waiting[point] = Waiting(seq, tx.id, mature, output.asset, output.amount)
                yield point

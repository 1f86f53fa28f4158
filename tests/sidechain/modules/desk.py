"""A module alone at its desk: actions go straight to it, what it takes and pays is added up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from bystack.ledger.pst import Branch
from bystack.ledger.satisfaction import policy_root, prove_branch
from bystack.ledger.transactions import Action, Approval, NoWitness
from bystack.primitives.codec import Wire, encode
from bystack.primitives.hashes import fixed
from bystack.sidechain.modules.approvals import approval, approval_digest
from bystack.sidechain.modules.base import (
    ActionContext,
    BlockContext,
    Ending,
    Module,
    Outcome,
    Payment,
    PrefixedState,
)
from bystack.sidechain.state import SystemState
from tests.ledger.people import Person
from tests.sidechain.world import Store

CHAIN = b"\xc1" * 32
KIND = 256


class Desk:
    """One module over a state of its own, in blocks that `turn` ends."""

    def __init__(self, module: Module, config: Wire, height: int = 1) -> None:
        self.module, self.store = module, Store()
        self.height, self.number = height, 0
        self.held: Counter[bytes] = Counter()
        self.paid: Counter[tuple[bytes, bytes]] = Counter()
        self.fees: Counter[bytes] = Counter()
        started = SystemState(self.store)
        module.start(PrefixedState(started, module.name), encode(config))
        self.store.take(started.changes)

    @property
    def block(self) -> BlockContext:
        return BlockContext(CHAIN, self.height, self.height * 1_000, self.height // 10)

    @property
    def state(self) -> PrefixedState:
        """The state to read from; what is written there is lost."""
        return PrefixedState(SystemState(self.store), self.module.name)

    def context(self, body: bytes, kind: int, *signers: Person, id: bytes = b"") -> ActionContext:
        """An action in a transaction of its own, approved by one person or nobody."""
        self.number += 1
        transaction = id or fixed(self.number, 32)
        witness: NoWitness | Approval = NoWitness()
        for one in signers:
            witness = approved(one, transaction)
        return ActionContext(self.block, transaction, 0, Action(KIND + kind, body), witness)

    def act(self, kind: int, action: Wire, *signers: Person) -> Outcome:
        """Carry an action out; refused, nothing is changed."""
        return self.carry(self.context(encode(action), kind, *signers), kind)

    def carry(self, context: ActionContext, kind: int) -> Outcome:
        """Carry out an action whose surroundings are given."""
        state = SystemState(self.store)
        outcome = self.module.act(PrefixedState(state, self.module.name), context, kind)
        self.store.take(state.changes)
        self.held.update(outcome.effects.destroyed)
        self._pay(outcome.payments)
        return outcome

    def turn(self) -> Ending:
        """End the block and begin the next."""
        state = SystemState(self.store)
        ending = self.module.end(PrefixedState(state, self.module.name), self.block)
        self.store.take(state.changes)
        self._pay(ending.payments)
        for asset, amount in ending.forfeits.items():
            self._leave(asset, amount)
            self.fees[asset] += amount
        self.height += 1
        return ending

    def _pay(self, payments: Sequence[Payment]) -> None:
        for asset, amount, root in payments:
            assert amount > 0
            self._leave(asset, amount)
            self.paid[root, asset] += amount

    def _leave(self, asset: bytes, amount: int) -> None:
        self.held[asset] -= amount
        assert self.held[asset] >= 0, "more is given than was taken"


def approved(one: Person, transaction: bytes, position: int = 0, chain: bytes = CHAIN) -> Approval:
    """A person's approval of an action."""
    branch = Branch(one.policy, prove_branch([one.policy], 0))
    return approval(branch, (one.sign(approval_digest(chain, transaction, position)),))


def root_of(one: Person) -> bytes:
    """The policy root of a person."""
    return policy_root([one.policy])

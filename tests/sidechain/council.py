"""A module that does whatever a module may: decides, holds coins for others, shares peg fees.

It asks nobody, so that random histories reach every rule; what it must not do the chain refuses.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from bystack.ledger.effects import Effects
from bystack.ledger.transactions import Action, NoWitness, Transaction, TransactionBody
from bystack.primitives.codec import U63, Bytes32, Wire, decode, encode
from bystack.sidechain.modules.base import (
    ActionContext,
    BlockContext,
    Ending,
    Outcome,
    Payment,
    PrefixedState,
    Quiet,
)
from bystack.sidechain.peg_numbers import PegNumbers
from bystack.sidechain.records import Return
from tests.ledger.people import ALICE

DECIDE, HOLD = 0, 1
SHARES_EVERY = 5


class Decision(Wire):
    """What is decided; `number` makes each another transaction. `gives`: asset and amount out of
    what the module holds."""

    number: U63
    returns: Annotated[tuple[Return, ...], Meta(max_length=10)]
    numbers: Annotated[tuple[PegNumbers, ...], Meta(max_length=1)]
    gives: Annotated[tuple[tuple[Bytes32, U63], ...], Meta(max_length=2)]


class Held(Wire):
    """Coins passed to the module."""

    asset: Bytes32
    amount: U63


class Council(Quiet):
    """The module named `council`."""

    name = "council"
    free = frozenset((DECIDE,))

    def act(self, state: PrefixedState, context: ActionContext, kind: int) -> Outcome:
        if kind == HOLD:
            held = decode(Held, context.action.body, 1_000)
            return Outcome(Effects(destroyed={held.asset: held.amount}))
        made = decode(Decision, context.action.body, 100_000)
        payments = tuple(Payment(asset, amount, ALICE.lock.root) for asset, amount in made.gives)
        return Outcome(returns=made.returns, pegs=made.numbers, payments=payments)

    def end(self, state: PrefixedState, block: BlockContext) -> Ending:
        """Every few blocks half of the peg fees that nothing waits for, and of the others'."""
        if block.height % SHARES_EVERY:
            return Ending()
        shares, rewards = (
            tuple(Payment(asset, n // 2, ALICE.lock.root) for asset, n in sums.items() if n > 1)
            for sums in (block.spare, block.fees)
        )
        return Ending(shares=shares, rewards=rewards)


def decided(kind: int, decision: Decision) -> Transaction:
    """A transaction of its own; `kind`: the wire kind of `DECIDE`."""
    action = Action(kind, encode(decision))
    return Transaction(TransactionBody(1, (), (), (action,), 0, 0, b""), (NoWitness(),))

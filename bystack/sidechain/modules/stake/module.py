"""The module named `stake`: holders lock coins behind candidates, and these validate.

Stake lies in the module's holdings, so it leaves circulation for nobody and backs what it backed
before; rewards come out of fees. Nothing here can mint (see `sidechain.custody`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bystack.ledger.effects import Check, Effects
from bystack.primitives.codec import decode
from bystack.sidechain.consensus.validators import Validator, ValidatorSet
from bystack.sidechain.modules.approvals import approved_by
from bystack.sidechain.modules.base import (
    NO_ENDING,
    ActionContext,
    BlockContext,
    Ending,
    Event,
    Outcome,
    Payment,
    PrefixedState,
    Quiet,
)
from bystack.sidechain.modules.stake import ballots, candidacy, queries, rewards, slashing
from bystack.sidechain.modules.stake.actions import (
    REGISTER,
    UNJAIL,
    UNREGISTER,
    UNVOTE,
    UPDATE,
    Register,
    StakeAction,
    Unjail,
    Unregister,
    Unvote,
    Update,
    VoteFor,
    Withdraw,
    decode_action,
)
from bystack.sidechain.modules.stake.book import CONFIG, NAME, Book
from bystack.sidechain.modules.stake.electing import elect
from bystack.sidechain.modules.stake.records import MAX_CONFIG, StakeConfig, check_config


class StakeModule(Quiet):
    """Elections by delegated stake (bbft.md, section 9)."""

    name = NAME
    approved = frozenset((REGISTER, UPDATE, UNREGISTER, UNJAIL, UNVOTE))
    queries = tuple(queries.QUERIES)

    def start(self, state: PrefixedState, config: bytes) -> None:
        """Keep the configuration; raises `StakeInvalid` and the codec's errors."""
        check_config(decode(StakeConfig, config, MAX_CONFIG))
        state.put(config, CONFIG)

    def act(self, state: PrefixedState, context: ActionContext, kind: int) -> Outcome:
        """Carry out an action; raises what `candidacy` and `ballots` raise."""
        action = decode_action(kind, context.action.body)
        checks = approved_by(context, _root(action)) if kind in self.approved else ()
        return _act(Book(state), context.block, action, checks)

    def end(self, state: PrefixedState, block: BlockContext) -> Ending:
        """Count the parent's signers; share an epoch's fees once it is whole."""
        book = Book(state)
        lost = book.forfeit
        book.forfeit = 0
        counted = rewards.count(book, block)
        events = tuple(Event("jailed", {"key": key.hex()}) for key in counted.jailed)
        forfeits = {book.config.asset: lost} if lost else {}
        return Ending(rewards=counted.rewards, forfeits=forfeits, events=events)

    def elect(
        self, state: PrefixedState, block: BlockContext, current: ValidatorSet
    ) -> tuple[Validator, ...]:
        """The candidates with the most stake; () where too few stand."""
        return elect(Book(state), current)

    def convict(self, state: PrefixedState, block: BlockContext, key: bytes) -> Ending:
        """Cut the stake behind a validator, bury its key and its operator."""
        book = Book(state)
        lost = slashing.convict(book, block, key)
        if not lost:
            return NO_ENDING
        told = Event("slashed", {"key": key.hex(), "amount": lost})
        return Ending(forfeits={book.config.asset: lost}, events=(told,))

    def query(
        self, state: PrefixedState, name: str, params: Sequence[Any]
    ) -> Mapping[str, Any] | None:
        """`getcandidates`, `getstake`, `getunbonding`, `getstaking`."""
        asked = queries.QUERIES.get(name)
        return None if asked is None else asked(Book(state), params)


def _root(action: StakeAction) -> bytes:
    """The policy root an action begins with."""
    match action:
        case VoteFor() | Unvote() | Withdraw():
            return action.owner
        case _:
            return action.operator


def _act(
    book: Book, block: BlockContext, action: StakeAction, checks: tuple[Check, ...]
) -> Outcome:
    match action:
        case Register():
            checks += candidacy.register(book, block, action)
            return _locking(book, action.amount, checks)
        case VoteFor(owner, key, amount):
            candidate = candidacy.standing(book, key)
            ballots.add_ballot(book, block, candidate, owner, amount)
            return _locking(book, amount, checks)
        case Withdraw(owner):
            return _paying(book, owner, ballots.withdraw(book, block, owner))
        case Update():
            candidacy.update(book, action)
        case Unregister():
            candidacy.unregister(book, block, action)
        case Unjail():
            candidacy.unjail(book, block, action)
        case Unvote(owner, key, amount):
            behind = candidacy.known(book, key)
            ballots.take_back(book, block, behind, owner, amount)
    return Outcome(Effects(checks=checks))


def _locking(book: Book, amount: int, checks: tuple[Check, ...]) -> Outcome:
    return Outcome(Effects(destroyed={book.config.asset: amount}, checks=checks))


def _paying(book: Book, owner: bytes, amount: int) -> Outcome:
    paid = (Payment(book.config.asset, amount, owner),) if amount else ()
    return Outcome(payments=paid)

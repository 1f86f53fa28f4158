"""Who stands for election: registering, changing node, leaving, coming back from jail.

The operator approves each of these under its policy, however many keys that has. The roster holds
1,000 candidates; where it is full, a newcomer with more own stake than the weakest has in all takes
that one's place.
"""

from __future__ import annotations

import msgspec

from bystack.ledger.effects import Check
from bystack.primitives.errors import Invalid
from bystack.sidechain.modules.base import BlockContext
from bystack.sidechain.modules.stake.actions import Register, Unjail, Unregister, Update, key_checks
from bystack.sidechain.modules.stake.ballots import add_ballot, take_back
from bystack.sidechain.modules.stake.book import Book
from bystack.sidechain.modules.stake.records import MAX_CANDIDATES, WHOLE, Candidate

NOWHERE = bytes(32)


class CandidateUnknown(Invalid):
    """Nobody stands for election with this key."""


class CandidateKnown(Invalid):
    """A candidate with this key stands for election already."""


class NodeTaken(Invalid):
    """Another candidate speaks from this node."""


class NodeUnset(Invalid):
    """A node id of zeros is no node's."""


class OperatorForeign(Invalid):
    """The candidate is governed by another operator."""


class OwnStakeSmall(Invalid):
    """The operator's own stake is less than a candidate needs."""


class CommissionInvalid(Invalid):
    """The commission is above all of the rewards, or would rise."""


class Tombstoned(Invalid):
    """Evidence convicted this validator key or operator: it never validates again."""


class NotJailed(Invalid):
    """The candidate is not in jail."""


class JailedStill(Invalid):
    """The time in jail is not over."""


class RosterFull(Invalid):
    """A thousand candidates with more stake stand for election."""


def register(book: Book, block: BlockContext, action: Register) -> tuple[Check, ...]:
    """A candidate stands, with its operator's first ballot; the signatures that needs."""
    _check_alive(book, action.key, action.operator)
    before = book.candidate(action.key)
    if before is not None and not before.gone:
        raise CandidateKnown(key=action.key)
    # Else whoever answers for the key's past could hand it to a man of straw.
    if before is not None and before.operator != action.operator:
        raise OperatorForeign(operator=before.operator)
    if action.amount < book.config.own:
        raise OwnStakeSmall(given=action.amount, least=book.config.own)
    if action.commission > WHOLE:
        raise CommissionInvalid(given=action.commission, most=WHOLE)
    _check_node(book, action.node)
    checks = key_checks(block.chain, action)
    _make_room(book, action.amount)
    standing = book.enter(_candidate(action, before))
    add_ballot(book, block, standing, action.operator, action.amount)
    return checks


def _candidate(action: Register, before: Candidate | None) -> Candidate:
    """Jail and ballots outlast leaving."""
    fields = action.key, action.proof, action.node, action.operator, action.commission
    if before is None:
        return Candidate(*fields, stake=0, own=0, place=0, gone=0, jailed=0)
    return Candidate(*fields, before.stake, before.own, place=0, gone=0, jailed=before.jailed)


def _make_room(book: Book, amount: int) -> None:
    if book.count < MAX_CANDIDATES:
        return
    weakest = min(book.roster(), key=lambda one: (one.stake, one.key))
    if weakest.stake >= amount:
        raise RosterFull(least=weakest.stake + 1)
    book.leave(weakest)


def update(book: Book, action: Update) -> None:
    """Another node, a lower commission."""
    candidate = governed(book, action.operator, action.key)
    if action.commission > candidate.commission:
        raise CommissionInvalid(given=action.commission, most=candidate.commission)
    if action.node != candidate.node:
        _check_node(book, action.node)
        candidate = book.move_node(candidate, action.node)
    book.keep(msgspec.structs.replace(candidate, commission=action.commission))


def unregister(book: Book, block: BlockContext, action: Unregister) -> None:
    """Off the roster; the operator's ballot is taken back."""
    # Also one whose operator was convicted at another key: it only goes.
    candidate = _of(action.operator, known(book, action.key))
    if candidate.gone:
        raise CandidateUnknown(key=action.key)
    candidate = book.leave(candidate)
    if candidate.own:
        take_back(book, block, candidate, action.operator, candidate.own)


def unjail(book: Book, block: BlockContext, action: Unjail) -> None:
    """Back to where one can be elected."""
    candidate = governed(book, action.operator, action.key)
    if not candidate.jailed:
        raise NotJailed(key=action.key)
    if block.epoch < candidate.jailed:
        raise JailedStill(epoch=block.epoch, until=candidate.jailed)
    book.keep(msgspec.structs.replace(candidate, jailed=0))


def standing(book: Book, key: bytes) -> Candidate:
    """The candidate with this key; raises `CandidateUnknown`, `Tombstoned`."""
    candidate = known(book, key)
    _check_alive(book, key, candidate.operator)
    if candidate.gone:
        raise CandidateUnknown(key=key)
    return candidate


def known(book: Book, key: bytes) -> Candidate:
    """Who stands or stood with this key; raises `CandidateUnknown`."""
    candidate = book.candidate(key)
    if candidate is None:
        raise CandidateUnknown(key=key)
    return candidate


def governed(book: Book, operator: bytes, key: bytes) -> Candidate:
    """The candidate with this key, if the operator governs it; raises also `OperatorForeign`."""
    return _of(operator, standing(book, key))


def _of(operator: bytes, candidate: Candidate) -> Candidate:
    if candidate.operator != operator:
        raise OperatorForeign(operator=candidate.operator)
    return candidate


def _check_alive(book: Book, key: bytes, operator: bytes) -> None:
    for name in (key, operator):
        if book.tomb(name) is not None:
            raise Tombstoned(name=name)


def _check_node(book: Book, node: bytes) -> None:
    if node == NOWHERE:
        raise NodeUnset()
    # A set with one node twice could not vote: peers are known by their node.
    if book.at_node(node) is not None:
        raise NodeTaken(node=node)

"""Locking stake behind a candidate, taking it back, paying it out when it answers for nothing more.

A candidate has 100 ballots, so that rewards are paid to everyone at once; where they are full a
larger ballot turns out the smallest, whose stake comes back as if its owner had taken it back.
"""

from __future__ import annotations

from msgspec.structs import replace

from bystack.primitives.errors import Invalid
from bystack.sidechain.modules.base import BlockContext
from bystack.sidechain.modules.stake.book import Book
from bystack.sidechain.modules.stake.records import (
    MAX_BALLOTS,
    MAX_RETURNS,
    MAX_WAITING,
    WHOLE,
    Ballot,
    Candidate,
    Returning,
    StakeConfig,
)

NOBODY = bytes(32)


class OwnerUnset(Invalid):
    """A policy root of zeros is nobody's."""


class BallotSmall(Invalid):
    """The ballot, or what would be left of it, is smaller than a ballot may be."""


class StakeUnit(Invalid):
    """The amount is not in whole units of the staked asset: it could never be paid back."""


class BallotUnknown(Invalid):
    """The owner has no ballot for this candidate."""


class BallotShort(Invalid):
    """The ballot is smaller than what is to be taken back."""


class BallotsFull(Invalid):
    """The candidate has a hundred larger ballots."""


class ReturnsFull(Invalid):
    """The owner waits for too many returns already: withdraw what is due first."""


class NothingDue(Invalid):
    """Nothing the owner took back is due yet."""


def add_ballot(
    book: Book, block: BlockContext, candidate: Candidate, owner: bytes, amount: int
) -> None:
    """Lock more stake for a candidate; it earns from the next epoch on."""
    if owner == NOBODY:
        raise OwnerUnset()
    if amount < book.config.vote:
        raise BallotSmall(given=amount, least=book.config.vote)
    _check_unit(book, block, amount)
    ballots = {one.owner: one for one in book.ballots(candidate.key)}
    if owner not in ballots and len(ballots) >= MAX_BALLOTS:
        candidate = _turn_out(book, block, candidate, owner, amount)
        ballots = {one.owner: one for one in book.ballots(candidate.key)}
    before = ballots.get(owner, Ballot(owner, 0, 0, 0))
    fresh = before.fresh if before.epoch >= _unsettled(book, block) else 0
    ballots[owner] = Ballot(owner, before.amount + amount, fresh + amount, block.epoch)
    book.keep_ballots(candidate, tuple(ballots.values()))


def _check_unit(book: Book, block: BlockContext, amount: int) -> None:
    unit = unit_of(book, block)
    if amount % unit:
        raise StakeUnit(given=amount, unit=unit)


def unit_of(book: Book, block: BlockContext) -> int:
    """What every amount of the staked asset is a multiple of."""
    return block.units.get(book.config.asset, 1)


def _unsettled(book: Book, block: BlockContext) -> int:
    """The oldest epoch whose rewards are still to be shared: stake added in it has no part."""
    tally = book.tally
    return block.epoch if tally is None else tally.epoch


def _turn_out(
    book: Book, block: BlockContext, candidate: Candidate, owner: bytes, amount: int
) -> Candidate:
    others = [one for one in book.ballots(candidate.key) if one.owner != candidate.operator]
    smallest = min(others, key=lambda one: (one.amount, one.owner))
    if amount <= smallest.amount and owner != candidate.operator:
        raise BallotsFull(least=smallest.amount + 1)
    return _release(book, block, candidate, smallest.owner, smallest.amount, MAX_WAITING)


def earning(ballot: Ballot, epoch: int) -> int:
    """How much of a ballot earns rewards of an epoch: what was there when it began."""
    return ballot.amount - (ballot.fresh if ballot.epoch >= epoch else 0)


def take_back(
    book: Book, block: BlockContext, candidate: Candidate, owner: bytes, amount: int
) -> Candidate:
    """Take stake out of a ballot, the freshest first; it is paid after the unbonding time."""
    return _release(book, block, candidate, owner, amount, MAX_RETURNS)


def _release(
    book: Book, block: BlockContext, candidate: Candidate, owner: bytes, amount: int, most: int
) -> Candidate:
    """As `take_back`, if the owner then waits for `most` returns at most."""
    ballots = {one.owner: one for one in book.ballots(candidate.key)}
    ballot = ballots.get(owner)
    if ballot is None:
        raise BallotUnknown(owner=owner, key=candidate.key)
    rest = ballot.amount - amount
    if rest < 0 or not amount:
        raise BallotShort(held=ballot.amount, given=amount)
    if rest and rest < book.config.vote:
        raise BallotSmall(left=rest, least=book.config.vote)
    _check_unit(book, block, amount)
    del ballots[owner]
    if rest:
        fresh = max(0, ballot.fresh - amount)
        ballots[owner] = replace(ballot, amount=rest, fresh=fresh)
    settled = int(book.tomb(candidate.key) is not None)
    _return(book, owner, Returning(candidate.key, amount, block.epoch, settled), most)
    return book.keep_ballots(candidate, tuple(ballots.values()))


def _return(book: Book, owner: bytes, more: Returning, most: int) -> None:
    """One entry per candidate and epoch, however often an owner changes its mind."""
    returns = list(book.returns(owner))
    for place, one in enumerate(returns):
        if (one.key, one.epoch, one.settled) == (more.key, more.epoch, more.settled):
            returns[place] = replace(one, amount=one.amount + more.amount)
            break
    else:
        returns.append(more)
    if len(returns) > most:
        raise ReturnsFull(owner=owner, most=most)
    book.keep_returns(owner, tuple(returns))


def due(config: StakeConfig, one: Returning) -> int:
    """The epoch from which a return is paid."""
    return one.epoch + config.unbonding


def withdraw(book: Book, block: BlockContext, owner: bytes) -> int:
    """What the owner is paid now; raises `NothingDue`.

    Stake that was still bound when its validator was convicted is paid less what it loses.
    """
    returns = book.returns(owner)
    ripe = [one for one in returns if due(book.config, one) <= block.epoch]
    if not ripe:
        raise NothingDue(epoch=block.epoch)
    unit = unit_of(book, block)
    lost = sum(cut(book.config, one.amount, unit) for one in ripe if _answers(book, one))
    book.forfeit += lost
    book.keep_returns(owner, tuple(one for one in returns if one not in ripe))
    return sum(one.amount for one in ripe) - lost


def _answers(book: Book, one: Returning) -> bool:
    """Whether stake was bound when its validator was convicted, and not cut then."""
    tomb = book.tomb(one.key)
    return tomb is not None and not one.settled and tomb.epoch < due(book.config, one)


def cut(config: StakeConfig, amount: int, unit: int) -> int:
    """What evidence takes from an amount, in whole units, rounded down."""
    return amount * config.slash // WHOLE // unit * unit

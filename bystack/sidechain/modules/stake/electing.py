"""Who validates in the next epoch: those who stand with the most stake behind them.

Each elected validator has the same weight. So no stake, however large, is more than one voice of
the set, and a third of the weight takes a third of the seats.
"""

from __future__ import annotations

from bystack.sidechain.consensus.validators import Validator, ValidatorSet
from bystack.sidechain.modules.stake.book import Book
from bystack.sidechain.modules.stake.records import Candidate, Seats

WEIGHT = 1


def elect(book: Book, current: ValidatorSet) -> tuple[Validator, ...]:
    """The next set, in order of keys; () where fewer than `least_set` can be elected.

    Notes who validates now, for they are judged by this epoch's certificates.
    """
    book.seats = Seats(current.epoch, tuple(one.key for one in current.validators))
    chosen = ranking(book)[: book.config.seats]
    if len(chosen) < book.config.least_set:
        return ()
    chosen.sort(key=lambda one: one.key)
    return tuple(Validator(one.key, one.proof, WEIGHT, one.node) for one in chosen)


def ranking(book: Book) -> list[Candidate]:
    """Those who can be elected: the most stake first, the lower key where it is equal."""
    able = [one for one in book.roster() if electable(book, one)]
    return sorted(able, key=lambda one: (-one.stake, one.key))


def electable(book: Book, candidate: Candidate) -> bool:
    """Enough own stake, out of jail, never convicted."""
    if candidate.own < book.config.own or candidate.jailed:
        return False
    return book.tomb(candidate.key) is None and book.tomb(candidate.operator) is None

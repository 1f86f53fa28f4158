"""What a conviction costs: part of all stake behind the validator, and its and its operator's name.

Once: the key stays in its tomb. Stake on its way back that was still bound is cut when it is paid
(`ballots.withdraw`). What is cut goes to the fees, and so to those who validate.
"""

from __future__ import annotations

from msgspec.structs import replace

from bystack.sidechain.modules.base import BlockContext
from bystack.sidechain.modules.stake.ballots import cut, unit_of
from bystack.sidechain.modules.stake.book import Book


def convict(book: Book, block: BlockContext, key: bytes) -> int:
    """Bury a validator key and the operator behind it; what its ballots lose."""
    if book.tomb(key) is not None:
        return 0
    book.bury(key, block.epoch)
    candidate = book.candidate(key)
    if candidate is None:
        return 0
    if book.tomb(candidate.operator) is None:
        book.bury(candidate.operator, block.epoch)
    if not candidate.gone:
        candidate = book.leave(candidate)
    config, unit = book.config, unit_of(book, block)
    before = book.ballots(key)
    rest = [replace(one, amount=one.amount - cut(config, one.amount, unit)) for one in before]
    left = [replace(one, fresh=min(one.fresh, one.amount)) for one in rest if one.amount]
    book.keep_ballots(candidate, tuple(left))
    return sum(one.amount for one in before) - sum(one.amount for one in left)

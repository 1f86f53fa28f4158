"""Counting who signs and proposes, and sharing an epoch's fees by it: exact, paid to everyone.

The certificate of an epoch's last block stands in the first block of the next. There the epoch is
whole: its fees are shared, and who signed too little goes to jail. What falls to a validator who is
no candidate, or was convicted, stays among the fees and is shared again.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from bystack.sidechain.modules.base import BlockContext, Payment
from bystack.sidechain.modules.stake.ballots import earning
from bystack.sidechain.modules.stake.book import Book
from bystack.sidechain.modules.stake.records import WHOLE, Candidate, Tally, Work
from bystack.sidechain.modules.stake.sharing import shares

JAIL_EPOCHS = 2
"""Jailed at an epoch's end: the next set is settled already, the one after goes without."""


class Counted(NamedTuple):
    """What follows from a block's certificate: rewards of an epoch that is whole, keys jailed."""

    rewards: tuple[Payment, ...] = ()
    jailed: tuple[bytes, ...] = ()


def count(book: Book, block: BlockContext) -> Counted:
    """Count what a block shows of its parent's signers."""
    tally = book.tally or Tally(block.epoch, 0, ())
    if block.signers:
        tally = _signed(tally, block.signers)
    counted = Counted()
    if tally.epoch != block.epoch:
        counted = Counted(share_out(book, block, tally), jail_absent(book, tally))
        tally = Tally(block.epoch, 0, ())
    book.tally = _add(tally, (block.proposer,) if block.proposer else (), proposed=1)
    return counted


def _signed(tally: Tally, keys: Iterable[bytes]) -> Tally:
    return _add(msgspec.structs.replace(tally, blocks=tally.blocks + 1), keys, signed=1)


def _add(tally: Tally, keys: Iterable[bytes], signed: int = 0, proposed: int = 0) -> Tally:
    works = {one.key: one for one in tally.works}
    for key in keys:
        one = works.get(key, Work(key, 0, 0))
        works[key] = Work(key, one.signed + signed, one.proposed + proposed)
    in_order = tuple(sorted(works.values(), key=lambda one: one.key))
    return msgspec.structs.replace(tally, works=in_order)


def share_out(book: Book, block: BlockContext, tally: Tally) -> tuple[Payment, ...]:
    """The fees collected, divided: one payment for each recipient and asset."""
    paid: list[Payment] = []
    for asset, collected in sorted(block.fees.items()):
        unit = block.units.get(asset, 1)
        given = _given(book, tally, collected // unit)
        paid += [Payment(asset, n * unit, root) for root, n in sorted(given.items()) if n]
    return tuple(paid)


def _given(book: Book, tally: Tally, fees: int) -> dict[bytes, int]:
    """What each policy root is given of so many units of fees."""
    works = tally.works
    proposing = fees * book.config.proposer // WHOLE
    for_blocks = shares(proposing, [one.proposed for one in works])
    for_votes = shares(fees - proposing, [one.signed for one in works])
    given: dict[bytes, int] = {}
    for work, block, votes in zip(works, for_blocks, for_votes, strict=True):
        candidate = _paid_for(book, work.key)
        if candidate is not None and block + votes:
            for root, amount in _parts(book, candidate, tally.epoch, block + votes):
                given[root] = given.get(root, 0) + amount
    return given


def _paid_for(book: Book, key: bytes) -> Candidate | None:
    candidate = book.candidate(key)
    if candidate is None or book.tomb(key) or book.tomb(candidate.operator):
        return None
    return candidate


def _parts(
    book: Book, candidate: Candidate, epoch: int, reward: int
) -> Iterable[tuple[bytes, int]]:
    """Commission to the operator, the rest by stake; all to the operator if no stake earns."""
    ballots = book.ballots(candidate.key)
    weights = [earning(one, epoch) for one in ballots]
    commission = reward * candidate.commission // WHOLE if any(weights) else reward
    rest = shares(reward - commission, weights)
    owners = [one.owner for one in ballots]
    return ((candidate.operator, commission), *zip(owners, rest, strict=True))


def jail_absent(book: Book, tally: Tally) -> tuple[bytes, ...]:
    """Who validated and signed too few of the epoch's certificates may not be elected for a while.

    The keys jailed now. Only where this module elects: who sits in a fixed set nobody can replace.
    """
    seats = book.seats
    if seats is None or seats.epoch != tally.epoch or not tally.blocks:
        return ()
    signed = {one.key: one.signed for one in tally.works}
    jailed: list[bytes] = []
    for key in seats.keys:
        candidate = book.candidate(key)
        if candidate and signed.get(key, 0) * WHOLE < book.config.presence * tally.blocks:
            until = tally.epoch + JAIL_EPOCHS
            book.keep(msgspec.structs.replace(candidate, jailed=until))
            jailed.append(key)
    return tuple(jailed)

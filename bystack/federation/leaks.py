"""What leaked keys could take from a vault, how fast, and who can stop it.

A bound, not a guess: it follows from the rules of `ledger.md` section 5 alone, and supposes the
worst thief who has exactly these keys, and that whoever was robbed can no longer sign. What
signers refuse on top of it is not counted, for stolen keys ask no signer. Heights count from the
first block that holds a theft; an answer within n blocks is mined in the n-th block after it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from bystack.federation.powers import Powers, powers_of
from bystack.ledger.terms import Limit, Terms

ANSWER = 6
RECOVERY = 144


class By(StrEnum):
    """The power by which value leaves."""

    ORDER = "order"
    ANNOUNCE = "announce"
    REPLACE = "replace"
    RECOVER = "recover"


class Stop(StrEnum):
    """What somebody who was not robbed can do against it."""

    FREEZE = "freeze"
    VETO = "veto"
    CANCEL = "cancel"
    REPLACE = "replace"
    TOUCH = "touch"


class Answer(NamedTuple):
    """How a way is stopped, and in how many blocks at most (None: each block sooner saves)."""

    stop: Stop
    within: int | None


@dataclass(frozen=True)
class Way:
    """One way out: by which power (of which tier, else -1), after how many blocks at the soonest.

    No `limits`: everything the vault has. `answers`: what the others can still do in time.
    """

    by: By
    tier: int
    wait: int
    limits: tuple[Limit, ...]
    answers: tuple[Answer, ...]

    @property
    def prevented(self) -> bool:
        """Whether the others, answering as fast as supposed, let nothing out this way."""
        return any(answer.within is not None for answer in self.answers)

    def loss(self, asset: bytes, blocks: int, *, waiting: bool = False) -> int | None:
        """The most of an asset that leaves in `blocks` blocks after the first; None: everything.

        `waiting`: count what was set aside by then too, which leaves later if nobody can veto it.
        """
        wait = 0 if waiting and self.by == By.ORDER else self.wait
        if self.prevented or blocks < wait:
            return 0
        if not self.limits:
            return None
        return sum(_most(one, blocks - wait) for one in self.limits if one.asset == asset)


def _most(limit: Limit, blocks: int) -> int:
    # A full bucket, and a step whenever a period is over, of which the first may be all but over.
    return limit.capacity + -(-blocks // limit.period) * limit.refill


@dataclass(frozen=True)
class Bound:
    """What leaked keys can do under some terms; see `bound`.

    `answered`: in how many blocks the vault is out of the thief's reach for good, None if never;
    `ways` in order of tiers, then announce, replace, recover.
    """

    ways: tuple[Way, ...]
    leaked: Powers
    kept: Powers
    freeze: int
    answer: int
    recovery: int

    @property
    def answered(self) -> int | None:
        """Blocks until nothing more can leave: frozen, and other terms in force before it thaws."""
        replaced = self.kept.replaces
        frozen = self.kept.guard and not self.leaked.guard
        # Frozen in block `answer`, the thief orders again in block `answer` + `freeze`.
        if replaced and frozen and self.recovery < self.answer + self.freeze:
            return self.answer
        return self.recovery if replaced else None

    def loss(self, asset: bytes, blocks: int, *, waiting: bool = False) -> int | None:
        """As `Way.loss`, of all ways together."""
        total = 0
        for way in self.ways:
            part = way.loss(asset, blocks, waiting=waiting)
            if part is None:
                return None
            total += part
        return total

    def total(self, asset: bytes) -> int | None:
        """The most of an asset that leaves until it is answered.

        None: everything. Where nobody can answer for good, that too is None, in the course of time.
        """
        if self.answered is None:
            return None if self.loss(asset, self.answer) != 0 else self._ever(asset)
        # New terms stop no payout that waits: only the guard that it names does.
        return self.loss(asset, self.answered, waiting=not self.kept.guard)

    def _ever(self, asset: bytes) -> int | None:
        """What leaves if the thief has all the time there is."""
        ways = [way for way in self.ways if not way.prevented]
        named = (not way.limits or any(one.asset == asset for one in way.limits) for way in ways)
        return None if any(named) else 0


def bound(
    terms: Terms,
    leaked: Collection[bytes],
    kept: Collection[bytes],
    answer: int = ANSWER,
    recovery: int = RECOVERY,
) -> Bound:
    """What the holder of the `leaked` keys can take while the holders of `kept` ones answer.

    `answer`: how many blocks after the first theft guards act at the latest; `recovery`: until the
    recovery keys have been brought out of their safes.
    """
    theirs, ours = powers_of(terms, leaked), powers_of(terms, kept)
    found = Bound((), theirs, ours, terms.guard.freeze, answer, recovery)
    ways = [_order(terms, number, found) for number in theirs.tiers]
    if theirs.govern:
        ways.append(_announce(terms, found))
    if theirs.replaces:
        # The new tier's bucket keeps the old one's level and refills in the next block.
        ways.append(Way(By.REPLACE, -1, 1, (), ()))
    elif theirs.recover:
        ways.append(_recover(terms, found))
    return Bound(tuple(ways), theirs, ours, terms.guard.freeze, answer, recovery)


def _order(terms: Terms, number: int, found: Bound) -> Way:
    tier = terms.tiers[number]
    answers = []
    if tier.delay and found.kept.guard and found.answer < tier.delay:
        answers.append(Answer(Stop.VETO, tier.delay - 1))
    if found.kept.guard and not found.leaked.guard:
        answers.append(Answer(Stop.FREEZE, None))
    if found.kept.replaces:
        answers.append(Answer(Stop.REPLACE, None))
    return Way(By.ORDER, number, tier.delay, tier.limits, tuple(answers))


def _announce(terms: Terms, found: Bound) -> Way:
    """What is announced ripens after the delay, unless it is cancelled or the terms fall."""
    delay = terms.govern.delay
    # A thief's freeze takes the turn that a cancellation was signed for: once, in the last block.
    last = delay - 2 if found.leaked.guard else delay - 1
    answers = []
    if found.kept.guard and found.answer <= last:
        answers.append(Answer(Stop.CANCEL, last))
    if found.kept.replaces and found.recovery < delay:
        answers.append(Answer(Stop.REPLACE, delay - 1))
    return Way(By.ANNOUNCE, -1, delay + 1, (), tuple(answers))


def _recover(terms: Terms, found: Bound) -> Way:
    """The vault may have lain idle for long already when the keys leak."""
    answers = (Answer(Stop.TOUCH, terms.recover.idle - 1),) if found.kept.touches else ()
    return Way(By.RECOVER, -1, 1, (), answers)

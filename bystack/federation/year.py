"""A year of peg fees in a model federation: what comes in, who works, who is paid what.

A model, not a forecast: every day some people peg in and out, members are there or not, and at the
day's end the fees that nothing waits for are shared by the very rules of the module. Draws are
hashes, so one seed gives one year everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, NamedTuple

from bystack.federation.module.records import DEFAULT_RULES
from bystack.federation.module.records import Work as Points
from bystack.federation.module.shares import Done, divide, points_of
from bystack.ledger.amounts import BTM
from bystack.primitives.hashes import fixed, tagged

DAYS: Final = 365
HEADERS: Final = 576
"""Main-chain blocks of a day."""

BATCH: Final = 100
THOUSAND: Final = 1000

_draw = tagged("federation/year")


class Habit(NamedTuple):
    """A member of the model: its weight; how often it is there, and sponsors, in thousandths."""

    name: str
    weight: int
    present: int
    sponsors: int


HABITS: Final = (
    Habit("super-1", 2, 999, 600),
    Habit("super-2", 2, 990, 300),
    Habit("steady", 1, 999, 100),
    Habit("seldom", 1, 500, 0),
    Habit("absent", 1, 50, 0),
)


@dataclass(frozen=True)
class Plan:
    """What a year is made of. Amounts in smallest units, fees in basis points.

    `deposits`, `burns`: people a day at the beginning; they grow by `growth` in a thousand each
    day. `amount`: what each of them moves on the average. `flat`: paid for a burn, to the sponsor.
    `statements`: intervals of statements in a day. `proposals`: days between two.
    """

    deposits: int = 40
    burns: int = 30
    growth: int = 3
    amount: int = 50_000_000_000
    pegin_bp: int = 10
    pegout_bp: int = 20
    flat: int = 2_000_000
    statements: int = 4
    proposals: int = 7
    seed: int = 1
    habits: tuple[Habit, ...] = HABITS
    work: Points = field(default_factory=lambda: DEFAULT_RULES.work)


class Row(NamedTuple):
    """A member's year: what it did, its points times weight, what it earned of fees and for
    sponsoring; `part`: of all that was shared, in hundredths of a percent."""

    name: str
    weight: int
    done: Done
    score: int
    earned: int
    sponsored: int
    part: int


class Year(NamedTuple):
    """All fees of the year: paid in, repaid to sponsors, shared, and left in the pool."""

    collected: int
    sponsors: int
    shared: int
    left: int
    moved: int
    rows: tuple[Row, ...]


class _Ledger:
    """The pool and what everybody has had of it."""

    def __init__(self, members: int) -> None:
        self.pool = self.collected = self.moved = 0
        self.earned = [0] * members
        self.sponsored = [0] * members
        self.score = [0] * members
        self.total = [Done(0, 0, 0, 0, 0)] * members


def simulate(plan: Plan) -> Year:
    """The year of this plan."""
    book = _Ledger(len(plan.habits))
    for day in range(DAYS):
        _day(plan, book, day)
    shared = sum(book.earned)
    rows = tuple(_row(plan, book, place, shared) for place in range(len(plan.habits)))
    return Year(book.collected, sum(book.sponsored), shared, book.pool, book.moved, rows)


def _row(plan: Plan, book: _Ledger, place: int, shared: int) -> Row:
    habit, earned = plan.habits[place], book.earned[place]
    part = earned * 10_000 // shared if shared else 0
    done, score = book.total[place], book.score[place]
    return Row(habit.name, habit.weight, done, score, earned, book.sponsored[place], part)


def _day(plan: Plan, book: _Ledger, day: int) -> None:
    present = [n for n, one in enumerate(plan.habits) if _chance(plan, day, n, one.present)]
    settled = _trade(plan, book, day)
    done = [_work(plan, day, n, present) for n in range(len(plan.habits))]
    pairs = zip(done, settled, strict=True)
    _share(plan, book, [_sum(own, Done(0, 0, batches, 0, 0)) for own, batches in pairs])


def _trade(plan: Plan, book: _Ledger, day: int) -> list[int]:
    """Fees come into the pool, sponsors are repaid; the batches that each sponsored."""
    burns = _grown(plan.burns, plan.growth, day)
    deposits = _grown(plan.deposits, plan.growth, day)
    for what, count, points in ((1, deposits, plan.pegin_bp), (2, burns, plan.pegout_bp)):
        for number in range(count):
            amount = plan.amount * (1 + _roll(plan, day, number, what) % 2000) // THOUSAND
            fee = amount * points // 10_000 + (plan.flat if what == 2 else 0)
            book.pool, book.collected = book.pool + fee, book.collected + fee
            book.moved += amount
    settled = [0] * len(plan.habits)
    for first in range(0, burns, BATCH):
        sponsor, repaid = _sponsor(plan, day, first), plan.flat * min(BATCH, burns - first)
        settled[sponsor] += 1
        book.sponsored[sponsor] += repaid
        book.pool -= repaid
    return settled


def _sponsor(plan: Plan, day: int, number: int) -> int:
    """Whose transaction comes first, by how often each sponsors."""
    roll = _roll(plan, day, number, 3) % sum(one.sponsors for one in plan.habits)
    for place, one in enumerate(plan.habits):
        if roll < one.sponsors:
            return place
        roll -= one.sponsors
    return 0


def _work(plan: Plan, day: int, place: int, present: list[int]) -> Done:
    if place not in present:
        return Done(0, 0, 0, 0, 0)
    # Whoever is there proposes its part of the blocks, and with them carries headers.
    headers = HEADERS // len(present) + (present.index(place) < HEADERS % len(present))
    asked = int(day % plan.proposals == 0)
    proposer = present[_roll(plan, day, 0, 4) % len(present)]
    return Done(plan.statements, headers, 0, int(asked and place == proposer), asked)


def _share(plan: Plan, book: _Ledger, done: list[Done]) -> None:
    pairs = zip(plan.habits, done, strict=True)
    weights = [one.weight * points_of(own, plan.work) for one, own in pairs]
    for place, amounts in enumerate(divide({BTM: book.pool}, {}, weights)):
        book.earned[place] += amounts.get(BTM, 0)
    if any(weights):
        book.pool = 0
    book.score = [a + b for a, b in zip(book.score, weights, strict=True)]
    book.total = [_sum(a, b) for a, b in zip(book.total, done, strict=True)]


def _sum(one: Done, two: Done) -> Done:
    return Done(
        one.statements + two.statements,
        one.headers + two.headers,
        one.settlements + two.settlements,
        one.proposals + two.proposals,
        one.votes + two.votes,
    )


def _grown(first: int, growth: int, day: int) -> int:
    return first + first * growth * day // THOUSAND


def _roll(plan: Plan, day: int, number: int, what: int) -> int:
    parts = (fixed(part) for part in (plan.seed, day, number, what))
    return int.from_bytes(_draw(*parts)[:8], "big")


def _chance(plan: Plan, day: int, place: int, thousandths: int) -> bool:
    return _roll(plan, day, place, 5) % THOUSAND < thousandths

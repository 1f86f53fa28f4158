"""Random lives of a chain that elects: nothing staked, earned or cut appears or is lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random

import pytest
from msgspec.structs import replace

from bystack.ledger.amounts import BTM
from bystack.ledger.effects import BlsCheck
from bystack.ledger.transactions import Transaction
from bystack.primitives.errors import Invalid
from bystack.sidechain import custody, epochs
from bystack.sidechain.actions import system_transaction
from bystack.sidechain.consensus.evidence import TwoVotes
from bystack.sidechain.misconduct import Accuse
from bystack.sidechain.modules.stake.actions import (
    Unjail,
    Unregister,
    Unvote,
    VoteFor,
    Withdraw,
)
from bystack.sidechain.payments import SignatureWrong
from bystack.sidechain.transition import Executed, Execution, Place, Trial
from tests.ledger.people import CAROL, Person
from tests.sidechain.elections import PEOPLE, RUNNERS, Elected, elected, paying
from tests.sidechain.law import Ledger, claimable, deposits, held, prove_all
from tests.sidechain.modules.desk import root_of
from tests.sidechain.modules.stake.table import Runner
from tests.sidechain.world import Side

STEPS = 90


class Poor(Invalid):
    """Somebody has too few coins left for it."""


class Life:
    """One chain's life, and what the rules must have kept after each block."""

    def __init__(self, seed: int) -> None:
        self.random, self.world = Random(seed), elected()
        self.world.strict = False
        self.did: Counter[str] = Counter()
        sums = self.world.sums()
        self.total = sums.circulating + sums.pool
        self.pegs = sums.pool - self._unshared()
        self.world.block(*(self.world.registering(one, 300) for one in RUNNERS[:6]))

    def _unshared(self) -> int:
        return custody.unshared(self.world.view, self.world.genesis).get(BTM, 0)

    def run(self, steps: int) -> None:
        ways: list[tuple[Callable[[], object], int]] = [
            (self.register, 4), (self.vote, 8), (self.unvote, 5), (self.withdraw, 3),
            (self.leave, 1), (self.accuse, 1), (self.unjail, 1), (self.pay, 4),
            (self.sleep, 2), (self.wait, 6),
        ]  # fmt: skip
        for _ in range(steps):
            (way,) = self.random.choices([one for one, _ in ways], [n for _, n in ways])
            try:
                way()
                self.did[way.__name__] += 1
            except Invalid as error:
                self.did[error.rule] += 1
            self.check()

    def check(self) -> None:
        """Stake is what is held; all that circulates is coins and stake; sums stay."""
        world, book = self.world, self.world.book
        owners = {root_of(one) for one in PEOPLE}
        ballots = sum(one.amount for who in book.everyone() for one in book.ballots(who.key))
        returns = sum(one.amount for owner in owners for one in book.returns(owner))
        assert ballots + returns + book.forfeit == held(world, BTM)
        assert sum(one.stake for one in book.everyone()) == ballots
        sums = world.sums()
        assert sums.circulating == world.supply(BTM) + held(world, BTM)
        assert sums.circulating + sums.pool == self.total
        assert sums.pool - self._unshared() == self.pegs, "what the pegs collected is not shared"

    def afford(self, payer: Person, amount: int) -> None:
        if self.world.balance(payer) <= amount:
            raise Poor()

    def someone(self) -> Person:
        return self.random.choice(PEOPLE)

    def register(self) -> None:
        one = self.random.choice(RUNNERS)
        amount, commission = self.random.randrange(100, 400), self.random.randrange(10_001)
        self.afford(one.operator, amount)
        self.world.block(self.world.registering(one, amount, commission))

    def standing(self) -> Runner:
        """Mostly one that stands."""
        known = {one.key for one in self.world.book.roster()}
        able = [one for one in RUNNERS if one.key in known]
        return self.random.choice(able if able and self.random.random() < 0.9 else RUNNERS)

    def vote(self) -> None:
        payer, one = self.someone(), self.standing()
        amount = self.random.randrange(10, 200)
        self.afford(payer, amount)
        action = VoteFor(root_of(payer), one.key, amount)
        self.world.block(self.world.staking(payer, action, locked=amount))

    def unvote(self) -> None:
        every = [
            (owner, one, ballot.amount)
            for one in RUNNERS
            for ballot in self.world.book.ballots(one.key)
            for owner in PEOPLE
            if root_of(owner) == ballot.owner
        ]
        owner, one, amount = self.random.choice(every or [(CAROL, RUNNERS[0], 10)])
        amount = self.random.choice((amount, max(1, amount - 10), amount + 1))
        self.afford(owner, 1)
        action = Unvote(root_of(owner), one.key, amount)
        self.world.block(self.world.staking(owner, action, signer=owner))

    def withdraw(self) -> None:
        waiting = [one for one in PEOPLE if self.world.book.returns(root_of(one))]
        owner = self.random.choice(waiting or PEOPLE)
        payer = self.someone()
        self.afford(payer, 1)
        self.world.block(self.world.staking(payer, Withdraw(root_of(owner))))

    def leave(self) -> None:
        one = self.random.choice(RUNNERS)
        self.afford(one.operator, 1)
        action = Unregister(one.root, one.key)
        self.world.block(self.world.staking(one.operator, action, signer=one.operator))

    def unjail(self) -> None:
        jailed = [one.key for one in self.world.book.roster() if one.jailed]
        able = [one for one in RUNNERS if one.key in jailed]
        one = self.random.choice(able or RUNNERS)
        self.afford(one.operator, 1)
        action = Unjail(one.root, one.key)
        self.world.block(self.world.staking(one.operator, action, signer=one.operator))

    def accuse(self) -> None:
        record = epochs.record_of(self.world.view, epochs.current(self.world.view).epoch)
        assert record is not None
        index = self.random.randrange(len(record.validators))
        key = record.validators.validators[index].key
        one = next(one for one in RUNNERS if one.key == key)
        first, second = (
            self.world.vote_of(one, bytes([n]) * 32, record.epoch, index) for n in (1, 2)
        )
        self.world.block(system_transaction(Accuse(TwoVotes(first, second))))

    def pay(self) -> None:
        payer = self.someone()
        fee = self.random.randrange(1, 30)
        self.afford(payer, 20 + fee)
        tx = self.world.transact(payer, paying([self.someone()], 20), fee=fee)
        self.world.block(tx)

    def sleep(self) -> None:
        """Some validators sign no more, or again."""
        keys = [one.key for one in RUNNERS]
        self.world.absent = frozenset(self.random.sample(keys, self.random.randrange(3)))

    def wait(self) -> None:
        self.world.idle(self.random.randrange(1, 15))


def test_a_registration_without_the_keys_consent_is_in_no_block() -> None:
    world, one = elected(), RUNNERS[4]
    action = one.register(chain=world.genesis.id)
    forged = replace(action, consent=one.consent(b"\x01" * 32))
    with pytest.raises(SignatureWrong):
        world.block(world.staking(one.operator, forged, signer=one.operator, locked=100))
    world.block(world.staking(one.operator, action, signer=one.operator, locked=100))


def test_registrations_count_among_a_blocks_pairings() -> None:
    world, one = elected(), RUNNERS[4]
    stage, effects, applied = world_trial(world, world.registering(one))
    assert sum(isinstance(check, BlsCheck) for check in applied.checks) == 1
    assert stage.state.changes and effects.destroyed == {BTM: 100}


def world_trial(world: Elected, tx: Transaction) -> Trial:
    side, (proposer, certificate) = world.side, world.parent()
    place = Place(side.header.height + 1, world.now, proposer, certificate)
    return Execution(side.genesis, side.modules, side.base, place).trial(tx)


SEEDS = range(12)


@pytest.fixture(scope="module")
def lives() -> list[Life]:
    made = [Life(seed) for seed in SEEDS]
    for one in made:
        one.run(STEPS)
    return made


def test_every_way_was_gone(lives: list[Life]) -> None:
    did = sum((one.did for one in lives), Counter[str]())
    ways = "register vote unvote withdraw leave accuse unjail pay sleep wait".split()  # noqa: SIM905
    assert all(did[way] for way in ways), did
    shared = [one for one in lives if any(b.header.epoch > 3 for b in one.world.side.blocks)]
    assert shared
    elections = {tuple(one.world.keys) for one in lives}
    assert len(elections) > 3


def test_the_reserves_law_holds_at_the_end(lives: list[Life]) -> None:
    for one in lives:
        world = one.world
        prove_all(world)
        claims = {
            place for place, out in deposits(world, world.main.height) if claimable(world, out)
        }
        Ledger(world, claims, []).check(Counter())


def test_another_node_finds_the_same(lives: list[Life]) -> None:
    """Every reward, to the last recipient: a validator executes what the proposer executed."""
    side = lives[0].world.side
    fresh = Side.begin(side.genesis, side.modules)
    for built in side.blocks:
        done: Executed = fresh.validate(built)
        assert done == built.executed
        fresh.commit(built)
    assert (fresh.root, fresh.coins) == (side.root, side.coins)

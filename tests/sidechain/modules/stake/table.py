"""The stake module alone: its actions, blocks whose signers we choose, epochs that we turn."""

from __future__ import annotations

from collections import Counter
from functools import lru_cache

from bystack.ledger.amounts import BTM
from bystack.ledger.checks import SignatureWrong, require
from bystack.primitives import bls
from bystack.primitives.codec import Wire
from bystack.primitives.hashes import fixed
from bystack.sidechain.consensus.validators import Validator, ValidatorSet
from bystack.sidechain.modules.base import BlockContext, Ending, Outcome, PrefixedState
from bystack.sidechain.modules.stake.actions import (
    NUMBERS,
    Register,
    Unregister,
    Unvote,
    VoteFor,
    Withdraw,
    consent_message,
)
from bystack.sidechain.modules.stake.book import Book
from bystack.sidechain.modules.stake.module import StakeModule
from bystack.sidechain.modules.stake.records import Candidate, StakeConfig
from bystack.sidechain.state import SystemState
from tests.ledger.people import Person
from tests.sidechain.modules.desk import CHAIN, Desk, root_of
from tests.sidechain.world import Store

CONFIG = StakeConfig(BTM, 4, 4, 100, 10, 5, 2_000, 500, 500)


@lru_cache
def person(number: int) -> Person:
    return Person(fixed(1_000 + number, 32))


class Runner:
    """Somebody with a validator key: a candidate in the making."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.operator = person(number)
        self.secret = bls.key_gen(b"runner %d" % number + bytes(32))
        self.key, self.proof = bls.sk_to_pk(self.secret), bls.pop_prove(self.secret)
        self.node = fixed(77_000 + number, 32)

    @property
    def root(self) -> bytes:
        return root_of(self.operator)

    def consent(self, chain: bytes = CHAIN, root: bytes = b"") -> bytes:
        return bls.sign(self.secret, consent_message(chain, root or self.root))

    def register(
        self, amount: int = 100, commission: int = 1_000, chain: bytes = CHAIN
    ) -> Register:
        return Register(
            self.root, self.key, self.proof, self.consent(chain), self.node, commission, amount
        )


@lru_cache
def runner(number: int) -> Runner:
    return Runner(number)


class Table(Desk):
    """The module at its desk, with fees, signers and epochs."""

    def __init__(self, config: StakeConfig = CONFIG) -> None:
        super().__init__(StakeModule(), config)
        self.epoch, self.unit = 0, 1
        self.signers: tuple[bytes, ...] = ()
        self.proposer = b""
        self.rewards: Counter[tuple[bytes, bytes]] = Counter()

    @property
    def block(self) -> BlockContext:
        return BlockContext(
            CHAIN, self.height, 1_000, 1, self.epoch, self.proposer, self.signers,
            fees=dict(self.fees), units={BTM: self.unit},
        )  # fmt: skip

    @property
    def book(self) -> Book:
        return Book(self.state)

    def candidate(self, one: Runner) -> Candidate:
        found = self.book.candidate(one.key)
        assert found is not None
        return found

    def do(self, action: Wire, *signers: Person) -> Outcome:
        """Carry out an action and verify the signatures it needs, or change nothing."""
        store, held = Store(self.store), Counter(self.held)
        outcome = self.act(NUMBERS[type(action)], action, *signers)  # type: ignore[index]
        try:
            require(outcome.effects.checks)
        except SignatureWrong:
            self.store, self.held = store, held
            raise
        return outcome

    def register(self, one: Runner, amount: int = 100, commission: int = 1_000) -> Outcome:
        return self.do(one.register(amount, commission), one.operator)

    def unregister(self, one: Runner) -> Outcome:
        return self.do(Unregister(one.root, one.key), one.operator)

    def vote(self, owner: Person, one: Runner, amount: int) -> Outcome:
        return self.do(VoteFor(root_of(owner), one.key, amount))

    def unvote(self, owner: Person, one: Runner, amount: int) -> Outcome:
        return self.do(Unvote(root_of(owner), one.key, amount), owner)

    def withdraw(self, owner: Person) -> int:
        outcome = self.do(Withdraw(root_of(owner)))
        return sum(one.amount for one in outcome.payments)

    def turn(self) -> Ending:
        """End the block: its rewards leave the fees."""
        ending = super().turn()
        for asset, amount, root in ending.rewards:
            assert amount > 0
            self.fees[asset] -= amount
            assert self.fees[asset] >= 0, "more is given than was collected"
            self.rewards[root, asset] += amount
        return ending

    def blocks(self, *signers: Runner, count: int = 1, proposer: Runner | None = None) -> None:
        """Blocks that carry certificates of these signers."""
        self.signers = tuple(one.key for one in signers)
        self.proposer = b"" if proposer is None else proposer.key
        for _ in range(count):
            self.turn()
        self.signers, self.proposer = (), b""

    def next_epoch(self, *signers: Runner) -> None:
        """The first block of the next epoch, with the certificate of the last of this one."""
        self.epoch += 1
        self.blocks(*signers)

    def elect(self, *current: Runner) -> tuple[Validator, ...]:
        members = tuple(Validator(one.key, one.proof, 1, one.node) for one in current)
        state = SystemState(self.store)
        chosen = self.module.elect(
            PrefixedState(state, "stake"), self.block, ValidatorSet(self.epoch, members)
        )
        self.store.take(state.changes)
        return chosen

    def convict(self, one: Runner) -> int:
        state = SystemState(self.store)
        ending = self.module.convict(PrefixedState(state, "stake"), self.block, one.key)
        self.store.take(state.changes)
        lost = sum(ending.forfeits.values())
        self._leave(BTM, lost)
        self.fees[BTM] += lost
        return lost

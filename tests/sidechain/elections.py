"""A sidechain whose validators are elected: blocks carry certificates of those who are present."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from bystack.federation.module.application import FederationModule
from bystack.ledger.amounts import BTM
from bystack.ledger.transactions import Action, Approval, NoWitness, Output, Transaction, Witness
from bystack.primitives import bls
from bystack.primitives.codec import encode
from bystack.sidechain import epochs
from bystack.sidechain.consensus.statements import COMMIT, NO_HASH, Certificate, Vote
from bystack.sidechain.consensus.validators import Validator, ValidatorSet, bitmap_of
from bystack.sidechain.modules.base import Modules, read_only
from bystack.sidechain.modules.stake.actions import StakeAction, encode_action
from bystack.sidechain.modules.stake.book import Book
from bystack.sidechain.modules.stake.module import StakeModule
from bystack.sidechain.modules.stake.records import StakeConfig, encode_config
from bystack.sidechain.params import Consensus, ModuleConfig
from tests.ledger.people import CAROL, Person
from tests.sidechain.federations import CONFIG
from tests.sidechain.mainside import vault_chain
from tests.sidechain.modules.desk import approved
from tests.sidechain.modules.stake.table import Runner, person, runner
from tests.sidechain.world import K, World, genesis_for, module_config

STAKING = StakeConfig(BTM, 5, 4, 100, 10, 5, 2_000, 1_000, 500)
EPOCH, FREEZE = 12, 3
FOUNDERS = tuple(runner(number) for number in range(1, 5))
"""The validators of the genesis."""

RUNNERS = tuple(runner(number) for number in range(1, 9))
PEOPLE = (CAROL, *(one.operator for one in RUNNERS), person(50), person(51))


class Elected(World):
    """Proposers take turns; `absent` never sign."""

    absent: frozenset[bytes] = frozenset()

    def parent(self) -> tuple[int, bytes]:
        header = self.side.header
        record = epochs.current(self.view)
        following = self.coming if header.height == record.last else record.validators
        proposer = header.height % len(following)
        if not header.height:
            return proposer, b""
        signed = epochs.record_of(self.view, header.epoch)
        assert signed is not None
        members = signed.validators.validators
        present = [at for at, one in enumerate(members) if one.key not in self.absent]
        bitmap = bitmap_of(present, len(members))
        place = COMMIT, header.epoch, header.height, 0, header.id, NO_HASH
        return proposer, encode(Certificate(*place, bitmap, bytes(96)))

    @property
    def validators(self) -> ValidatorSet:
        return epochs.current(self.view).validators

    @property
    def coming(self) -> ValidatorSet:
        found = epochs.upcoming(self.view)
        assert found is not None
        return found

    @property
    def keys(self) -> list[bytes]:
        return [one.key for one in self.validators.validators]

    @property
    def book(self) -> Book:
        return Book(read_only(self.side.state, "stake"))

    @property
    def left(self) -> int:
        """Blocks until the epoch's last one."""
        return epochs.current(self.view).last - self.side.header.height

    def to_end(self) -> None:
        """Up to the epoch's last block."""
        self.idle(self.left)

    def turn(self) -> None:
        """Into the next epoch's first block."""
        self.idle(self.left + 1)

    def staking(
        self, payer: Person, *actions: StakeAction, signer: Person | None = None, locked: int = 0
    ) -> Transaction:
        """A transaction of stake actions, approved by one person."""
        kind = self.side.modules.kind
        made = [encode_action(one) for one in actions]
        wire = tuple(Action(kind("stake", number), body) for number, body in made)
        tx = self.transact(payer, actions=wire, destroyed=locked)
        witnesses: list[Witness] = list(tx.witnesses[: len(tx.body.inputs)])
        for place, (number, _) in enumerate(made):
            witnesses.append(self._approval(tx, number, place, signer))
        return Transaction(tx.body, tuple(witnesses))

    def _approval(
        self, tx: Transaction, kind: int, place: int, signer: Person | None
    ) -> NoWitness | Approval:
        if signer is None or kind not in StakeModule.approved:
            return NoWitness()
        return approved(signer, tx.id, place, self.genesis.id)

    def registering(self, one: Runner, amount: int = 100, commission: int = 1_000) -> Transaction:
        action = one.register(amount, commission, self.genesis.id)
        return self.staking(one.operator, action, signer=one.operator, locked=amount)

    def vote_of(self, one: Runner, block: bytes, epoch: int, index: int) -> Vote:
        """A COMMIT at height 9 of an epoch, truly signed."""
        bare = Vote(COMMIT, epoch, 9, 1, block, NO_HASH, index, bytes(96))
        digest = bare.digest(self.genesis.id)
        return Vote(COMMIT, epoch, 9, 1, block, NO_HASH, index, bls.sign(one.secret, digest))


def paying(to: Sequence[Person], amount: int) -> tuple[Output, ...]:
    return tuple(Output(BTM, amount, one.lock) for one in to)


def made(election: str = "stake", epoch: int = EPOCH, freeze: int = FREEZE) -> Elected:
    """Four founders validate; everyone has coins."""
    main = vault_chain()
    modules = module_config("federation", CONFIG), ModuleConfig("stake", encode_config(STAKING))
    members = tuple(Validator(one.key, one.proof, 1, one.node) for one in FOUNDERS)
    consensus = Consensus("bbft", election, 500, 5000, 1500, 1, 0, epoch, freeze, 1)
    genesis = genesis_for(main, modules=modules, validators=members, consensus=consensus)
    world = Elected(main, genesis, Modules([FederationModule(), StakeModule()]))
    world.relay(K)
    world.block(world.anchor_tx(main.created))
    world.relay(12)
    world.pegged(15_000)
    world.block(world.transact(CAROL, paying(PEOPLE[1:], 1_000)))
    return world


@lru_cache(maxsize=1)
def _elected() -> Elected:
    return made()


def elected() -> Elected:
    """A world of its own to each test."""
    copy = _elected().copy()
    assert isinstance(copy, Elected)
    return copy

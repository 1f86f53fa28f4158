"""The vault followed block by block is the vault the ledger keeps, also after blocks went back."""

from __future__ import annotations

import random
from contextlib import suppress

import pytest

from bystack.federation.guarding.vault import Vault
from bystack.ledger.transactions import DepositLock, PendingLock, TreasuryLock
from bystack.ledger.vault_operations import Freeze, guard_hash
from bystack.primitives.errors import Invalid
from tests.federation.guarding.tower import paid
from tests.ledger.people import BOB
from tests.sidechain.mainside import FAST, SLOW, TERMS, VaultChain, vault_chain
from tests.sidechain.world import genesis_for

OWN = DepositLock | TreasuryLock | PendingLock


def held(main: VaultChain) -> dict[bytes, int]:
    sums: dict[bytes, int] = {}
    for coin in main.coins.values():
        if isinstance(coin.lock, OWN) and coin.lock.vault == main.vault:
            sums[coin.asset] = sums.get(coin.asset, 0) + coin.amount
    return sums


class Followed:
    def __init__(self) -> None:
        self.main = vault_chain()
        self.vault = Vault(genesis_for(self.main))
        self.ids: list[bytes] = []

    def follow(self) -> None:
        line = [block.id for block in self.main.line]
        while self.ids != line[: len(self.ids)]:
            self.vault.disconnect(len(self.ids))
            self.ids.pop()
        for block in self.main.line[len(self.ids) :]:
            self.ids.append(block.id)
            self.vault.connect(len(self.ids), block)

    def agree(self) -> None:
        assert dict(self.vault.holdings) == held(self.main)
        assert self.vault.anchor == self.main.state
        assert self.vault.place == self.main.anchor
        assert set(self.vault.waiting) == {point for point, _ in self.main.pendings()}
        assert self.vault.height == self.main.height

    def step(self, dice: random.Random) -> None:
        main = self.main
        match dice.randrange(6):
            case 0:
                main.send(main.deposit(BOB, dice.randrange(1, 500), b"\xff" * 32, b"n" * 64))
            case 1:
                main.mine(), main.mine()
                main.send(main.order([paid(dice.randrange(1, 300))], FAST))
            case 2 if not main.pendings():
                main.send(main.order([paid(dice.randrange(1, 300))], SLOW))
            case 3 if main.pendings():
                main.send(main.veto(main.pendings()[0][0]))
            case 4 if self.ids:
                main.reorganise(dice.randrange(1, 5), keep=bool(dice.randrange(2)))
            case _:
                main.mine()


@pytest.mark.parametrize("seed", range(3))
def test_random_steps_and_reorganisations(seed: int) -> None:
    dice, one = random.Random(seed), Followed()
    one.main.send(one.main.deposit(BOB, 40_000, b"\xff" * 32, b"n" * 64))
    for _ in range(40):
        # A veto that comes too late, for one: the ledger's no changes nothing.
        with suppress(Invalid):
            one.step(dice)
        one.follow()
        one.agree()


def test_turns_and_guards_are_remembered_and_taken_back() -> None:
    one = Followed()
    one.main.send(one.main.spend(Freeze(0)))
    one.follow()
    assert one.vault.at_turn(0) == Freeze(0) and one.vault.at_turn(1) is None
    one.main.reorganise(1)
    one.follow()
    assert one.vault.at_turn(0) is None


def test_a_waiting_coin_names_the_policy_that_may_veto_it() -> None:
    one = Followed()
    one.main.send(one.main.deposit(BOB, 1_000, b"\xff" * 32, b"n" * 64))
    for _ in range(6):
        one.main.mine()
    one.main.send(one.main.order([paid(300)], SLOW))
    one.follow()
    ((point, coin),) = one.main.pendings()
    assert one.vault.guard_of(point) == TERMS.guard.policy
    assert isinstance(coin.lock, PendingLock)
    assert coin.lock.guard == guard_hash(one.vault.guard_of(point))

"""People with keys, coins for them, and signed transactions, as the ledger's tests need them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from bystack.ledger.amounts import BTM
from bystack.ledger.coins import Coin
from bystack.ledger.policies import Key
from bystack.ledger.satisfaction import policy_root, prove_branch
from bystack.ledger.signing import ALL, Signing
from bystack.ledger.transactions import (
    Action,
    NoWitness,
    Outpoint,
    Output,
    PolicyLock,
    Spend,
    Transaction,
    TransactionBody,
)
from bystack.ledger.validation import Rules
from bystack.primitives.keys import public_key, sign

CHAIN = b"\xc1" * 32
RULES = Rules(CHAIN, 100)
GOLD = b"\x60" * 32
ZEROS = bytes(32)


@dataclass(frozen=True)
class Person:
    """Somebody with one key and one address."""

    secret: bytes

    @cached_property
    def policy(self) -> Key:
        return Key(public_key(self.secret))

    @cached_property
    def lock(self) -> PolicyLock:
        return PolicyLock(policy_root([self.policy]))

    def sign(self, digest: bytes) -> bytes:
        return sign(self.secret, digest, ZEROS)

    def spend(self, signing: Signing, index: int, mode: int = ALL) -> Spend:
        items = (self.sign(signing.digest(index, mode)),)
        return Spend(self.policy, prove_branch([self.policy], 0), mode, items)


ALICE, BOB, CAROL = (Person(bytes([number]) * 32) for number in (1, 2, 3))


def outpoint(number: int, index: int = 0) -> Outpoint:
    return Outpoint(number.to_bytes(32, "big"), index)


def coin(owner: Person, amount: int, asset: bytes = BTM, **facts: int) -> Coin:
    return Coin(
        asset,
        amount,
        owner.lock,
        facts.get("height", 1),
        facts.get("coinbase", 0),
        facts.get("unit", 1),
        b"",
    )


def body(
    inputs: Sequence[Outpoint],
    outputs: Sequence[Output],
    actions: Sequence[Action] = (),
    window: tuple[int, int] = (0, 0),
    memo: bytes = b"",
) -> TransactionBody:
    return TransactionBody(1, tuple(inputs), tuple(outputs), tuple(actions), *window, memo)


def pay(owner: Person, amount: int, asset: bytes = BTM) -> Output:
    return Output(asset, amount, owner.lock)


def signed(
    coins: Mapping[Outpoint, Coin], made: TransactionBody, owners: Sequence[Person]
) -> Transaction:
    """The transaction with each input signed by its owner, and nothing for the actions."""
    signing = Signing(CHAIN, made, [(point, coins[point]) for point in made.inputs])
    spends = tuple(owner.spend(signing, index) for index, owner in enumerate(owners))
    return Transaction(made, spends + (NoWitness(),) * len(made.actions))

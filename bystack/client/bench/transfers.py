"""Signed transfers on a sidechain, made before any clock starts.

One pegged coin is cut into many, each under a key of its own; then every coin pays its way through
rounds: one coin in, a payment and the change out, a fee left. A round spends the change of the
round before, so coins are spent as long as there are rounds, and a round needs the one before.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import chain
from multiprocessing import get_context
from typing import NamedTuple

from bystack.ledger.coins import Coin
from bystack.ledger.policies import Key
from bystack.ledger.satisfaction import policy_root, prove_branch
from bystack.ledger.signing import Signing
from bystack.ledger.transactions import (
    VERSION,
    Outpoint,
    Output,
    PolicyLock,
    Spend,
    Transaction,
    TransactionBody,
)
from bystack.primitives.codec import encode
from bystack.primitives.hashes import fixed, tagged
from bystack.primitives.keys import public_key, sign

WIDE = 9_000
"""Coins that one transaction makes."""
PART = 500
PAID = 1

_secret = tagged("bench/transfer")
_payee = tagged("bench/payee")


class Terms(NamedTuple):
    """What a transfer is made of: the chain's id, the asset, the fee, the processes that sign."""

    chain: bytes
    asset: bytes
    fee: int
    workers: int = 2


class Held(NamedTuple):
    """A coin of ours: where it is, what it holds, the number of its key."""

    place: Outpoint
    amount: int
    number: int


class Signed(NamedTuple):
    """A transfer ready to be sent: its id and its bytes."""

    id: bytes
    data: bytes


def policy_of(number: int) -> Key:
    """The policy of the key with this number."""
    return Key(public_key(_secret(fixed(number))))


def root_of(number: int) -> bytes:
    """The policy root that pays to the key with this number."""
    return policy_root([policy_of(number)])


def cut(terms: Terms, coin: Held, count: int) -> tuple[list[Signed], list[Held]]:
    """Transactions that cut a coin into `count` equal ones, in the order they need, and these."""
    each = (coin.amount - terms.fee * (count // WIDE + 1)) // count
    made, held = list[Signed](), list[Held]()
    for first in range(1, count + 1, WIDE):
        numbers = range(first, min(first + WIDE, count + 1))
        rest = coin.amount - terms.fee - each * len(numbers)
        outputs = [(each, root_of(number)) for number in numbers] + [(rest, root_of(0))]
        tx = _spend(terms, coin, outputs, _key(coin.number))
        made.append(Signed(tx.id, encode(tx)))
        held += [Held(Outpoint(tx.id, at), each, number) for at, number in enumerate(numbers)]
        coin = Held(Outpoint(tx.id, len(numbers)), rest, 0)
    return made, held


def rounds(terms: Terms, coins: Sequence[Held], number: int) -> list[list[Signed]]:
    """For each of so many rounds a transfer of each coin; signed in processes of their own."""
    parts = [coins[at : at + PART] for at in range(0, len(coins), PART)]
    work = partial(_rounds_of, terms, number)
    with ProcessPoolExecutor(terms.workers, mp_context=get_context("spawn")) as pool:
        done = list(pool.map(work, parts))
    return [list(chain.from_iterable(part[at] for part in done)) for at in range(number)]


def _rounds_of(terms: Terms, number: int, coins: Sequence[Held]) -> list[list[Signed]]:
    made = [list(line(terms, coin, number)) for coin in coins]
    return [[line[at] for line in made] for at in range(number)]


def line(terms: Terms, coin: Held, number: int) -> Iterator[Signed]:
    """So many transfers, each of the change of the one before."""
    key = _key(coin.number)
    payee = _payee(fixed(coin.number))
    for _ in range(number):
        left = coin.amount - terms.fee - PAID
        tx = _spend(terms, coin, [(PAID, payee), (left, key.root)], key)
        yield Signed(tx.id, encode(tx))
        coin = Held(Outpoint(tx.id, 1), left, coin.number)


class _Owner(NamedTuple):
    """A secret, the policy it satisfies and the root that pays to it."""

    secret: bytes
    policy: Key
    root: bytes


def _key(number: int) -> _Owner:
    policy = policy_of(number)
    return _Owner(_secret(fixed(number)), policy, policy_root([policy]))


def _spend(
    terms: Terms, held: Held, outputs: Sequence[tuple[int, bytes]], owner: _Owner
) -> Transaction:
    paid = tuple(Output(terms.asset, amount, PolicyLock(root)) for amount, root in outputs)
    body = TransactionBody(VERSION, (held.place,), paid, (), 0, 0, b"")
    # A digest takes of a coin what its owner sees: where, which asset, how much, under which lock.
    coin = Coin(terms.asset, held.amount, PolicyLock(owner.root), 0, 0, 1, b"")
    digest = Signing(terms.chain, body, [(held.place, coin)]).digest(0, 0)
    signature = sign(owner.secret, digest, bytes(32))
    branch = prove_branch([owner.policy], 0)
    return Transaction(body, (Spend(owner.policy, branch, 0, (signature,)),))

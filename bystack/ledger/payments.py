"""Payments in the making: which coins they take, what comes back, and who has signed already.

Largest coins first keeps transactions small; while fees are low a few of the smallest go along, so
that coins do not grow too many to spend. What comes out is a draft (`ledger.pst`); here it is
signed by one wallet's keys, `ledger.pst_signing` is for several people and other policies.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from bystack.ledger.amounts import add
from bystack.ledger.coins import Coin
from bystack.ledger.effects import NO_EFFECTS, Effects
from bystack.ledger.fulfilment import leaves
from bystack.ledger.policies import Key, Policy
from bystack.ledger.pst import PartiallySigned as PartiallySigned
from bystack.ledger.pst import unsigned
from bystack.ledger.satisfaction import policy_root, prove_branch
from bystack.ledger.signing import ALL, Signing
from bystack.ledger.transactions import (
    VERSION,
    Action,
    NoWitness,
    Outpoint,
    Output,
    PolicyLock,
    Spend,
    Transaction,
    TransactionBody,
)
from bystack.ledger.validation import SCHNORR_WEIGHT
from bystack.primitives.errors import Invalid
from bystack.primitives.hashes import fixed, tagged
from bystack.primitives.keys import public_key, sign
from bystack.primitives.merkle import MerkleProof

RATE = 1_000_000
CHEAP_RATE = 2_000_000  # below this fee rate small coins go along
MANY_COINS = 10
SWEPT_COINS = 8
SPEND_WEIGHT = 250  # what one more input weighs, amply
MAX_WEIGHT = 400_000

SIGNATURE = 64
SINGLE_KEY = Spend(Key(bytes(32)), MerkleProof(0, 1, ()), ALL, (bytes(SIGNATURE),))
"""What spending a coin of a single key looks like."""

Coins = Mapping[Outpoint, Coin]

_aux = tagged("wallet/aux")


class InsufficientFunds(Invalid):
    """There are not enough coins of the asset to pay with."""


class PaymentTooHeavy(Invalid):
    """The payment needs too many coins: send less at once."""


class SignatureMissing(Invalid):
    """An input of the transaction is not signed yet."""


class FeeTerms(NamedTuple):
    """What fees are paid in, how much per million of weight, and the least of a transaction, or of
    each of its actions."""

    asset: bytes
    rate: int
    least: int = 0


def build_payment(
    chain_id: bytes,
    coins: Coins,
    outputs: Sequence[Output],
    change: PolicyLock,
    fees: FeeTerms,
    *,
    actions: Sequence[Action] = (),
    effects: Effects = NO_EFFECTS,
    extra_weight: int = 0,
    window: tuple[int, int] = (0, 0),
    memo: bytes = b"",
    model: Spend = SINGLE_KEY,
) -> PartiallySigned:
    """A payment of `outputs` from `coins`, what is left of each asset going to `change`.

    `effects` says what the actions create and destroy, `extra_weight` what their witnesses will
    weigh, `model` what the witness of each coin will look like. Raises `InsufficientFunds`,
    `PaymentTooHeavy`.
    """
    needs = _needs(outputs, effects)
    fee = 0
    while True:
        wanted = {**needs, fees.asset: needs.get(fees.asset, 0) + fee}
        chosen = _choose(coins, wanted, fees)
        rests = _rests(chosen, wanted)
        returned = tuple(Output(asset, n, change) for asset, n in sorted(rests.items()) if n)
        made = (*outputs, *returned)
        body = TransactionBody(VERSION, tuple(chosen), made, tuple(actions), *window, memo)
        weight = signed_weight(body, model) + extra_weight
        if weight > MAX_WEIGHT:
            raise PaymentTooHeavy(weight=weight, limit=MAX_WEIGHT, inputs=len(chosen))
        enough = max(fees.least * max(1, len(actions)), -(-weight * fees.rate // RATE))
        if fee >= enough:
            return unsigned(chain_id, body, tuple(chosen.values()))
        fee = enough


def signed_weight(body: TransactionBody, model: Spend = SINGLE_KEY) -> int:
    """What it will weigh once each input is signed as in `model`."""
    witnesses = (model,) * len(body.inputs) + (NoWitness(),) * len(body.actions)
    checks = sum(len(item) == SIGNATURE for item in model.items)
    return Transaction(body, witnesses).size + SCHNORR_WEIGHT * checks * len(body.inputs)


def model_of(policies: Sequence[Policy], branch: int = 0) -> Spend:
    """A witness as heavy as any that satisfies this branch by Schnorr signatures."""
    policy = policies[branch]
    return Spend(policy, prove_branch(policies, branch), ALL, (bytes(SIGNATURE),) * leaves(policy))


def _needs(outputs: Sequence[Output], effects: Effects) -> Mapping[bytes, int]:
    """What coins must bring per asset; below 0 where actions create more than is paid."""
    needs: dict[bytes, int] = dict(effects.destroyed)
    for output in outputs:
        add(needs, output.asset, output.amount)
    for asset, amount in effects.created.items():
        needs[asset] = needs.get(asset, 0) - amount
    return needs


def _rests(chosen: Coins, wanted: Mapping[bytes, int]) -> Mapping[bytes, int]:
    rests = {asset: -amount for asset, amount in wanted.items()}
    for coin in chosen.values():
        rests[coin.asset] += coin.amount
    return rests


def _choose(coins: Coins, wanted: Mapping[bytes, int], fees: FeeTerms) -> Coins:
    """Coins for every asset wanted, in an order that depends on nothing else."""
    chosen: dict[Outpoint, Coin] = {}
    for asset in sorted(wanted):
        mine = [(point, coin) for point, coin in coins.items() if coin.asset == asset]
        mine.sort(key=lambda pair: (-pair[1].amount, pair[0].transaction, pair[0].index))
        count = _largest_first(asset, mine, wanted[asset])
        chosen.update(mine[:count])
        if asset == fees.asset and count:
            chosen.update(_swept(mine[count:], fees.rate))
    return chosen


def _swept(others: Sequence[tuple[Outpoint, Coin]], rate: int) -> Coins:
    """The smallest coins that are worth more than spending them costs, while that is cheap."""
    if rate > CHEAP_RATE or len(others) <= MANY_COINS:
        return {}
    worthy = [(point, coin) for point, coin in others if coin.amount * RATE > SPEND_WEIGHT * rate]
    return dict(worthy[-SWEPT_COINS:])


def _largest_first(asset: bytes, mine: Sequence[tuple[Outpoint, Coin]], wanted: int) -> int:
    """How many of the coins, from the first on, reach the amount."""
    available = 0
    for count, (_, coin) in enumerate(mine):
        if available >= wanted:
            return count
        available += coin.amount
    if available < wanted:
        raise InsufficientFunds(asset=asset, needed=wanted, available=available)
    return len(mine)


def sign_transaction(
    draft: PartiallySigned, secrets: Mapping[bytes, bytes], aux: bytes, mode: int = ALL
) -> PartiallySigned:
    """Sign every unsigned input whose policy root has its secret in `secrets`.

    `aux` is 32 fresh random bytes. Locks of one key only; others are signed by whoever knows their
    policy.
    """
    pairs = tuple(zip(draft.body.inputs, draft.coins, strict=True))
    signing = Signing(draft.chain_id, draft.body, pairs)
    witnesses = list(draft.witnesses)
    for index, coin in enumerate(draft.coins):
        root = coin.lock.root if isinstance(coin.lock, PolicyLock) else b""
        if root in secrets and isinstance(witnesses[index], NoWitness):
            fresh = _aux(aux, fixed(index, 4))
            witnesses[index] = _spend(secrets[root], signing.digest(index, mode), mode, fresh)
    return msgspec.structs.replace(draft, witnesses=tuple(witnesses))


def _spend(secret: bytes, digest: bytes, mode: int, aux: bytes) -> Spend:
    policy = Key(public_key(secret))
    return Spend(policy, prove_branch([policy], 0), mode, (sign(secret, digest, aux),))


def single_key_root(secret: bytes) -> bytes:
    """The policy root that one secret opens."""
    return policy_root([Key(public_key(secret))])


def completed(draft: PartiallySigned) -> Transaction:
    """The transaction, every policy lock signed. Raises `SignatureMissing`."""
    for index, coin in enumerate(draft.coins):
        if isinstance(coin.lock, PolicyLock) and not isinstance(draft.witnesses[index], Spend):
            raise SignatureMissing(index=index)
    return Transaction(draft.body, draft.witnesses)

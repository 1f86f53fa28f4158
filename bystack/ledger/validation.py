"""The rules of a transaction, the same on the main chain and on every sidechain.

First what the transaction alone shows (`check_transaction`), then what it does to the coins
(`apply_transaction`). What its actions mean comes from the chain as `Effects`; which assets may be
paid as fee is the chain's rule too. Signatures are returned as checks, not verified.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from bystack.ledger.amounts import BTM, add
from bystack.ledger.coins import Coin, CoinExists, CoinMissing, CoinView, Delta
from bystack.ledger.effects import NO_EFFECTS, Applied, Check, Effects, SchnorrCheck
from bystack.ledger.ordinary import judge_ordinary
from bystack.ledger.policies import check_policy
from bystack.ledger.satisfaction import Context, check_branch, satisfies
from bystack.ledger.signing import Signing
from bystack.ledger.transactions import (
    MAX_DEPOSITING,
    MAX_TRANSACTION,
    VERSION,
    Approval,
    DepositLock,
    Outpoint,
    Output,
    PolicyLock,
    RecordLock,
    RetireLock,
    Spend,
    Transaction,
    TransactionBody,
    VaultLock,
    Witness,
)
from bystack.primitives.errors import Invalid

SCHNORR_WEIGHT = 50
BLS_WEIGHT = 1_500

SpentCoins = Sequence[tuple[Outpoint, Coin]]


class VersionUnknown(Invalid):
    """The transaction's version is not one we know."""


class TransactionTooLong(Invalid):
    """The transaction is longer than a transaction may be."""


class DepositTooLong(Invalid):
    """The transaction pays into a vault and is longer than what a sidechain can be shown."""


class NothingDone(Invalid):
    """The transaction has neither an input nor an action."""


class InputRepeated(Invalid):
    """Two inputs of the transaction spend the same coin."""


class WitnessCount(Invalid):
    """There must be one witness for each input and each action."""


class WitnessKind(Invalid):
    """The witness is of a kind that does not fit its input or action."""


class AmountZero(Invalid):
    """An output's amount is zero."""


class AnchorAmount(Invalid):
    """A vault's anchor is BTM and of amount zero."""


class LockForbidden(Invalid):
    """The output's lock may only arise from an operation, and none here creates it."""


class WindowEmpty(Invalid):
    """The transaction's validity ends before it begins."""


class NotYetValid(Invalid):
    """The transaction is valid only from a later height on."""


class Expired(Invalid):
    """The transaction's validity has ended."""


class Immature(Invalid):
    """A coin from a coinbase is spent too early."""


class NotSpendable(Invalid):
    """The coin's lock allows no spend by witness alone."""


class Overspent(Invalid):
    """The transaction pays out more of an asset than it takes in."""


class UnitBroken(Invalid):
    """An amount of an indivisible asset is not in whole units."""


class Rules(NamedTuple):
    """What differs from chain to chain: its id, and how old a coinbase coin must be to move."""

    chain_id: bytes
    maturity: int


def check_transaction(tx: Transaction) -> None:
    """Raise the first rule that the transaction breaks by itself, whatever the coins are."""
    body = tx.body
    if body.version != VERSION:
        raise VersionUnknown(version=body.version)
    if tx.size > MAX_TRANSACTION:
        raise TransactionTooLong(length=tx.size, limit=MAX_TRANSACTION)
    if tx.size > MAX_DEPOSITING and any(type(o.lock) is DepositLock for o in body.outputs):
        raise DepositTooLong(length=tx.size, limit=MAX_DEPOSITING)
    if not body.inputs and not body.actions:
        raise NothingDone()
    if len(set(body.inputs)) != len(body.inputs):
        raise InputRepeated(transaction=tx.id)
    if body.valid_until and body.valid_from > body.valid_until:
        raise WindowEmpty(valid_from=body.valid_from, valid_until=body.valid_until)
    for index, output in enumerate(body.outputs):
        _check_output(index, output)
    _check_witnesses(tx)


def _check_output(index: int, output: Output) -> None:
    match output.lock:
        case RecordLock():
            raise LockForbidden(index=index, lock="RecordLock")
        case VaultLock() if output.asset != BTM or output.amount:
            raise AnchorAmount(index=index, asset=output.asset, amount=output.amount)
        case VaultLock():
            return
        case _ if not output.amount:
            raise AmountZero(index=index)
        case _:
            return


def _check_witnesses(tx: Transaction) -> None:
    inputs, expected = len(tx.body.inputs), len(tx.body.inputs) + len(tx.body.actions)
    if len(tx.witnesses) != expected:
        raise WitnessCount(expected=expected, given=len(tx.witnesses))
    for index, witness in enumerate(tx.witnesses):
        match witness:
            case Spend(policy) if index < inputs:
                check_policy(policy)
            case Spend():
                raise WitnessKind(index=index, given="Spend")
            case Approval() if index < inputs:
                raise WitnessKind(index=index, given="Approval")
            case _:
                continue


def spends(tx: Transaction) -> tuple[Outpoint, ...]:
    """The outpoints that `apply_transaction` looks up.

    Its inputs; and of a transaction without any, the coins it would create, as only such a one
    could come twice with the same id.
    """
    return tx.body.inputs or tuple(Outpoint(tx.id, i) for i in range(len(tx.body.outputs)))


def apply_transaction(
    coins: CoinView, tx: Transaction, height: int, effects: Effects, rules: Rules
) -> Applied:
    """What a transaction does in a block at `height`; `coins` is not changed.

    Raises the rule it breaks: those of `check_transaction` and of this file, `CoinMissing`,
    `CoinExists`, `AmountOverflow`, or what the revealed policies raise.
    """
    if effects is NO_EFFECTS:
        ordinary = judge_ordinary(coins, tx, height, rules.chain_id, rules.maturity)
        if ordinary is not None:
            return ordinary
    return apply_general(coins, tx, height, effects, rules)


def apply_general(
    coins: CoinView, tx: Transaction, height: int, effects: Effects, rules: Rules
) -> Applied:
    """As `apply_transaction`, rule by rule, whatever the transaction's shape."""
    check_transaction(tx)
    _check_window(tx.body, height)
    spent = _find(coins, tx.body, height, rules.maturity)
    fees = _balance(spent, tx.body.outputs, effects)
    _check_units(spent, tx.body.outputs, effects)
    checks = _authorise(tx, spent, height, effects, rules.chain_id)
    created = _create(coins, tx, height, spent, effects)
    delta = Delta({**dict(spent), **effects.records.spent}, {**created, **effects.records.created})
    return Applied(delta, (*checks, *effects.checks), fees)


def _check_window(body: TransactionBody, height: int) -> None:
    if height < body.valid_from:
        raise NotYetValid(height=height, valid_from=body.valid_from)
    if body.valid_until and height > body.valid_until:
        raise Expired(height=height, valid_until=body.valid_until)


def _find(coins: CoinView, body: TransactionBody, height: int, maturity: int) -> SpentCoins:
    """The coins the transaction spends, in the order of its inputs."""
    spent = []
    for outpoint in body.inputs:
        coin = coins.get(outpoint)
        if coin is None:
            raise CoinMissing(transaction=outpoint.transaction, index=outpoint.index)
        if coin.coinbase and height - coin.height < maturity:
            raise Immature(transaction=outpoint.transaction, matures=coin.height + maturity)
        spent.append((outpoint, coin))
    return spent


def _balance(spent: SpentCoins, outputs: Sequence[Output], effects: Effects) -> Mapping[bytes, int]:
    """The fee per asset: what comes in and does not go out."""
    gained: dict[bytes, int] = dict(effects.created)
    for _, coin in spent:
        add(gained, coin.asset, coin.amount)
    given: dict[bytes, int] = dict(effects.destroyed)
    for output in outputs:
        add(given, output.asset, output.amount)
    for asset, amount in given.items():
        if amount > gained.get(asset, 0):
            raise Overspent(asset=asset, spent=gained.get(asset, 0), created=amount)
    fees = {asset: amount - given.get(asset, 0) for asset, amount in gained.items()}
    return {asset: fee for asset, fee in fees.items() if fee}


def _units(spent: SpentCoins, effects: Effects) -> Mapping[bytes, int]:
    return {**{coin.asset: coin.unit for _, coin in spent}, **effects.units}


def _check_units(spent: SpentCoins, outputs: Sequence[Output], effects: Effects) -> None:
    units = _units(spent, effects)
    for index, output in enumerate(outputs):
        unit = units.get(output.asset, 1)
        if output.amount % unit:
            raise UnitBroken(index=index, asset=output.asset, amount=output.amount, unit=unit)


def _authorise(
    tx: Transaction, spent: SpentCoins, height: int, effects: Effects, chain_id: bytes
) -> tuple[Check, ...]:
    """The signatures of every input that no operation authorises."""
    signing = Signing(chain_id, tx.body, spent, tx.id)
    checks: list[Check] = []
    for index, (outpoint, coin) in enumerate(spent):
        witness = tx.witnesses[index]
        if index not in effects.inputs:
            checks += _spend(index, outpoint, coin, witness, signing, height)
        elif isinstance(witness, Spend):  # ignored, it would be free for anyone to change
            raise WitnessKind(index=index, given="Spend")
    return tuple(checks)


def _spend(
    index: int, outpoint: Outpoint, coin: Coin, witness: Witness, signing: Signing, height: int
) -> tuple[Check, ...]:
    lock = coin.lock
    if not isinstance(lock, PolicyLock):
        raise NotSpendable(transaction=outpoint.transaction, index=outpoint.index)
    if not isinstance(witness, Spend):
        raise WitnessKind(index=index, given=type(witness).__name__)
    check_branch(lock.root, witness.policy, witness.branch)
    context = Context(height, coin.height, signing.digest(index, witness.mode))
    return satisfies(witness.policy, witness.items, context)


def _create(
    coins: CoinView, tx: Transaction, height: int, spent: SpentCoins, effects: Effects
) -> Mapping[Outpoint, Coin]:
    """The coins of the outputs; a retired output leaves none."""
    units = _units(spent, effects)
    created = {}
    for index, output in enumerate(tx.body.outputs):
        _check_lock(index, output, effects)
        outpoint = Outpoint(tx.id, index)
        if not spent and coins.get(outpoint) is not None:
            raise CoinExists(transaction=tx.id, index=index)
        if not isinstance(output.lock, RetireLock):
            state, unit = effects.outputs.get(index, b""), units.get(output.asset, 1)
            made = (output.asset, output.amount, output.lock, height)
            created[outpoint] = Coin(*made, effects.coinbase, unit, state)
    return created


def _check_lock(index: int, output: Output, effects: Effects) -> None:
    if index in effects.outputs or isinstance(output.lock, PolicyLock | RetireLock | DepositLock):
        return
    raise LockForbidden(index=index, lock=type(output.lock).__name__)


def weight(tx: Transaction, checks: Sequence[Check]) -> int:
    """Bytes, and more for each signature, for verifying is what a block costs everybody."""
    schnorr = 0
    for check in checks:
        schnorr += type(check) is SchnorrCheck
    return tx.size + SCHNORR_WEIGHT * schnorr + BLS_WEIGHT * (len(checks) - schnorr)

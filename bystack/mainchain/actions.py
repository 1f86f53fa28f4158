"""What the actions of a main-chain transaction do: coinbase, issue and the vault operations.

The ledger never looks inside an action; this file decodes each kind and tells the ledger its
effects. A kind that is not known here is refused. A vault operation stands alone.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from bystack.ledger.amounts import BTM
from bystack.ledger.coins import CoinView
from bystack.ledger.effects import NO_EFFECTS, Effects
from bystack.ledger.transactions import (
    Action,
    NoWitness,
    Outpoint,
    PolicyLock,
    RetireLock,
    Spend,
    Transaction,
)
from bystack.ledger.validation import WitnessKind, spends
from bystack.ledger.vault_errors import OneOperation
from bystack.ledger.vault_operations import VAULT_KINDS, decode_operation, extra_weight
from bystack.ledger.vaults import vault_effects
from bystack.mainchain.issues import (
    ISSUE,
    decode_issue,
    issue_effects,
    issued_asset,
    record_outpoint,
    witness_of,
)
from bystack.mainchain.params import Params, chain_id
from bystack.primitives.codec import U63, Wire, decode, encode
from bystack.primitives.errors import Invalid

COINBASE = 1
MAX_BODY = 1_000


class ActionUnknown(Invalid):
    """The main chain knows no action of this kind."""


class CoinbaseMisplaced(Invalid):
    """A coinbase stands first in a block and nowhere else."""


class CoinbaseMalformed(Invalid):
    """The coinbase has inputs, a witness, a validity window, or other than its one action."""


class CoinbaseHeight(Invalid):
    """The coinbase names another height than its block's."""


class CoinbaseLock(Invalid):
    """A coinbase pays to policy and retire locks only."""


class RewardExceeded(Invalid):
    """The coinbase creates more than subsidy and fees."""


class Coinbase(Wire):
    """The miner's action: the height makes the id unique, `extra` is the miner's own."""

    height: U63
    extra: Annotated[bytes, Meta(max_length=100)]


def is_coinbase(tx: Transaction) -> bool:
    """Whether a transaction of a block is its coinbase, whose coins mature before they move."""
    return any(action.kind == COINBASE for action in tx.body.actions)


def needs(tx: Transaction) -> tuple[Outpoint, ...]:
    """Every coin that judging the transaction looks up: its inputs and the records of its issues.

    Raises the codec's errors for an issue that cannot be decoded.
    """
    issues = [decode_issue(a) for a in tx.body.actions if a.kind == ISSUE]
    return (*spends(tx), *(record_outpoint(issued_asset(issue)) for issue in issues))


def extra_weight_of(tx: Transaction) -> int:
    """What a transaction's operation weighs beside its bytes and checks."""
    if not tx.body.actions:
        return 0
    operations = [
        decode_operation(a.kind, a.body) for a in tx.body.actions if a.kind in VAULT_KINDS
    ]
    return sum(extra_weight(operation) for operation in operations)


def main_effects(coins: CoinView, tx: Transaction, height: int, params: Params) -> Effects:
    """What the actions of an ordinary transaction do at this height.

    Raises `ActionUnknown`, `CoinbaseMisplaced`, `OneOperation`, `WitnessKind`, the errors of issues
    (`mainchain.issues`) and of vaults (`ledger.vaults`).
    """
    if not tx.body.actions:
        return NO_EFFECTS
    kinds = [action.kind for action in tx.body.actions]
    if COINBASE in kinds:
        raise CoinbaseMisplaced(transaction=tx.id)
    if any(kind in VAULT_KINDS for kind in kinds):
        return _operate(coins, tx, height, params)
    for kind in kinds:
        if kind != ISSUE:
            raise ActionUnknown(kind=kind)
    return issue_effects(coins, tx, height, chain_id(params))


def _operate(coins: CoinView, tx: Transaction, height: int, params: Params) -> Effects:
    if len(tx.body.actions) > 1:
        raise OneOperation(actions=len(tx.body.actions))
    action, approval = tx.body.actions[0], witness_of(tx, 0)
    if isinstance(approval, Spend):
        raise WitnessKind(index=len(tx.body.inputs), given="Spend")
    operation = decode_operation(action.kind, action.body)
    effects: Effects = vault_effects(coins, tx, 0, operation, approval, height, chain_id(params))
    return effects


def coinbase_effects(tx: Transaction, height: int, reward: int) -> Effects:
    """What the first transaction of a block does: create at most `reward` of BTM.

    Raises `CoinbaseMisplaced`, `CoinbaseMalformed`, `CoinbaseHeight`, `CoinbaseLock`,
    `RewardExceeded`.
    """
    body = tx.body
    if [action.kind for action in body.actions] != [COINBASE]:
        raise CoinbaseMisplaced(transaction=tx.id)
    if body.inputs or body.valid_from or body.valid_until or tx.witnesses != (NoWitness(),):
        raise CoinbaseMalformed(transaction=tx.id)
    if (given := decode(Coinbase, body.actions[0].body, MAX_BODY).height) != height:
        raise CoinbaseHeight(expected=height, given=given)
    for index, output in enumerate(body.outputs):
        if not isinstance(output.lock, PolicyLock | RetireLock):
            raise CoinbaseLock(index=index, lock=type(output.lock).__name__)
    if (paid := sum(o.amount for o in body.outputs if o.asset == BTM)) > reward:
        raise RewardExceeded(reward=reward, paid=paid)
    return Effects(created={BTM: reward}, coinbase=1)


def coinbase_action(height: int, extra: bytes = b"") -> Action:
    """The action of the coinbase at this height."""
    return Action(COINBASE, encode(Coinbase(height, extra)))

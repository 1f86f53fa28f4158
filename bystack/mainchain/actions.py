"""What the actions of a main-chain transaction do: coinbase, issue and the vault operations.

The ledger never looks inside an action; this file decodes each kind and tells the ledger its
effects. A kind that is not known here is refused. A vault operation stands alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from msgspec import Meta

from bystack.ledger.amounts import (
    BTM,
    AssetDefinition,
    add,
    asset_id,
    check_definition,
    total,
    unit_of,
)
from bystack.ledger.coins import Coin, CoinView, Delta, Overlay
from bystack.ledger.effects import NO_EFFECTS, Check, Effects
from bystack.ledger.policies import Policy
from bystack.ledger.satisfaction import Context, check_branch, satisfies
from bystack.ledger.transactions import (
    Action,
    Approval,
    NoWitness,
    Outpoint,
    PolicyLock,
    RecordLock,
    RetireLock,
    Spend,
    Transaction,
    Witness,
)
from bystack.ledger.validation import WitnessKind, spends
from bystack.ledger.vault_errors import OneOperation
from bystack.ledger.vault_operations import VAULT_KINDS, decode_operation, extra_weight
from bystack.ledger.vaults import vault_effects
from bystack.mainchain.params import Params, chain_id
from bystack.primitives.codec import U63, Bytes32, Wire, decode, encode
from bystack.primitives.errors import Invalid, Misuse
from bystack.primitives.hashes import fixed, tagged
from bystack.primitives.merkle import MerkleProof

COINBASE = 1
ISSUE = 2
RECORD_INDEX = 2**32 - 1
MAX_BODY = 1_000
MAX_REVEALED = 20_000

_issue_digest = tagged("issue")


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


class IssueAmount(Invalid):
    """The issued amount is zero or not in whole units."""


class IssueUnbound(Invalid):
    """An issue spends at least one coin, or its approval could be used again."""


class IssueUnapproved(Invalid):
    """An issue's witness is one approval that reveals a branch and satisfies it."""


class AlreadyIssued(Invalid):
    """A non-fungible asset is issued once."""


class Coinbase(Wire):
    """The miner's action: the height makes the id unique, `extra` is the miner's own."""

    height: U63
    extra: Annotated[bytes, Meta(max_length=100)]


class Issue(Wire):
    """Create `amount` of the asset that `issuance` (a policy root) and the definition name."""

    issuance: Bytes32
    definition: AssetDefinition
    amount: U63


class Revealed(Wire):
    """What an issue's approval reveals: one branch of the issuance policy and its place."""

    policy: Policy
    branch: MerkleProof


class Registration(Wire):
    """What the chain keeps of an issued asset: who may issue, what it is, how much there was."""

    issuance: Bytes32
    definition: AssetDefinition
    issued: U63


def issued_asset(issue: Issue) -> bytes:
    """The id of the asset an issue creates."""
    return asset_id(issue.issuance, issue.definition)


def record_outpoint(asset: bytes) -> Outpoint:
    """Where an asset's registration is kept; no transaction has an output of that index."""
    return Outpoint(asset, RECORD_INDEX)


def registration_of(record: Coin) -> Registration:
    """The registration that a record coin holds."""
    if not isinstance(record.lock, RecordLock):
        raise Misuse("the coin is no record")
    return decode(Registration, record.lock.body, MAX_BODY)


def issue_digest(chain: bytes, transaction: bytes, position: int) -> bytes:
    """What the issuance policy's keys sign: the action at `position` of this transaction."""
    return _issue_digest(chain, transaction, fixed(position, 4))


def is_coinbase(tx: Transaction) -> bool:
    """Whether a transaction of a block is its coinbase, whose coins mature before they move."""
    return any(action.kind == COINBASE for action in tx.body.actions)


def needs(tx: Transaction) -> tuple[Outpoint, ...]:
    """Every coin that judging the transaction looks up: its inputs and the records of its issues.

    Raises the codec's errors for an issue that cannot be decoded.
    """
    issues = [decode(Issue, a.body, MAX_BODY) for a in tx.body.actions if a.kind == ISSUE]
    return (*spends(tx), *(record_outpoint(issued_asset(issue)) for issue in issues))


def extra_weight_of(tx: Transaction) -> int:
    """What a transaction's operation weighs beside its bytes and checks."""
    operations = [
        decode_operation(a.kind, a.body) for a in tx.body.actions if a.kind in VAULT_KINDS
    ]
    return sum(extra_weight(operation) for operation in operations)


def main_effects(coins: CoinView, tx: Transaction, height: int, params: Params) -> Effects:
    """What the actions of an ordinary transaction do at this height.

    Raises `ActionUnknown`, `CoinbaseMisplaced`, `OneOperation`, `WitnessKind`, the errors of issues
    (this file) and of vaults (`ledger.vaults`).
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
    return _issue_all(coins, tx, height, chain_id(params))


def witness_of(tx: Transaction, position: int) -> Witness:
    """The witness of an action; `WitnessCount` is judged by the ledger, here a lack is empty."""
    at = len(tx.body.inputs) + position
    return tx.witnesses[at] if at < len(tx.witnesses) else NoWitness()


def _operate(coins: CoinView, tx: Transaction, height: int, params: Params) -> Effects:
    if len(tx.body.actions) > 1:
        raise OneOperation(actions=len(tx.body.actions))
    action, approval = tx.body.actions[0], witness_of(tx, 0)
    if isinstance(approval, Spend):
        raise WitnessKind(index=len(tx.body.inputs), given="Spend")
    operation = decode_operation(action.kind, action.body)
    effects: Effects = vault_effects(coins, tx, 0, operation, approval, height, chain_id(params))
    return effects


def _issue_all(coins: CoinView, tx: Transaction, height: int, chain: bytes) -> Effects:
    if not tx.body.inputs:
        raise IssueUnbound(transaction=tx.id)
    records, created, units = Overlay(coins), dict[bytes, int](), dict[bytes, int]()
    checks: list[Check] = []
    for position, action in enumerate(tx.body.actions):
        issue = decode(Issue, action.body, MAX_BODY)
        asset, digest = _check_issue(issue), issue_digest(chain, tx.id, position)
        checks += _approve(issue, witness_of(tx, position), height, digest)
        records.apply(_register(records, issue, asset, height))
        add(created, asset, issue.amount)
        units[asset] = unit_of(issue.definition)
    return Effects(created=created, units=units, records=records.delta(), checks=tuple(checks))


def _check_issue(issue: Issue) -> bytes:
    """The asset's id, once definition and amount are in order."""
    check_definition(issue.definition)
    if not issue.amount or issue.amount % unit_of(issue.definition):
        raise IssueAmount(amount=issue.amount, unit=unit_of(issue.definition))
    return issued_asset(issue)


def _approve(issue: Issue, witness: Witness, height: int, digest: bytes) -> tuple[Check, ...]:
    if not isinstance(witness, Approval) or len(witness.signatures) != 1:
        raise IssueUnapproved(given=type(witness).__name__)
    revealed = decode(Revealed, witness.revealed, MAX_REVEALED)
    check_branch(issue.issuance, revealed.policy, revealed.branch)
    # There is no coin whose age `older` could mean: it counts from this block and never passes.
    context = Context(height, height, digest)
    return satisfies(revealed.policy, witness.signatures[0], context)


def _register(coins: CoinView, issue: Issue, asset: bytes, height: int) -> Delta:
    """The record of the asset after this issue, in place of the one before."""
    place = record_outpoint(asset)
    before = coins.get(place)
    if before is not None and not issue.definition.fungible:
        raise AlreadyIssued(asset=asset)
    issued = registration_of(before).issued if before is not None else 0
    body = Registration(issue.issuance, issue.definition, total((issued, issue.amount)))
    record = Coin(asset, 0, RecordLock(encode(body)), height, 0, unit_of(issue.definition), b"")
    spent: Mapping[Outpoint, Coin] = {} if before is None else {place: before}
    return Delta(spent, {place: record})


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


def issue_action(issue: Issue) -> Action:
    """The action that issues."""
    return Action(ISSUE, encode(issue))

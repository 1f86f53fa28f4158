"""Issuing assets on the main chain: who may, how much there may be, and what the chain records.

An asset is issued under its own policy, whose root stands in its id. Its record is a coin at a
place no transaction has an output of, replaced at each issue; it says how much was issued, which is
what a cap is held against.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bystack.ledger.amounts import (
    AssetDefinition,
    add,
    asset_id,
    check_definition,
    total,
    unit_of,
    whole_of,
)
from bystack.ledger.coins import Coin, CoinView, Delta, Overlay
from bystack.ledger.effects import Check, Effects
from bystack.ledger.policies import Policy
from bystack.ledger.pst import Branch
from bystack.ledger.satisfaction import Context, check_branch, satisfies
from bystack.ledger.transactions import (
    Action,
    Approval,
    Items,
    NoWitness,
    Outpoint,
    RecordLock,
    Transaction,
    Witness,
)
from bystack.primitives.codec import U63, Bytes32, Wire, decode, encode
from bystack.primitives.errors import Invalid, Misuse
from bystack.primitives.hashes import fixed, tagged
from bystack.primitives.merkle import MerkleProof

ISSUE = 2
RECORD_INDEX = 2**32 - 1
MAX_BODY = 1_000
MAX_REVEALED = 20_000

_issue_digest = tagged("issue")


class IssueAmount(Invalid):
    """The issued amount is zero, not in whole units, or of a serial other than one unit."""


class IssueUnbound(Invalid):
    """An issue spends at least one coin, or its approval could be used again."""


class IssueUnapproved(Invalid):
    """An issue's witness is one approval that reveals a branch and satisfies it."""


class IssueCapExceeded(Invalid):
    """More of the asset would be issued than its definition's cap allows."""


class AlreadyIssued(Invalid):
    """A non-fungible asset is issued once."""


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
    """What the chain keeps of an issued asset: who may issue, what it is, how much there was.

    `first` is the height of its first issue.
    """

    issuance: Bytes32
    definition: AssetDefinition
    issued: U63
    first: U63


def issue_action(issue: Issue) -> Action:
    """The action that issues."""
    return Action(ISSUE, encode(issue))


def decode_issue(action: Action) -> Issue:
    """What an action of kind `ISSUE` says; raises the codec's errors."""
    return decode(Issue, action.body, MAX_BODY)


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


def issue_approval(policy: Policy, branch: MerkleProof, items: Sequence[bytes]) -> Approval:
    """The witness of an issue: the branch it reveals and what satisfies that."""
    return Approval(encode(Revealed(policy, branch)), (tuple(items),))


def issue_effects(coins: CoinView, tx: Transaction, height: int, chain: bytes) -> Effects:
    """What a transaction whose every action is an issue creates and records, in order.

    Raises the errors of this file, of definitions, and what the revealed policies raise.
    """
    if not tx.body.inputs:
        raise IssueUnbound(transaction=tx.id)
    records, created, units = Overlay(coins), dict[bytes, int](), dict[bytes, int]()
    checks: list[Check] = []
    for position, action in enumerate(tx.body.actions):
        issue = decode_issue(action)
        asset, digest = _check_issue(issue), issue_digest(chain, tx.id, position)
        checks += _approve(issue, witness_of(tx, position), height, digest)
        records.apply(_register(records, issue, asset, height))
        add(created, asset, issue.amount)
        units[asset] = unit_of(issue.definition)
    return Effects(created=created, units=units, records=records.delta(), checks=tuple(checks))


def witness_of(tx: Transaction, position: int) -> Witness:
    """The witness of an action; `WitnessCount` is judged by the ledger, here a lack is empty."""
    at = len(tx.body.inputs) + position
    return tx.witnesses[at] if at < len(tx.witnesses) else NoWitness()


def _check_issue(issue: Issue) -> bytes:
    """The asset's id, once definition and amount are in order."""
    definition = issue.definition
    check_definition(definition)
    if not issue.amount or issue.amount % unit_of(definition):
        raise IssueAmount(amount=issue.amount, unit=unit_of(definition))
    # A serial names one thing: several units of it would be alike, which is what it denies.
    if not definition.fungible and issue.amount != whole_of(definition):
        raise IssueAmount(amount=issue.amount, one=whole_of(definition))
    return issued_asset(issue)


def _approve(issue: Issue, witness: Witness, height: int, digest: bytes) -> tuple[Check, ...]:
    branch, items = ISSUE_APPROVALS.opened(witness)
    check_branch(issue.issuance, branch.policy, branch.proof)
    # There is no coin whose age `older` could mean: it counts from this block and never passes.
    context = Context(height, height, digest)
    return satisfies(branch.policy, items, context)


def _register(coins: CoinView, issue: Issue, asset: bytes, height: int) -> Delta:
    """The record of the asset after this issue, in place of the one before."""
    place = record_outpoint(asset)
    before = coins.get(place)
    if before is not None and not issue.definition.fungible:
        raise AlreadyIssued(asset=asset)
    known = registration_of(before) if before is not None else None
    issued = total((known.issued if known else 0, issue.amount))
    if (cap := issue.definition.cap) and issued > cap:
        raise IssueCapExceeded(asset=asset, issued=issued, cap=cap)
    first = known.first if known else height
    body = Registration(issue.issuance, issue.definition, issued, first)
    record = Coin(asset, 0, RecordLock(encode(body)), height, 0, unit_of(issue.definition), b"")
    spent: Mapping[Outpoint, Coin] = {} if before is None else {place: before}
    return Delta(spent, {place: record})


class IssueApprovals:
    """What issues ask to be signed, for drafts (`ledger.pst_auditing.Approvals`)."""

    def root(self, action: Action, /) -> bytes | None:
        """The issuance policy's root."""
        return decode_issue(action).issuance if action.kind == ISSUE else None

    def digest(self, chain: bytes, transaction: bytes, position: int, /) -> bytes:
        """As `issue_digest`."""
        return issue_digest(chain, transaction, position)

    def witness(self, branch: Branch, items: Sequence[bytes], /) -> Witness:
        """As `issue_approval`."""
        return issue_approval(branch.policy, branch.proof, items)

    def opened(self, witness: Witness, /) -> tuple[Branch, Items]:
        """What an issue's approval reveals; raises `IssueUnapproved` and the codec's errors."""
        if not isinstance(witness, Approval) or len(witness.signatures) != 1:
            raise IssueUnapproved(given=type(witness).__name__)
        revealed = decode(Revealed, witness.revealed, MAX_REVEALED)
        return Branch(revealed.policy, revealed.branch), witness.signatures[0]


ISSUE_APPROVALS = IssueApprovals()

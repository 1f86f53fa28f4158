"""The mirror: the sidechain follows its vault by proofs of anchor spends, in order of seq.

So its state knows seq, terms and buckets as of depth K, and settles batches. A proved spend that is
not the batch's order sends its requests back to the head of their queue: that and a proved veto
are the only ways back (federation.md, section 3).
"""

from __future__ import annotations

from typing import NamedTuple

from bystack.ledger.terms import Terms, decode_terms
from bystack.ledger.transactions import Outpoint, Output, PolicyLock, Transaction, VaultLock
from bystack.ledger.vault_operations import (
    VAULT_KINDS,
    Adopt,
    AnchorOperation,
    Complete,
    Create,
    Operation,
    Order,
    Recover,
    Replace,
    Veto,
    decode_operation,
)
from bystack.ledger.vault_state import AnchorState, decode_state, first_state, replay
from bystack.mainchain.chain import HeaderDelta
from bystack.primitives.codec import Wire, encode
from bystack.primitives.errors import Invalid
from bystack.sidechain import settlement
from bystack.sidechain.batches import batch_of
from bystack.sidechain.inclusion import Included, Inclusion, verify_included
from bystack.sidechain.params import Genesis
from bystack.sidechain.records import MIRROR, Batch, Mirror
from bystack.sidechain.relay import RelayView
from bystack.sidechain.stage import Stage
from bystack.sidechain.state import state_key


class VaultUnproven(Invalid):
    """The vault's creation has not been proved to this sidechain yet."""


class NotTheAnchor(Invalid):
    """The proved transaction does not spend the mirrored anchor."""


class NotTheCreation(Invalid):
    """The proved transaction does not create this sidechain's vault under its genesis terms."""


class NotPending(Invalid):
    """The proved transaction does not complete or veto one of this sidechain's pending payouts."""


class NoOperation(Invalid):
    """The proved transaction holds no vault operation."""


class AnchorSpend(Wire):
    """Prove the creation of the vault, then each spend of its anchor, in order."""

    inclusion: Inclusion


class PendingSpend(Wire):
    """Prove that a delayed payout was completed or vetoed."""

    inclusion: Inclusion


class Step(NamedTuple):
    """What a proved transaction did: the mirror after it, the seq it spent, its operation.

    `operation` is None for the creation, which spends no seq.
    """

    mirror: Mirror
    seq: int
    operation: AnchorOperation | None
    included: Included


def mirror_of(stage: Stage) -> Mirror:
    """The mirror; raises `VaultUnproven` before the vault's creation is proved."""
    mirror = stage.state.read(Mirror, MIRROR)
    if mirror is None:
        raise VaultUnproven(vault=stage.genesis.vault)
    return mirror


def terms_in_force(stage: Stage) -> Terms:
    """The vault's terms as proved so far."""
    return decode_terms(mirror_of(stage).terms)


def operation_in(transaction: Transaction) -> Operation:
    """The vault operation of a main-chain transaction; raises `NoOperation`."""
    for action in transaction.body.actions:
        if action.kind in VAULT_KINDS:
            return decode_operation(action.kind, action.body)
    raise NoOperation(transaction=transaction.id)


def prove_anchor(stage: Stage, action: AnchorSpend) -> tuple[Output, ...]:
    """Advance the mirror by one proved spend; outputs repaid to the sponsor from the fee pool."""
    included = verify_included(RelayView(stage.state), action.inclusion, stage.genesis.depth)
    before = stage.state.read(Mirror, MIRROR)
    step = follow(stage.genesis, before, included)
    stage.state.write(MIRROR, step.mirror)
    if before is None or step.operation is None:
        return ()
    stage.state.write(state_key("mirror/before", step.seq), before)
    stage.tell("anchor", seq=step.seq, operation=type(step.operation).__name__.lower())
    return _settle(stage, step, step.operation, decode_terms(before.terms))


def follow(genesis: Genesis, mirror: Mirror | None, included: Included) -> Step:
    """The mirror after a proved transaction: the creation, or the next spend of the anchor.

    Raises `NoOperation`, `NotTheCreation`, `NotTheAnchor`, or why the spend was not allowed.
    """
    operation = operation_in(included.transaction)
    anchor = _anchor_output(included.transaction, genesis.vault)
    if mirror is None:
        if not isinstance(operation, Create) or operation.terms != genesis.terms or not anchor:
            raise NotTheCreation(vault=genesis.vault)
        state = first_state(operation.terms, included.header.height)
        return Step(_mirror(anchor, state, operation.terms, included), 0, None, included)
    spends = included.transaction.body.inputs[:1] == (mirror.anchor,)
    if not spends or anchor is None or not isinstance(operation, AnchorOperation):
        raise NotTheAnchor(expected=mirror.anchor, transaction=included.transaction.id)
    before, terms = decode_state(mirror.state), decode_terms(mirror.terms)
    after = replay(before, operation, terms, included.header.height)
    succeeding = _mirror(anchor, after, _terms_after(operation, terms), included)
    return Step(succeeding, before.seq, operation, included)


def _mirror(anchor: Outpoint, state: AnchorState, terms: Terms, included: Included) -> Mirror:
    header = included.header
    return Mirror(anchor, encode(state), encode(terms), header.height, header.id)


def _anchor_output(transaction: Transaction, vault: bytes) -> Outpoint | None:
    for index, output in enumerate(transaction.body.outputs):
        if output.lock == VaultLock(vault):
            return Outpoint(transaction.id, index)
    return None


def _terms_after(operation: AnchorOperation, terms: Terms) -> Terms:
    return operation.terms if isinstance(operation, Adopt | Replace | Recover) else terms


def _settle(
    stage: Stage, step: Step, operation: AnchorOperation, terms: Terms
) -> tuple[Output, ...]:
    seq, transaction = step.seq, step.included.transaction
    batch = batch_of(stage.state, seq)
    if isinstance(operation, Order) and batch is not None and _is_order_of(operation, batch):
        if terms.tiers[operation.tier].delay:
            settlement.set_aside(stage, seq, batch, Outpoint(transaction.id, 1))
            return settlement.repay(stage, batch, _recipient(transaction), half=True)
        settlement.settle(stage, seq, batch)
        return settlement.repay(stage, batch, _recipient(transaction), half=False)
    if isinstance(operation, Order):
        settlement.report_unknown(stage, operation)
    if batch is not None:
        settlement.void(stage, seq, batch)
    return ()


def _is_order_of(order: Order, batch: Batch) -> bool:
    return order.tier == batch.record.tier and order.outputs == batch.record.outputs


def _recipient(transaction: Transaction) -> PolicyLock | None:
    """Whom the memo of a settling transaction names: a policy root on the sidechain."""
    memo = transaction.body.memo
    return PolicyLock(memo) if len(memo) == 32 and memo != bytes(32) else None


def prove_pending(stage: Stage, action: PendingSpend) -> tuple[Output, ...]:
    """Settle a delayed batch by its completion, or send its requests back after a veto."""
    included = verify_included(RelayView(stage.state), action.inclusion, stage.genesis.depth)
    transaction = included.transaction
    operation = operation_in(transaction)
    key = settlement.pending_key(transaction.body.inputs[0]) if transaction.body.inputs else b""
    seq = stage.state.read(int, key) if key else None
    batch = batch_of(stage.state, seq) if seq is not None else None
    if seq is None or batch is None or not isinstance(operation, Complete | Veto):
        raise NotPending(transaction=transaction.id)
    stage.state.put(key, None)
    if isinstance(operation, Veto):
        settlement.veto(stage, seq, batch)
        return ()
    settlement.settle(stage, seq, batch)
    return settlement.repay(stage, batch, _recipient(transaction), half=True)


def step_back(stage: Stage, delta: HeaderDelta) -> None:
    """After a relayed reorganisation: un-prove anchor spends whose blocks are gone."""
    gone = set(delta.disconnect)
    mirror = stage.state.read(Mirror, MIRROR)
    while mirror is not None and mirror.header in gone:
        seq = decode_state(mirror.state).seq
        before = stage.state.read(Mirror, state_key("mirror/before", seq - 1)) if seq else None
        stage.state.put(MIRROR, encode(before) if before else None)
        if seq:
            settlement.reopen(stage, seq - 1)
        mirror = before

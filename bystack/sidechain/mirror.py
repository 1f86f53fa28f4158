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
from bystack.ledger.vault_state import (
    AnchorState,
    decode_state,
    first_state,
    order_sums,
    replay,
)
from bystack.primitives.codec import Wire, encode
from bystack.primitives.errors import Invalid
from bystack.sidechain import losses, settlement
from bystack.sidechain.batches import batch_of
from bystack.sidechain.inclusion import Included, Inclusion, verify_included
from bystack.sidechain.orphans import before_key, remember
from bystack.sidechain.params import Genesis
from bystack.sidechain.peg_events import AnchorProved
from bystack.sidechain.records import MIRROR, Batch, Loss, Mirror, Pending, Resolved
from bystack.sidechain.relay import RelayView
from bystack.sidechain.stage import Stage


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
    stage.state.write(before_key(step.seq), before)
    stage.tell("anchor", seq=step.seq, operation=type(step.operation).__name__.lower())
    stage.note(_proved(stage, step, step.operation))
    return _settle(stage, step, step.operation, decode_terms(before.terms))


def _proved(stage: Stage, step: Step, operation: AnchorOperation) -> AnchorProved:
    batch = batch_of(stage.state, step.seq) if isinstance(operation, Order) else None
    known = isinstance(operation, Order) and batch is not None and _is_order_of(operation, batch)
    sponsor = _recipient(step.included.transaction)
    root = sponsor.root if sponsor else b""
    return AnchorProved(step.seq, type(operation).__name__.lower(), known, root)


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
    seq, batch = step.seq, batch_of(stage.state, step.seq)
    if not isinstance(operation, Order):
        if batch is not None:
            settlement.void(stage, seq, batch)
        return ()
    delayed = terms.tiers[operation.tier].delay > 0
    if batch is None or not _is_order_of(operation, batch):
        _unknown(stage, step, operation, delayed)
        return ()
    recipient = _recipient(step.included.transaction)
    if not delayed:
        settlement.settle(stage, seq, batch)
        return settlement.repay(stage, seq, batch, recipient)
    for coin, loss in pending_coins(step.included.transaction, operation):
        settlement.set_aside(stage, seq, batch, coin, Pending(seq, 1, loss))
    return settlement.repay(stage, seq, batch, recipient, half=1)


def _unknown(stage: Stage, step: Step, order: Order, delayed: bool) -> None:
    """An order that is no batch: what it takes is lost now, or when its coins are completed."""
    coins = pending_coins(step.included.transaction, order) if delayed else ()
    losses.report_unknown(stage, step.seq, () if delayed else order.outputs, len(coins))
    for coin, loss in coins:
        stage.state.write(settlement.pending_key(coin), Pending(step.seq, 0, loss))
    batch = batch_of(stage.state, step.seq)
    if batch is not None:
        settlement.void(stage, step.seq, batch)


def pending_coins(transaction: Transaction, order: Order) -> tuple[tuple[Outpoint, Loss], ...]:
    """The coins a delayed order sets aside: after the anchor, one per asset, ascending."""
    sums = sorted(order_sums(order).items())
    return tuple((Outpoint(transaction.id, 1 + i), Loss(*sum)) for i, sum in enumerate(sums))


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
    if not transaction.body.inputs or not isinstance(operation, Complete | Veto):
        raise NotPending(transaction=transaction.id)
    coin = transaction.body.inputs[0]
    pending = stage.state.read(Pending, settlement.pending_key(coin))
    if pending is None:
        raise NotPending(transaction=transaction.id)
    vetoed = isinstance(operation, Veto)
    stage.state.put(settlement.pending_key(coin), None)
    remember(stage, included.header.id, Resolved(coin, pending, int(vetoed)))
    return _resolve(stage, pending, vetoed, _recipient(transaction))


def _resolve(
    stage: Stage, pending: Pending, vetoed: bool, recipient: PolicyLock | None
) -> tuple[Output, ...]:
    batch = batch_of(stage.state, pending.seq) if pending.known else None
    if batch is None:
        losses.await_unknown(stage, pending.seq, -1)
        losses.lose(stage, () if vetoed else (pending.loss,))
        return ()
    if vetoed:
        settlement.veto(stage, pending.seq, batch, pending.loss.asset)
        return ()
    settlement.settle(stage, pending.seq, batch, pending.loss.asset)
    return settlement.repay(stage, pending.seq, batch, recipient, half=2)

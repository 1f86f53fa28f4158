"""A vault's state, and how each spend of its anchor changes it.

State is never in a transaction: it lies beside the anchor coin and is computed. `replay` is that
computation without coins and signatures; the main chain's rule and a sidechain's mirror of its
vault both call it, so they cannot differ. All delays count from block heights (V07).
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta
from msgspec.structs import replace

from bystack.ledger import amounts, buckets
from bystack.ledger.buckets import Bucket
from bystack.ledger.terms import Terms, Tier, check_terms, terms_hash
from bystack.ledger.transactions import DepositLock, Output, PolicyLock
from bystack.ledger.vault_errors import (
    FrozenTooOften,
    NotAnnounced,
    NotIdle,
    NotRipe,
    OrderOutputInvalid,
    SeqMismatch,
    StateInvalid,
    TermsUnknown,
    TierUnknown,
    TurnMismatch,
    VaultFrozen,
)
from bystack.ledger.vault_operations import (
    Adopt,
    AnchorOperation,
    Announce,
    Cancel,
    Freeze,
    Order,
    Recover,
    Replace,
    Touch,
)
from bystack.primitives.codec import U63, Bytes32, Wire, decode
from bystack.primitives.errors import Invalid

MAX_STATE = 16_384
FREEZE_REST = 4


class Announced(Wire):
    """Terms that may be adopted from the height `ripe` on."""

    terms: Bytes32
    ripe: U63


class AnchorState(Wire):
    """What the chain knows of a vault.

    `seq` counts anchor spends; `turn` those of guard, recovery and adoption; `since` is the turn at
    which the terms came into force; `touched` is the height recovery's idleness counts from; no
    order or touch below height `frozen_until`, no new freeze below `freeze_from`; at most one
    announcement.
    """

    terms: Bytes32
    seq: U63
    turn: U63
    since: U63
    touched: U63
    buckets: Annotated[tuple[Bucket, ...], Meta(max_length=128)]
    announced: Annotated[tuple[Announced, ...], Meta(max_length=1)]
    frozen_until: U63
    freeze_from: U63


def decode_state(data: bytes) -> AnchorState:
    """The state stored with an anchor coin; raises `StateInvalid` when it is none."""
    try:
        return decode(AnchorState, data, MAX_STATE)
    except Invalid as error:
        raise StateInvalid(reason=str(error)) from None


def first_state(terms: Terms, height: int) -> AnchorState:
    """The state of a vault created under `terms` at `height`; raises `TermsInvalid`."""
    check_terms(terms)
    return AnchorState(terms_hash(terms), 0, 0, 0, height, buckets.empty(terms, height), (), 0, 0)


def replay(
    state: AnchorState, operation: AnchorOperation, terms: Terms, height: int
) -> AnchorState:
    """The state after `operation` in a block of `height`, given the revealed present `terms`.

    Raises the reason why the operation is not allowed now. Changes nothing and checks neither
    coins nor signatures.
    """
    if terms_hash(terms) != state.terms:
        raise TermsUnknown(revealed=terms_hash(terms), present=state.terms)
    match operation:
        case Order():
            after = _order(state, operation, terms, height)
        case Touch():
            after = _touch(state, operation, terms, height)
        case Announce():
            after = _announce(state, operation, terms, height)
        case Cancel():
            after = _cancel(state, operation)
        case Adopt():
            after = _adopt(state, operation, terms, height)
        case Freeze():
            after = _freeze(state, operation, terms, height)
        case Replace():
            after = _replace(state, operation, terms, height)
        case Recover():
            after = _recover(state, operation, terms, height)
    return replace(after, seq=state.seq + 1)


def order_sums(order: Order) -> dict[bytes, int]:
    """What an order pays per asset; raises `OrderOutputInvalid`, `AmountOverflow`."""
    sums: dict[bytes, int] = {}
    for index, output in enumerate(order.outputs):
        _check_order_output(index, output)
        amounts.add(sums, output.asset, output.amount)
    return sums


def _check_order_output(index: int, output: Output) -> None:
    # A payee can never name a vault's own locks: no payout turns into an operation (W20).
    if output.amount == 0 or not isinstance(output.lock, PolicyLock | DepositLock):
        raise OrderOutputInvalid(
            output=index, amount=output.amount, lock=type(output.lock).__name__
        )


def _order(state: AnchorState, order: Order, terms: Terms, height: int) -> AnchorState:
    _moving(state, order.seq, order.tier, terms, height)
    level = buckets.drawn(state.buckets, terms, order.tier, order_sums(order), height)
    return replace(state, buckets=level, touched=height)


def _touch(state: AnchorState, touch: Touch, terms: Terms, height: int) -> AnchorState:
    _moving(state, touch.seq, touch.tier, terms, height)
    return replace(state, touched=height)


def _moving(state: AnchorState, seq: int, tier: int, terms: Terms, height: int) -> None:
    _check_seq(state, seq)
    tier_of(terms, tier)
    if height < state.frozen_until:
        raise VaultFrozen(height=height, until=state.frozen_until)


def tier_of(terms: Terms, number: int) -> Tier:
    """The tier of this number; raises `TierUnknown`."""
    if number >= len(terms.tiers):
        raise TierUnknown(tier=number, tiers=len(terms.tiers))
    return terms.tiers[number]


def _check_seq(state: AnchorState, seq: int) -> None:
    if seq != state.seq:
        raise SeqMismatch(signed=seq, present=state.seq)


def _check_turn(state: AnchorState, turn: int) -> None:
    if turn != state.turn:
        raise TurnMismatch(signed=turn, present=state.turn)


def _check_since(state: AnchorState, turn: int) -> None:
    # Who stole guard and govern keys announces and cancels in every block. What recovery signed at
    # any turn of the present terms stays good, and falls with them: it never counts twice (V09).
    if not state.since <= turn <= state.turn:
        raise TurnMismatch(signed=turn, present=state.turn, since=state.since)


def _announce(state: AnchorState, announce: Announce, terms: Terms, height: int) -> AnchorState:
    _check_seq(state, announce.seq)
    announced = Announced(announce.terms, height + terms.govern.delay)
    return replace(state, announced=(announced,), touched=height)


def _cancel(state: AnchorState, cancel: Cancel) -> AnchorState:
    _check_turn(state, cancel.turn)
    _announcement(state, cancel.terms)
    return replace(state, announced=(), turn=state.turn + 1)


def _announcement(state: AnchorState, terms: bytes) -> Announced:
    for announced in state.announced:
        if announced.terms == terms:
            return announced
    raise NotAnnounced(terms=terms)


def _adopt(state: AnchorState, adopt: Adopt, terms: Terms, height: int) -> AnchorState:
    announced = _announcement(state, terms_hash(adopt.terms))
    if height < announced.ripe:
        raise NotRipe(height=height, ripe=announced.ripe)
    return _under(state, terms, adopt.terms, height)


def _freeze(state: AnchorState, freeze: Freeze, terms: Terms, height: int) -> AnchorState:
    _check_turn(state, freeze.turn)
    if height < state.freeze_from:
        raise FrozenTooOften(height=height, earliest=state.freeze_from)
    until = height + terms.guard.freeze
    rest = until + FREEZE_REST * terms.guard.freeze
    return replace(state, frozen_until=until, freeze_from=rest, turn=state.turn + 1)


def _replace(state: AnchorState, change: Replace, terms: Terms, height: int) -> AnchorState:
    _check_since(state, change.turn)
    return _taken_over(state, terms, change.terms, height)


def _recover(state: AnchorState, change: Recover, terms: Terms, height: int) -> AnchorState:
    _check_since(state, change.turn)
    if height < state.touched + terms.recover.idle:
        raise NotIdle(height=height, idle_at=state.touched + terms.recover.idle)
    return _taken_over(state, terms, change.terms, height)


def _taken_over(state: AnchorState, old: Terms, new: Terms, height: int) -> AnchorState:
    return replace(_thawed(_under(state, old, new, height), height), touched=height)


def _thawed(state: AnchorState, height: int) -> AnchorState:
    # A freeze that is lifted ended now; the rest after it starts now.
    if height >= state.frozen_until:
        return state
    rest = state.freeze_from - state.frozen_until
    return replace(state, frozen_until=height, freeze_from=height + rest)


def _under(state: AnchorState, old: Terms, new: Terms, height: int) -> AnchorState:
    # An announcement made under the old terms falls with them: it was theirs to make.
    check_terms(new)
    level = buckets.inherited(state.buckets, old, new, height)
    hashed, turn = terms_hash(new), state.turn + 1
    return replace(state, terms=hashed, buckets=level, announced=(), turn=turn, since=turn)

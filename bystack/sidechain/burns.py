"""Burns: what leaves the sidechain is destroyed here and owed there.

A burn that could never be paid is refused before anything is burned (federation.md, section 3).
"""

from __future__ import annotations

from bystack.ledger.terms import Terms
from bystack.ledger.transactions import DepositLock, PolicyLock
from bystack.primitives.codec import U63, Bytes32, Wire, encode
from bystack.primitives.errors import Invalid
from bystack.sidechain import queue
from bystack.sidechain.params import Asset, Genesis
from bystack.sidechain.peg_events import PegoutAsked, PegoutRefunded
from bystack.sidechain.peg_numbers import PegNumbers, in_force
from bystack.sidechain.records import (
    Destination,
    PegoutState,
    Request,
    pegout_id,
    record_leaf,
)
from bystack.sidechain.requests import new_number, open_request, request_of, set_state
from bystack.sidechain.stage import Stage
from bystack.sidechain.stops import PegsPaused, stops_of
from bystack.sidechain.sums import move, peg_fees
from bystack.sidechain.tiering import tier_for


class AssetUnmapped(Invalid):
    """The sidechain does not take this asset."""


class AmountNotWhole(Invalid):
    """The amount is not a multiple of the asset's unit."""


class BurnBelowMinimum(Invalid):
    """The burn is smaller than the asset's minimum, or its fees leave nothing to pay out."""


class DestinationInvalid(Invalid):
    """The destination cannot be paid: nobody's policy, or this sidechain's own vault."""


class NotRefundable(Invalid):
    """Only a peg-out that waits in the queue can be refunded, and only what was burned here."""


class Burn(Wire):
    """Destroy `amount` here, pay it less fees at `destination`; `refund` is a policy root here."""

    destination: Destination
    asset: Bytes32
    amount: U63
    refund: Bytes32


def asset_of(genesis: Genesis, asset: bytes) -> Asset:
    """The entry of an accepted asset; raises `AssetUnmapped`."""
    entry = genesis.by_asset.get(asset)
    if entry is None:
        raise AssetUnmapped(asset=asset)
    return entry


def fee_share(asset: Asset, amount: int, points: int) -> int:
    """⌊amount × points / 10⁴⌋ rounded down to the asset's unit; 0 for a non-fungible asset."""
    if not asset.fungible:
        return 0
    share = amount * points // 10_000
    return share - share % asset.unit


def payout_of(numbers: PegNumbers, asset: Asset, amount: int) -> int:
    """What a burn of `amount` pays out; raises `BurnBelowMinimum` where nothing would be left."""
    own = numbers.of(asset.asset)
    payout = amount - own.pegout_fee - fee_share(asset, amount, numbers.pegout_bp)
    if amount < own.pegout_minimum or payout <= 0:
        raise BurnBelowMinimum(amount=amount, minimum=own.pegout_minimum, payout=payout)
    return payout


def check_destination(genesis: Genesis, destination: Destination) -> None:
    """Raise `DestinationInvalid` for nobody's policy or vault and for the sidechain's own vault."""
    match destination:
        case PolicyLock(root) if root == bytes(32):
            raise DestinationInvalid(reason="no policy has the root of 32 zero bytes")
        case DepositLock(vault, _) if vault == bytes(32):
            raise DestinationInvalid(reason="no vault has the id of 32 zero bytes")
        case DepositLock(vault, _) if vault == genesis.vault:
            raise DestinationInvalid(reason="this is the sidechain's own vault")


def burn(stage: Stage, terms: Terms, action: Burn, transaction: bytes, index: int) -> bytes:
    """Record a burn: queue its request, move its sums. The peg-out's id.

    Raises one of this file's errors, `PegsPaused`, or a module's refusal; nothing is burned then.
    """
    if stops_of(stage.state):
        raise PegsPaused(reason=stops_of(stage.state).name)
    asset = asset_of(stage.genesis, action.asset)
    if action.amount % asset.unit:
        raise AmountNotWhole(amount=action.amount, unit=asset.unit)
    check_destination(stage.genesis, action.destination)
    if action.refund == bytes(32):
        raise DestinationInvalid(reason="the refund names no policy")
    numbers = in_force(stage.state)
    payout = payout_of(numbers, asset, action.amount)
    stage.modules.may_burn(stage.state, stage.block, encode(action.destination), action.asset)
    tier = tier_for(terms, action.asset, payout)
    id = pegout_id(stage.genesis.id, transaction, index)
    flat = numbers.of(action.asset).pegout_fee
    _enqueue(stage, id, _request(stage, flat, action, payout, tier))
    return id


def _request(stage: Stage, flat: int, action: Burn, payout: int, tier: int) -> Request:
    return Request(
        number=new_number(stage.state),
        destination=action.destination,
        asset=action.asset,
        burned=action.amount,
        payout=payout,
        flat=flat,
        refund=action.refund,
        tier=tier,
        state=PegoutState.REQUESTED,
        seq=0,
        vetoes=0,
    )


def _enqueue(stage: Stage, id: bytes, request: Request) -> None:
    state = stage.state
    open_request(stage, id, request)
    queue.join(state, request.tier, id)
    stage.record(record_leaf(request, id))
    fees = request.burned - request.payout
    move(state, request.asset, circulating=-request.burned, owed=request.payout, pool=fees)
    asked = (request.asset, request.burned, request.payout, request.flat)
    stage.note(PegoutAsked(id, *asked))
    stage.tell("pegout", id=id, asset=request.asset, payout=request.payout)


def refund(stage: Stage, id: bytes) -> tuple[Request, int]:
    """Take a waiting request out of its queue for good: the request and the amount given back.

    Only from the queue: a batched request may still be paid, and pay xor refund (W18, B02). Its
    fees are given back as far as the pool still holds them.
    Raises `RequestUnknown`, `NotRefundable`.
    """
    request = request_of(stage, id)
    if request.state != PegoutState.REQUESTED or request.refund == bytes(32):
        raise NotRefundable(id=id, state=PegoutState(request.state).name)
    queue.leave(stage.state, request.tier, id)
    set_state(stage, id, request, PegoutState.REFUNDED)
    fees = min(request.burned - request.payout, peg_fees(stage.state, request.asset))
    amount = request.payout + fees
    move(stage.state, request.asset, circulating=amount, owed=-request.payout, pool=-fees)
    stage.note(PegoutRefunded(id, request.asset, amount))
    stage.tell("refunded", id=id, amount=amount)
    return request, amount

"""Peg-in: minted on proof of a deposit, never on anyone's word (federation.md, section 2).

The proven output binds everything: asset, amount, this sidechain and the recipient. The claimed
outpoint stays in the state for ever, so a deposit is minted once (P14, P24, R05).
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from bystack.ledger.transactions import (
    DepositLock,
    Outpoint,
    Output,
    PolicyLock,
    Transaction,
    decode_transaction,
)
from bystack.mainchain.actions import COINBASE
from bystack.mainchain.chain import HeaderDelta
from bystack.primitives.codec import U32, U63, Bytes32, Wire
from bystack.primitives.errors import Invalid
from bystack.sidechain.burns import AmountNotWhole, asset_of, fee_share
from bystack.sidechain.inclusion import Included, Inclusion, verify_included
from bystack.sidechain.params import Asset, Genesis
from bystack.sidechain.peg_events import DepositDonated, DepositMinted
from bystack.sidechain.peg_numbers import PegNumbers, in_force
from bystack.sidechain.records import Claimed, Stray, claimed_key, stray_key
from bystack.sidechain.relay import RelayView
from bystack.sidechain.stage import Stage
from bystack.sidechain.state import SystemState, state_key
from bystack.sidechain.stops import Stop, check_running, stop
from bystack.sidechain.sums import move, sums_of

DONATION = bytes(32)


class OutputMissing(Invalid):
    """The proved transaction has no output of this index."""


class NotADeposit(Invalid):
    """The proved output is not a deposit into this sidechain's vault."""


class ForeignSidechain(Invalid):
    """The deposit's note names another sidechain."""


class DonationUnclaimable(Invalid):
    """The deposit names no recipient: it is a donation and mints nothing."""


class NotADonation(Invalid):
    """The deposit names a recipient, or no deficit is left for it to reduce."""


class DepositBelowMinimum(Invalid):
    """The deposit is smaller than the asset's minimum."""


class AlreadyClaimed(Invalid):
    """This deposit was claimed before."""


class ClaimLimit(Invalid):
    """The asset's limit per K relayed headers is used up: the claim waits."""


class ClaimOutput(Invalid):
    """A claim has exactly one output: the deposit less its fee, to the recipient it names."""


class NotOrphaned(Invalid):
    """Only a claim whose deposit was reorganised away can be proved again."""


class Claim(Wire):
    """Mint output `index` of a proved main-chain transaction."""

    inclusion: Inclusion
    index: U32


class Donate(Wire):
    """Count a proved donation against a deficit."""

    inclusion: Inclusion
    index: U32


class Reprove(Wire):
    """Prove an orphaned claim's deposit where it was mined again; mints nothing."""

    inclusion: Inclusion
    index: U32


class Minted(Wire):
    """What was minted of an asset while the relay's tip was at a height."""

    height: U63
    amount: U63


MintedLog = Annotated[tuple[Minted, ...], Meta(max_length=100_000)]


def note_for(chain: bytes, recipient: bytes) -> bytes:
    """The note of a deposit: sidechain id, then the recipient's policy root, 32 bytes each."""
    return chain + recipient


def claim(stage: Stage, action: Claim, outputs: tuple[Output, ...]) -> tuple[bytes, int]:
    """Check a claim, record it; the asset and the amount created.

    Each refusal has its reason: header, depth, proof, vault, sidechain id, unmapped asset, below
    minimum, claimed, limit, output.
    """
    view = RelayView(stage.state)
    check_running(stage, view.best().header.time)
    included, deposit, outpoint = _deposit(stage, view, action.inclusion, action.index)
    asset = asset_of(stage.genesis, deposit.asset)
    recipient = _recipient(deposit)
    if recipient == DONATION:
        raise DonationUnclaimable(outpoint=outpoint)
    numbers = in_force(stage.state)
    _check_amount(asset, numbers, deposit.amount)
    check_new(stage, outpoint)
    stage.modules.may_claim(stage.state, stage.block, asset.asset)
    fee = fee_share(asset, deposit.amount, numbers.pegin_bp)
    _check_output(deposit, fee, recipient, outputs)
    _count(stage, asset, numbers, deposit.amount)
    _record(stage, outpoint, deposit, included.header.id, donation=0)
    # The fee is the transaction's surplus; the transition adds every fee to the pool.
    move(stage.state, asset.asset, circulating=deposit.amount)
    stage.note(DepositMinted(asset.asset, deposit.amount, fee))
    stage.tell("claimed", outpoint=outpoint, asset=asset.asset, amount=deposit.amount, fee=fee)
    return asset.asset, deposit.amount


def _deposit(
    stage: Stage, view: RelayView, inclusion: Inclusion, index: int
) -> tuple[Included, Output, Outpoint]:
    """The proved deposit, buried as deep as its own asset asks.

    The bytes say which asset, and so which depth, before anything is proved; then one check binds
    them. Two checks at two depths could not both hold for an old block, whose history proof fits
    one header only.
    """
    meant = decode_transaction(inclusion.proof.transaction)
    included = verify_included(view, inclusion, _depth(stage, meant, index))
    output = _output(stage, included.transaction, index)
    asset_of(stage.genesis, output.asset)
    return included, output, Outpoint(included.transaction.id, index)


def _output(stage: Stage, transaction: Transaction, index: int) -> Output:
    """The output claimed, if it is a deposit for this sidechain."""
    output = deposit_of(stage, transaction, index)
    assert isinstance(output.lock, DepositLock)
    if output.lock.note[:32] != stage.genesis.id:
        raise ForeignSidechain(named=output.lock.note[:32])
    return output


def deposit_of(stage: Stage, transaction: Transaction, index: int) -> Output:
    """The output, if it is a deposit into this sidechain's vault, whatever its note says.

    Raises `OutputMissing`, `NotADeposit`.
    """
    outputs = transaction.body.outputs
    if index >= len(outputs):
        raise OutputMissing(index=index, outputs=len(outputs))
    output = outputs[index]
    if not isinstance(output.lock, DepositLock) or output.lock.vault != stage.genesis.vault:
        raise NotADeposit(index=index)
    return output


def _depth(stage: Stage, transaction: Transaction, index: int) -> int:
    """K of the asset claimed (the least K where none is), and maturity for a coinbase."""
    assets = [output.asset for output in transaction.body.outputs[index : index + 1]]
    entries = [stage.genesis.by_asset[asset] for asset in assets if asset in stage.genesis.by_asset]
    depth = min(entry.confirmations for entry in entries or stage.genesis.assets)
    return ripe(stage, transaction, depth)


def ripe(stage: Stage, transaction: Transaction, depth: int) -> int:
    """How deep a transaction must lie: a coinbase also matures."""
    if any(action.kind == COINBASE for action in transaction.body.actions):
        return max(depth, stage.genesis.main.maturity)
    return depth


def _recipient(deposit: Output) -> bytes:
    assert isinstance(deposit.lock, DepositLock)
    return deposit.lock.note[32:]


def _check_amount(asset: Asset, numbers: PegNumbers, amount: int) -> None:
    minimum = numbers.of(asset.asset).pegin_minimum
    if amount < minimum:
        raise DepositBelowMinimum(amount=amount, minimum=minimum)
    if amount % asset.unit:
        raise AmountNotWhole(amount=amount, unit=asset.unit)


def claimable(genesis: Genesis, numbers: PegNumbers, deposit: Output) -> bool:
    """Whether somebody can claim a deposit into the vault: for this sidechain, somebody's, of an
    asset it takes, enough and in whole units."""
    lock = deposit.lock
    asset = genesis.by_asset.get(deposit.asset)
    if asset is None or not isinstance(lock, DepositLock) or lock.note[:32] != genesis.id:
        return False
    enough = deposit.amount >= numbers.of(deposit.asset).pegin_minimum
    return enough and deposit.amount % asset.unit == 0 and lock.note[32:] != DONATION


def claimed_at(state: SystemState, outpoint: Outpoint) -> Claimed | None:
    """The record of a claimed deposit."""
    return state.read(Claimed, claimed_key(outpoint))


def check_new(stage: Stage, outpoint: Outpoint) -> None:
    """Raise `AlreadyClaimed` for a deposit that was minted, counted or paid back before."""
    if claimed_at(stage.state, outpoint) is not None:
        raise AlreadyClaimed(outpoint=outpoint)


def _check_output(deposit: Output, fee: int, recipient: bytes, outputs: tuple[Output, ...]) -> None:
    expected = Output(deposit.asset, deposit.amount - fee, PolicyLock(recipient))
    if outputs != (expected,):
        raise ClaimOutput(amount=deposit.amount - fee, recipient=recipient)


def _count(stage: Stage, asset: Asset, numbers: PegNumbers, amount: int) -> None:
    """At most `pegin_limit` per K relayed headers: a sliding sum, exact at every height."""
    tip, limit = RelayView(stage.state).best().header.height, numbers.of(asset.asset).pegin_limit
    key = state_key("minted", asset.asset)
    log: tuple[Minted, ...] = stage.state.read(MintedLog, key) or ()
    log = tuple(entry for entry in log if entry.height > tip - asset.confirmations)
    if sum(entry.amount for entry in log) + amount > limit:
        raise ClaimLimit(asset=asset.name, limit=limit, amount=amount)
    if log and log[-1].height == tip:
        log = (*log[:-1], Minted(tip, log[-1].amount + amount))
    else:
        log = (*log, Minted(tip, amount))
    stage.state.write(key, log)


def _record(
    stage: Stage, outpoint: Outpoint, deposit: Output, header: bytes, donation: int
) -> None:
    record = Claimed(header, deposit.asset, deposit.amount, 0, donation)
    stage.state.write(claimed_key(outpoint), record)
    index(stage.state, header, outpoint)


def index(state: SystemState, header: bytes, outpoint: Outpoint) -> None:
    """Remember which claims rest on a block: numbered entries, so that each write is small."""
    count = state.number(state_key("claims/count", header))
    state.write(state_key("claims/of", header, count), outpoint)
    state.write(state_key("claims/count", header), count + 1)


def donate(stage: Stage, action: Donate) -> None:
    """Reduce a deficit by a proved donation, once. Raises as `claim`, or `NotADonation`."""
    view = RelayView(stage.state)
    included, deposit, outpoint = _deposit(stage, view, action.inclusion, action.index)
    check_new(stage, outpoint)
    gap = sums_of(stage.state, deposit.asset).deficit
    if _recipient(deposit) != DONATION or gap == 0:
        raise NotADonation(outpoint=outpoint, deficit=gap)
    _record(stage, outpoint, deposit, included.header.id, donation=1)
    move(stage.state, deposit.asset, donated=deposit.amount)
    stage.note(DepositDonated(deposit.asset, deposit.amount))
    stage.tell("donated", outpoint=outpoint, amount=deposit.amount)


def orphan_claims(stage: Stage, delta: HeaderDelta) -> None:
    """After a relayed reorganisation: claims whose deposit is gone become a published deficit."""
    for header in delta.disconnect:
        count = stage.state.number(state_key("claims/count", header))
        for number in range(count):
            key = state_key("claims/of", header, number)
            outpoint = stage.state.read(Outpoint, key)
            if outpoint is not None:
                _orphan(stage, header, outpoint)
            stage.state.put(key, None)
        if count:
            stage.state.put(state_key("claims/count", header), None)


def _orphan(stage: Stage, header: bytes, outpoint: Outpoint) -> None:
    stray = stage.state.read(Stray, stray_key(outpoint))
    if stray is not None and stray.header == header:
        stage.state.put(stray_key(outpoint), None)  # it must be proved again
    record = claimed_at(stage.state, outpoint)
    if record is None or record.orphaned or record.header != header:
        return
    stage.state.write(claimed_key(outpoint), msgspec.structs.replace(record, orphaned=1))
    if record.donation:
        move(stage.state, record.asset, donated=-record.amount)
    else:
        move(stage.state, record.asset, lost=record.amount)
    stop(stage, Stop.ORPHANED)
    stage.tell("orphaned", outpoint=outpoint, asset=record.asset, amount=record.amount)


def reprove(stage: Stage, action: Reprove) -> None:
    """Clear an orphaned claim: its deposit is mined again, as deep. Raises `NotOrphaned`.

    Also that of a stray deposit which is paid back, so whatever its note says.
    """
    view, meant = RelayView(stage.state), decode_transaction(action.inclusion.proof.transaction)
    included = verify_included(view, action.inclusion, _depth(stage, meant, action.index))
    deposit_of(stage, included.transaction, action.index)
    outpoint = Outpoint(included.transaction.id, action.index)
    record = claimed_at(stage.state, outpoint)
    if record is None or not record.orphaned:
        raise NotOrphaned(outpoint=outpoint)
    header: Bytes32 = included.header.id
    proved = msgspec.structs.replace(record, header=header, orphaned=0)
    stage.state.write(claimed_key(outpoint), proved)
    index(stage.state, header, outpoint)
    if record.donation:
        move(stage.state, record.asset, donated=record.amount)
    else:
        move(stage.state, record.asset, lost=-record.amount)
    stage.tell("reproved", outpoint=outpoint)


def deposits_in(transaction: Transaction, vault: bytes, chain: bytes) -> tuple[int, ...]:
    """The outputs of a main-chain transaction that are deposits for this sidechain."""
    return tuple(
        index
        for index, output in enumerate(transaction.body.outputs)
        if isinstance(output.lock, DepositLock)
        and output.lock.vault == vault
        and output.lock.note[:32] == chain
    )

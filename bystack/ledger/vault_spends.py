"""Operations that spend no anchor: complete, veto, consolidate (ledger.md, section 5).

They move value between a vault's own coins, or pay out what an order already set aside; so they
need no state, and two of them never stand in each other's way.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from bystack.ledger import amounts
from bystack.ledger.coins import Coin
from bystack.ledger.effects import Effects
from bystack.ledger.policies import Policy
from bystack.ledger.transactions import (
    Approval,
    DepositLock,
    NoWitness,
    Output,
    PendingLock,
    PolicyLock,
    TransactionBody,
    TreasuryLock,
)
from bystack.ledger.vault_approvals import (
    approval_checks,
    check_no_approval,
    revealed,
    veto_demands,
)
from bystack.ledger.vault_errors import (
    ConsolidationInvalid,
    GuardUnknown,
    NotMature,
    NotPending,
    OutputsMismatch,
    TooLate,
)
from bystack.ledger.vault_layout import check_outputs, check_sponsors, treasury_output
from bystack.ledger.vault_operations import MAX_OPERATION, Veto, guard_hash, outputs_hash
from bystack.primitives.codec import decode_union

CONSOLIDATE_LEAST = 8
CONSOLIDATE_MOST = 256
CONSOLIDATE_DEPTH = 100


class Attempt(NamedTuple):
    """A transaction that claims to operate on a vault, with what there is to judge it by."""

    body: TransactionBody
    coins: tuple[Coin, ...]
    approval: Approval | NoWitness
    height: int
    chain_id: bytes


def _pending(attempt: Attempt) -> tuple[Coin, PendingLock]:
    if not attempt.coins or not isinstance(attempt.coins[0].lock, PendingLock):
        raise NotPending()
    return attempt.coins[0], attempt.coins[0].lock


def complete(attempt: Attempt) -> Effects:
    """Pay out a mature pending coin: exactly what its order said, at any later time."""
    coin, lock = _pending(attempt)
    check_no_approval(attempt.approval)
    if attempt.height < coin.height + lock.delay:
        raise NotMature(height=attempt.height, mature=coin.height + lock.delay)
    paid = _covering(attempt.body.outputs, coin.amount)
    if outputs_hash(paid) != lock.outputs:
        raise OutputsMismatch(given=outputs_hash(paid), expected=lock.outputs)
    check_sponsors(attempt.body, attempt.coins, 1, len(paid))
    return Effects(inputs=frozenset((0,)))


def _covering(outputs: tuple[Output, ...], amount: int) -> tuple[Output, ...]:
    """The shortest beginning that sums up to `amount`: an order's outputs are all positive."""
    paid = 0
    for index, output in enumerate(outputs):
        paid += output.amount
        if paid >= amount:
            return outputs[: index + 1]
    return outputs


def veto(attempt: Attempt, operation: Veto) -> Effects:
    """Return a pending coin to the treasury, strictly before it is mature."""
    coin, lock = _pending(attempt)
    if operation.outpoint != attempt.body.inputs[0]:
        raise NotPending(named=operation.outpoint.transaction, index=operation.outpoint.index)
    if attempt.height >= coin.height + lock.delay:
        raise TooLate(height=attempt.height, mature=coin.height + lock.delay)
    guard = _guard(attempt, lock)
    back = treasury_output(lock.vault, coin.asset, coin.amount)
    check_sponsors(attempt.body, attempt.coins, 1, check_outputs(attempt.body, 0, (back,)))
    demanded = veto_demands(attempt.chain_id, lock.vault, operation, guard)
    checks = approval_checks(demanded, attempt.approval, attempt.height)
    return Effects(inputs=frozenset((0,)), outputs={0: b""}, checks=checks)


def _guard(attempt: Attempt, lock: PendingLock) -> Policy:
    # The coin names its guard: a later one cannot veto it, an earlier one cannot lose it (V12).
    kinds: Any = Policy
    guard: Policy = decode_union(kinds, revealed(attempt.approval), MAX_OPERATION)
    if guard_hash(guard) != lock.guard:
        raise GuardUnknown(revealed=guard_hash(guard), named=lock.guard)
    return guard


def consolidate(attempt: Attempt) -> Effects:
    """Join deep deposit and treasury coins of one vault and asset into one treasury coin."""
    check_no_approval(attempt.approval)
    owned = _owned(attempt)
    vault, asset = _common(attempt.coins[:owned])
    for index, coin in enumerate(attempt.coins[:owned]):
        if attempt.height - coin.height < CONSOLIDATE_DEPTH:
            raise ConsolidationInvalid(input=index, depth=attempt.height - coin.height)
    amount = amounts.total(coin.amount for coin in attempt.coins[:owned])
    joined = treasury_output(vault, asset, amount)
    end = check_outputs(attempt.body, 0, (joined,))
    check_sponsors(attempt.body, attempt.coins, owned, end)
    return Effects(inputs=frozenset(range(owned)), outputs={0: b""})


def _owned(attempt: Attempt) -> int:
    """How many inputs precede the first sponsor's."""
    sponsors = (i for i, c in enumerate(attempt.coins) if isinstance(c.lock, PolicyLock))
    owned = next(sponsors, len(attempt.coins))
    if not CONSOLIDATE_LEAST <= owned <= CONSOLIDATE_MOST:
        raise ConsolidationInvalid(coins=owned)
    return owned


def _common(coins: tuple[Coin, ...]) -> tuple[bytes, bytes]:
    """The one vault and asset of all these coins."""
    kinds = {(_owner(coin), coin.asset) for coin in coins}
    if len(kinds) != 1:
        raise ConsolidationInvalid(vaults_and_assets=len(kinds))
    return kinds.pop()


def _owner(coin: Coin) -> bytes:
    if not isinstance(coin.lock, DepositLock | TreasuryLock):
        raise ConsolidationInvalid(lock=type(coin.lock).__name__)
    return coin.lock.vault

"""Which outputs an operation must have: the one description that checks and builders share.

In order: the successor anchor, exactly the operation's outputs (with a delay, a pending coin per
asset), one treasury remainder per asset in ascending order, then what sponsors take back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from bystack.ledger import amounts
from bystack.ledger.coins import Coin
from bystack.ledger.terms import Terms
from bystack.ledger.transactions import (
    Output,
    PendingLock,
    PolicyLock,
    TransactionBody,
    TreasuryLock,
    VaultLock,
)
from bystack.ledger.vault_errors import (
    AnchorMismatch,
    OrderUnit,
    OutputsMismatch,
    RemainderMismatch,
    SponsorInvalid,
    Underfunded,
    VaultFee,
)
from bystack.ledger.vault_operations import Order, guard_hash, outputs_hash
from bystack.ledger.vault_state import order_sums, tier_of


def anchor_output(vault: bytes) -> Output:
    """The anchor: no value, only state."""
    return Output(amounts.BTM, 0, VaultLock(vault))


def treasury_output(vault: bytes, asset: bytes, amount: int) -> Output:
    """A coin of the vault's own."""
    return Output(asset, amount, TreasuryLock(vault))


def payments(vault: bytes, terms: Terms, order: Order) -> tuple[Output, ...]:
    """What an order creates between anchor and remainders.

    Its outputs; or, in a tier with a delay, one pending coin per asset (ascending) with their sum.
    """
    delay = tier_of(terms, order.tier).delay
    if not delay:
        return order.outputs
    guard = guard_hash(terms.guard.policy)
    return tuple(
        Output(asset, amount, PendingLock(vault, guard, _share(order, asset), delay))
        for asset, amount in sorted(order_sums(order).items())
    )


def _share(order: Order, asset: bytes) -> bytes:
    return outputs_hash(share(order, asset))


def share(order: Order, asset: bytes) -> tuple[Output, ...]:
    """An order's outputs of one asset: what the pending coin of that asset will become."""
    return tuple(output for output in order.outputs if output.asset == asset)


def remainders(vault: bytes, order: Order, spent: Iterable[Coin]) -> tuple[Output, ...]:
    """What of the vault coins spent returns to the treasury; raises `Underfunded`, `OrderUnit`."""
    coins = tuple(spent)
    given: dict[bytes, int] = {}
    for coin in coins:
        amounts.add(given, coin.asset, coin.amount)
    left = _left(given, order_sums(order))
    # A pending coin is paid out in these parts: one that no output may have would lie for ever.
    _check_units(order, {coin.asset: coin.unit for coin in coins})
    return tuple(
        treasury_output(vault, asset, rest) for asset, rest in sorted(left.items()) if rest
    )


def _left(given: Mapping[bytes, int], paid: Mapping[bytes, int]) -> dict[bytes, int]:
    for asset, amount in paid.items():
        if amount > given.get(asset, 0):
            raise Underfunded(asset=asset, needed=amount, given=given.get(asset, 0))
    return {asset: amount - paid.get(asset, 0) for asset, amount in given.items()}


def _check_units(order: Order, units: Mapping[bytes, int]) -> None:
    for index, output in enumerate(order.outputs):
        if output.amount % units[output.asset]:
            raise OrderUnit(output=index, amount=output.amount, unit=units[output.asset])


def check_anchor(body: TransactionBody, vault: bytes) -> None:
    """Raise `AnchorMismatch` unless the first output is the vault's anchor."""
    if not body.outputs or body.outputs[0] != anchor_output(vault):
        raise AnchorMismatch(vault=vault)


def check_outputs(body: TransactionBody, start: int, expected: Sequence[Output]) -> int:
    """The index after `expected`, which must stand from `start` on; raises `OutputsMismatch`."""
    for index, output in enumerate(expected, start):
        if index >= len(body.outputs) or body.outputs[index] != output:
            raise OutputsMismatch(index=index)
    return start + len(expected)


def check_remainders(body: TransactionBody, start: int, expected: Sequence[Output]) -> int:
    """As `check_outputs` for what returns to the treasury.

    Raises `VaultFee` when less than all of an asset returns, else `RemainderMismatch`.
    """
    end = start + len(expected)
    if tuple(body.outputs[start:end]) == tuple(expected):
        return end
    for output in expected:
        same = (o for o in body.outputs[start:] if (o.asset, o.lock) == (output.asset, output.lock))
        returned = sum(o.amount for o in same)
        if returned < output.amount:
            raise VaultFee(asset=output.asset, missing=output.amount - returned)
    raise RemainderMismatch(start=start)


def check_sponsors(
    body: TransactionBody, coins: Sequence[Coin], first_input: int, first_output: int
) -> None:
    """Raise `SponsorInvalid` unless every input and output from these on has a policy lock."""
    for index, coin in enumerate(coins[first_input:], first_input):
        if not isinstance(coin.lock, PolicyLock):
            raise SponsorInvalid(input=index, lock=type(coin.lock).__name__)
    for index, output in enumerate(body.outputs[first_output:], first_output):
        if not isinstance(output.lock, PolicyLock):
            raise SponsorInvalid(output=index, lock=type(output.lock).__name__)

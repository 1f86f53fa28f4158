"""Vaults: treasuries whose limits consensus enforces (ledger.md, section 5).

A vault is one anchor coin with a state beside it and any number of coins. This file decides what a
transaction with a vault operation may do to them, and says it as `Effects`; `vault_operations` has
the operations, `vault_state` how the state moves, `buckets` the limits, `vault_layout` the outputs,
`vault_approvals` the signatures, `vault_spends` what needs no anchor, `vault_building` the making.
"""

from __future__ import annotations

from collections.abc import Iterable

from bystack.ledger.coins import Coin, CoinMissing, CoinView
from bystack.ledger.effects import Effects
from bystack.ledger.terms import decode_terms
from bystack.ledger.transactions import (
    Approval,
    DepositLock,
    NoWitness,
    Outpoint,
    Output,
    PendingLock,
    PolicyLock,
    Transaction,
    TreasuryLock,
    VaultLock,
)
from bystack.ledger.vault_approvals import (
    approval_checks,
    create_demands,
    demands,
    replace_checks,
    revealed,
)
from bystack.ledger.vault_errors import (
    ApprovalInvalid,
    CreateSpendsNothing,
    ForeignVaultCoin,
    NotAnAnchor,
    OneOperation,
    OperationTooLong,
    PendingInOrder,
)
from bystack.ledger.vault_layout import (
    check_anchor,
    check_outputs,
    check_remainders,
    check_sponsors,
    payments,
    remainders,
)
from bystack.ledger.vault_operations import (
    AnchorOperation,
    Complete,
    Consolidate,
    Create,
    Operation,
    Order,
    Replace,
    Veto,
    vault_id,
)
from bystack.ledger.vault_spends import Attempt, complete, consolidate, veto
from bystack.ledger.vault_state import decode_state, first_state, replay
from bystack.primitives.codec import encode

# Whoever sponsors an operation may make its transaction longer. Bounded, so that with its proof it
# still fits an action: else a stranger could make a spend that no mirror can ever be shown.
MAX_OPERATED = 900_000


def vault_effects(
    coins: CoinView,
    tx: Transaction,
    position: int,
    operation: Operation,
    approval: Approval | NoWitness,
    height: int,
    chain_id: bytes,
) -> Effects:
    """What the operation at action `position` of `tx` does in a block of `height`.

    `approval` is that action's witness. Raises a `VaultInvalid`, `TermsInvalid`, `CoinMissing`, or
    what a policy raises. Conservation and the sponsors' own witnesses are `apply_transaction`'s.
    """
    if tx.size > MAX_OPERATED:
        raise OperationTooLong(length=tx.size, most=MAX_OPERATED)
    if position or len(tx.body.actions) != 1:
        raise OneOperation(position=position, actions=len(tx.body.actions))
    spent = tuple(_coin(coins, outpoint) for outpoint in tx.body.inputs)
    attempt = Attempt(tx.body, spent, approval, height, chain_id)
    match operation:
        case Create():
            return _create(attempt, operation)
        case Complete():
            return complete(attempt)
        case Veto():
            return veto(attempt, operation)
        case Consolidate():
            return consolidate(attempt)
        case _:
            return _spend_anchor(attempt, operation)


def _coin(coins: CoinView, outpoint: Outpoint) -> Coin:
    coin = coins.get(outpoint)
    if coin is None:
        raise CoinMissing(transaction=outpoint.transaction, index=outpoint.index)
    return coin


def _create(attempt: Attempt, create: Create) -> Effects:
    body = attempt.body
    if not body.inputs:
        raise CreateSpendsNothing()
    if revealed(attempt.approval):
        raise ApprovalInvalid(reason="a creation reveals nothing beside its operation")
    state = first_state(create.terms, attempt.height)
    vault = vault_id(body.inputs[0], 0, state.terms)
    check_anchor(body, vault)
    check_sponsors(body, attempt.coins, 0, 1)
    demanded = create_demands(attempt.chain_id, vault, create)
    checks = approval_checks(demanded, attempt.approval, attempt.height)
    return Effects(outputs={0: encode(state)}, checks=checks)


def _spend_anchor(attempt: Attempt, operation: AnchorOperation) -> Effects:
    body, height = attempt.body, attempt.height
    vault, before = _anchor(attempt)
    terms = decode_terms(revealed(attempt.approval))
    after = replay(decode_state(before), operation, terms, height)
    check_anchor(body, vault)
    inputs, outputs = 1, 1
    if isinstance(operation, Order):
        inputs += _leading_coins(attempt, vault)
        outputs = check_outputs(body, outputs, payments(vault, terms, operation))
        rest = remainders(vault, operation, attempt.coins[1:inputs])
        outputs = check_remainders(body, outputs, rest)
    check_sponsors(body, attempt.coins, inputs, outputs)
    demanded = demands(attempt.chain_id, vault, operation, terms)
    judge = replace_checks if isinstance(operation, Replace) else approval_checks
    checks = judge(demanded, attempt.approval, height)
    made = {0: encode(after), **_stateless(body.outputs[:outputs])}
    return Effects(inputs=frozenset(range(inputs)), outputs=made, checks=checks)


def _anchor(attempt: Attempt) -> tuple[bytes, bytes]:
    """The vault's id and the encoded state of the anchor that the first input spends."""
    if not attempt.coins or not isinstance(attempt.coins[0].lock, VaultLock):
        raise NotAnAnchor()
    return attempt.coins[0].lock.vault, attempt.coins[0].state


def _leading_coins(attempt: Attempt, vault: bytes) -> int:
    """How many of the vault's coins follow the anchor, up to the first sponsor's."""
    for number, coin in enumerate(attempt.coins[1:]):
        match coin.lock:
            case DepositLock(owner) | TreasuryLock(owner) if owner == vault:
                continue
            case PendingLock():
                raise PendingInOrder(input=number + 1)
            case PolicyLock():
                return number
            case _:
                raise ForeignVaultCoin(input=number + 1, vault=vault)
    return len(attempt.coins) - 1


def _stateless(outputs: Iterable[Output]) -> dict[int, bytes]:
    """Which of the outputs only an operation may create, the anchor apart."""
    kinds = TreasuryLock | PendingLock
    return {index: b"" for index, o in enumerate(outputs) if isinstance(o.lock, kinds)}


def spent_anchor(tx: Transaction, coins: CoinView) -> Outpoint | None:
    """The anchor that a transaction spends, if its first input is one."""
    first = next(iter(tx.body.inputs), None)
    coin = coins.get(first) if first is not None else None
    return first if coin is not None and isinstance(coin.lock, VaultLock) else None


def anchor_outpoint_after(tx: Transaction) -> Outpoint | None:
    """Where the anchor is after a valid transaction: its first output, if that is one."""
    outputs = tx.body.outputs
    found = bool(outputs) and isinstance(outputs[0].lock, VaultLock)
    return Outpoint(tx.id, 0) if found else None

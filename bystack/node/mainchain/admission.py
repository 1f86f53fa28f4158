"""The main chain's rules for transactions that wait: what they need, pay and displace."""

from __future__ import annotations

from collections.abc import Iterable

from bystack.ledger.amounts import BTM
from bystack.ledger.candidates import AnchorSpend, candidate
from bystack.ledger.coins import CoinView
from bystack.ledger.transactions import Outpoint, PendingLock, Transaction
from bystack.ledger.validation import check_transaction
from bystack.ledger.vault_operations import (
    CANCEL,
    CONSOLIDATE,
    CREATE,
    FREEZE,
    RECOVER,
    REPLACE,
    VAULT_KINDS,
    VETO,
)
from bystack.mainchain.actions import extra_weight_of, main_effects, needs
from bystack.mainchain.params import Params
from bystack.mainchain.transition import apply_main
from bystack.node.judging import Judged

GUARDIANS = frozenset({CANCEL, FREEZE, RECOVER, REPLACE, VETO})


def precedence(tx: Transaction) -> AnchorSpend | None:
    """How a transaction that spends a vault's coins ranks against another; None for others."""
    kinds = {action.kind for action in tx.body.actions} & VAULT_KINDS
    if not kinds or CREATE in kinds:
        return None
    if CONSOLIDATE in kinds:
        return AnchorSpend.CONSOLIDATION
    return AnchorSpend.GUARD if kinds & GUARDIANS else AnchorSpend.OPERATION


def last_height(coins: CoinView, tx: Transaction) -> int:
    """The last height a veto may stand at, 0 for no bound: then anyone may complete instead."""
    if not any(action.kind == VETO for action in tx.body.actions):
        return 0
    coin = coins.get(tx.body.inputs[0]) if tx.body.inputs else None
    if coin is None or not isinstance(coin.lock, PendingLock):
        return 0
    return coin.height + coin.lock.delay - 1


class MainRules:
    """`PoolRules` of the main chain."""

    def __init__(self, params: Params) -> None:
        self._params = params

    def needs(self, tx: Transaction, /) -> Iterable[Outpoint]:
        """Its inputs, and the records of what it issues."""
        check_transaction(tx)
        return needs(tx)

    def judge(self, coins: CoinView, tx: Transaction, height: int, /) -> Judged:
        """The transaction as a candidate for the block at `height`; raises the rule it breaks."""
        applied = apply_main(coins, tx, height, self._params)
        one = candidate(
            tx,
            applied,
            main_effects(coins, tx, height, self._params),
            BTM,
            priority=precedence(tx),
            extra_weight=extra_weight_of(tx),
            until=last_height(coins, tx),
        )
        return Judged(one, applied.checks)

"""The main chain's rules for transactions that wait: what they need, pay, claim and displace."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from bystack.ledger.amounts import BTM
from bystack.ledger.candidates import AnchorSpend, Candidate, candidate
from bystack.ledger.coins import CoinView
from bystack.ledger.effects import NO_EFFECTS, Applied
from bystack.ledger.mempool import EXPIRY, MAX_WEIGHT, MIN_RATE, Mempool
from bystack.ledger.transactions import Outpoint, PendingLock, Transaction
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
from bystack.mainchain.assembly import COINBASE_WEIGHT
from bystack.mainchain.issues import ISSUE, decode_issue, issued_asset, record_outpoint
from bystack.mainchain.params import Params
from bystack.mainchain.transition import apply_main
from bystack.node.pool.judging import Judge, Judged
from bystack.primitives.errors import Invalid

GUARDIANS = frozenset({CANCEL, FREEZE, VETO})
RECOVERY = frozenset({RECOVER, REPLACE})


class NoBlockHolds(Invalid):
    """The transaction weighs more, or has more BLS signatures, than a block has room for."""


def precedence(tx: Transaction) -> AnchorSpend | None:
    """How a transaction that spends a vault's coins ranks against another; None for others."""
    kinds = {action.kind for action in tx.body.actions} & VAULT_KINDS
    if not kinds or CREATE in kinds:
        return None
    if CONSOLIDATE in kinds:
        return AnchorSpend.CONSOLIDATION
    if kinds & RECOVERY:
        return AnchorSpend.RECOVERY
    return AnchorSpend.GUARD if kinds & GUARDIANS else AnchorSpend.OPERATION


def last_height(coins: CoinView, tx: Transaction) -> int:
    """The last height a veto may stand at, 0 for no bound: then anyone may complete instead."""
    if not any(action.kind == VETO for action in tx.body.actions):
        return 0
    coin = coins.get(tx.body.inputs[0]) if tx.body.inputs else None
    if coin is None or not isinstance(coin.lock, PendingLock):
        return 0
    return coin.height + coin.lock.delay - 1


def claims_of(tx: Transaction) -> tuple[Outpoint, ...]:
    """The records that only one waiting transaction may change: of assets of which there is one
    unit, or a limit, what may still be issued depends on who comes first."""
    issues = [decode_issue(action) for action in tx.body.actions if action.kind == ISSUE]
    bound = [one for one in issues if one.definition.cap or not one.definition.fungible]
    return tuple(dict.fromkeys(record_outpoint(issued_asset(one)) for one in bound))


def records_of(tx: Transaction) -> tuple[Outpoint, ...]:
    """The records that it changes, of whatever asset: in a block, what others wait to issue of the
    same asset may have become too much."""
    issues = [decode_issue(action) for action in tx.body.actions if action.kind == ISSUE]
    return tuple(record_outpoint(issued_asset(one)) for one in issues)


class PoolSettings(NamedTuple):
    """An operator's choices about the pool: `max_weight` of all together, the least fee rate per
    million of weight, and after how many seconds one that waits is given up."""

    max_weight: int = MAX_WEIGHT
    min_rate: int = MIN_RATE
    expiry: int = EXPIRY

    def pool_at(self, height: int, now: int) -> Mempool:
        """An empty pool for the next block at `height`; it is `now` (seconds)."""
        return Mempool(height, self.max_weight, self.min_rate, self.expiry, now)


class MainRules:
    """`PoolRules` of the main chain."""

    def __init__(self, params: Params) -> None:
        self._params = params

    def needs(self, tx: Transaction, /) -> Iterable[Outpoint]:
        """Its inputs, and the records of what it issues."""
        return needs(tx)

    async def ahead(self, txs: Sequence[Transaction], /) -> None:
        """Nothing: signatures alone take long, and those come last."""

    def judge(self, coins: CoinView, tx: Transaction, height: int, /) -> Judged:
        """The transaction as a candidate for the block at `height`; raises the rule it breaks."""
        applied = apply_main(coins, tx, height, self._params)
        one = self._candidate(coins, tx, height, applied)
        self._check_block_holds(one)
        return Judged(one, applied.checks)

    @contextmanager
    def judging(self, coins: CoinView, height: int, /) -> Iterator[Judge]:
        """`judge` for many at one moment."""
        yield lambda tx: self.judge(coins, tx, height)

    def _candidate(
        self, coins: CoinView, tx: Transaction, height: int, applied: Applied
    ) -> Candidate:
        if not tx.body.actions:  # nearly all
            return candidate(tx, applied, NO_EFFECTS, BTM)
        return candidate(
            tx,
            applied,
            main_effects(coins, tx, height, self._params),
            BTM,
            priority=precedence(tx),
            extra=claims_of(tx),
            extra_weight=extra_weight_of(tx),
            until=last_height(coins, tx),
        )

    def _check_block_holds(self, one: Candidate) -> None:
        """Before its signatures are verified, of which it could have a hundred thousand."""
        room, params = self._params.max_weight - COINBASE_WEIGHT, self._params
        if one.weight > room or one.bls_checks > params.max_bls_checks:
            raise NoBlockHolds(weight=one.weight, bls_checks=one.bls_checks, most=room)

"""The sidechain's rules for transactions that wait: judged as if in the next block.

Relay, claims and proofs pay nothing and bring something new or are refused, so they go first; one
main-chain output is proved by one waiting transaction at most.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial

from bystack.ledger.candidates import Candidate
from bystack.ledger.coins import CoinView
from bystack.ledger.effects import BlsCheck
from bystack.ledger.transactions import Outpoint, Transaction
from bystack.ledger.validation import check_transaction, weight
from bystack.node.pool.judging import Judge, Judged
from bystack.node.sidechain.accusing import verify_ahead
from bystack.node.sidechain.store import SideStore
from bystack.sidechain.action_kinds import DETACHED, EVIDENCE, RELAY
from bystack.sidechain.actions import needs_no_fee
from bystack.sidechain.burden import burden
from bystack.sidechain.modules.base import Modules
from bystack.sidechain.relayer import proved_by
from bystack.sidechain.transition import Execution, Place

FREE = 10**15
"""What a transaction that needs no fee counts as paying: it goes before all that pay."""
THOUSANDTHS = 1_000
ONE_WAITS = {RELAY: "relay", EVIDENCE: "evidence", DETACHED: "detached"}
"""Of these one waits at a time, or one thief's contradictions without end would fill the pool."""


def claims_of(tx: Transaction) -> tuple[Hashable, ...]:
    """What only one waiting transaction may prove, beside the coins it spends."""
    for action in tx.body.actions:
        if action.kind in ONE_WAITS:
            return (ONE_WAITS[action.kind],)
    proved = proved_by(tx)
    return () if proved is None else (("proof", proved),)


class SideRules:
    """`PoolRules` of a sidechain; `now` gives milliseconds."""

    def __init__(self, store: SideStore, modules: Modules, now: Callable[[], int]) -> None:
        self._store, self._modules, self._now = store, modules, now
        genesis = store.genesis
        self._least = {asset.asset: asset.fee for asset in genesis.assets if asset.fee}

    def needs(self, tx: Transaction, /) -> Iterable[Outpoint]:
        """Its inputs."""
        if tx.body.actions:  # of the rest, judging asks first what a transaction shows by itself
            check_transaction(tx)
        return tx.body.inputs

    async def ahead(self, txs: Sequence[Transaction], /) -> None:
        """Verify evidence among them."""
        await verify_ahead(self._store, txs)

    def judge(self, coins: CoinView, tx: Transaction, height: int, /) -> Judged:
        """The transaction as a candidate for the next block; raises the rule it breaks."""
        with self.judging(coins, height) as judge:
            return judge(tx)

    @contextmanager
    def judging(self, coins: CoinView, height: int, /) -> Iterator[Judge]:
        """`judge` for many at one moment: one execution, which nothing is added to."""
        with self._store.snapshot() as snapshot:
            base = self._store.base(snapshot)._replace(coins=coins)
            place = Place(base.parent.height + 1, max(self._now(), base.parent.time + 1))
            execution = Execution(self._store.genesis, self._modules, base, place)
            yield partial(self._one, execution)

    def _one(self, execution: Execution, tx: Transaction) -> Judged:
        applied = execution.trial(tx).applied
        one = Candidate(
            tx,
            applied.delta,
            FREE if needs_no_fee(self._modules, tx) else self._worth(applied.fees),
            weight(tx, applied.checks),
            sum([type(check) is BlsCheck for check in applied.checks]),
            extra=claims_of(tx) if tx.body.actions else (),
            until=tx.body.valid_until,
            burden=burden(tx) if tx.body.actions else 0,
        )
        return Judged(one, applied.checks)

    def _worth(self, fees: Mapping[bytes, int]) -> int:
        """Fees of all assets in one measure: thousandths of each asset's least fee."""
        return sum(
            fee * THOUSANDTHS // self._least[asset]
            for asset, fee in fees.items()
            if asset in self._least
        )

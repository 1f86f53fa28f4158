"""Judging transactions for a memory pool, many at one time: coins fetched at once, children beside
their parents, signatures verified together. Changes nothing.

A chain's own rules come as `PoolRules`. Whatever is cheaper than a signature is asked before it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Hashable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol

from bystack.ledger.candidates import Candidate
from bystack.ledger.checks import SignatureWrong
from bystack.ledger.coins import Coin, CoinMissing, CoinView
from bystack.ledger.effects import Check
from bystack.ledger.mempool import AlreadyPooled, Mempool
from bystack.ledger.transactions import Outpoint, Transaction
from bystack.node.verifying.verifier import Verifier
from bystack.primitives.errors import Invalid

Fetch = Callable[[Iterable[Outpoint]], Awaitable[CoinView]]


class Judged(NamedTuple):
    """A transaction that is valid once its checks hold."""

    candidate: Candidate
    checks: tuple[Check, ...]


class PoolRules(Protocol):
    """A chain's rules for transactions that wait."""

    def needs(self, tx: Transaction, /) -> Iterable[Outpoint]:
        """Every coin that judging it looks up; raises `Invalid` for one that cannot be read."""

    async def ahead(self, txs: Sequence[Transaction], /) -> None:
        """Do what judging them takes long for, beside the chain's task."""

    def judge(self, coins: CoinView, tx: Transaction, height: int, /) -> Judged:
        """What it would do in a block at `height`; raises the rule it breaks."""

    def judging(self, coins: CoinView, height: int, /) -> AbstractContextManager[Judge]:
        """`judge` for many at one moment, each as if the others were not there."""


Judge = Callable[[Transaction], Judged]


class Lot:
    """Transactions judged together, and the coins they may build on: the chain's as fetched, the
    pool's, and those that earlier ones of the lot would create."""

    def __init__(self, base: CoinView, machine: Mempool) -> None:
        self._base, self._machine = base, machine
        self._view = machine.view(base)
        self._ahead: dict[Outpoint, Coin] = {}

    def get(self, outpoint: Outpoint, /) -> Coin | None:
        """The coin, or None when there is none."""
        return self._view.get(outpoint) or self._ahead.get(outpoint)

    def add(self, one: Candidate) -> None:
        """Let later ones of the lot spend what this one creates; records stay the chain's."""
        outputs = (item for item in one.delta.created.items() if item[0].transaction == one.tx.id)
        self._ahead.update(outputs)

    def require_parents(self, tx: Transaction) -> None:
        """Raise `CoinMissing` when what it spends came in no more, or left since it was judged."""
        for place in tx.body.inputs:
            if place.transaction not in self._machine and self._base.get(place) is None:
                raise CoinMissing(transaction=place.transaction, index=place.index)


class Judging:
    """How one chain's transactions are judged on top of its tip and its pool."""

    def __init__(
        self, machine: Mempool, rules: PoolRules, fetch: Fetch, verifier: Verifier
    ) -> None:
        self._machine, self._rules, self._fetch = machine, rules, fetch
        self._verifier = verifier

    async def coins_for(self, tx: Transaction) -> CoinView:
        """The coins that judging one transaction looks up: the chain's and those of the pool."""
        return self._machine.view(await self._fetch(self._rules.needs(tx)))

    def touched(self, claims: Collection[Hashable]) -> list[bytes]:
        """The ids of those that wait and look up a record, beside their inputs, that is among the
        claims of a block: what they do may have become impossible."""
        records = {claim for claim in claims if isinstance(claim, Outpoint)}
        waiting = [one for one in self._machine if one.tx.body.actions] if records else []
        return [one.tx.id for one in waiting if not self._beside(one.tx).isdisjoint(records)]

    def _beside(self, tx: Transaction) -> set[Outpoint]:
        return set(self._rules.needs(tx)).difference(tx.body.inputs)

    async def judge(self, txs: Sequence[Transaction]) -> tuple[Lot, list[Candidate | Invalid]]:
        """For each what it would be in the pool, or the rule it breaks; children may follow their
        parents. What came between is for `Lot.require_parents` to say."""
        places, unreadable = list[Outpoint](), dict[bytes, Invalid]()
        for tx in txs:
            try:
                places += self._rules.needs(tx)
            except Invalid as error:
                unreadable[tx.id] = error
        await self._rules.ahead([tx for tx in txs if tx.id not in unreadable])
        lot = Lot(await self._fetch(places), self._machine)
        with self._rules.judging(lot, self._machine.height) as judge:
            judged = [unreadable.get(tx.id) or self._one(lot, tx, judge) for tx in txs]
        return lot, await self._verified(judged)

    def _one(self, lot: Lot, tx: Transaction, judge: Judge) -> Judged | Invalid:
        """One of a lot, by every rule that is cheaper than a signature."""
        try:
            if tx.id in self._machine:
                raise AlreadyPooled(transaction=tx.id)
            judged = judge(tx)
            self._machine.check(judged.candidate)
        except Invalid as error:
            return error
        lot.add(judged.candidate)
        return judged

    async def _verified(self, judged: Sequence[Judged | Invalid]) -> list[Candidate | Invalid]:
        """The same with signatures verified: all together, and if one is wrong, one by one."""
        good = [one for one in judged if isinstance(one, Judged)]
        try:
            await self._verifier.require([check for one in good for check in one.checks])
        except SignatureWrong as error:
            if len(good) == 1:
                return [error if isinstance(one, Judged) else one for one in judged]
            return [(await self._verified([one]))[0] for one in judged]
        return [one.candidate if isinstance(one, Judged) else one for one in judged]

"""RPC about the memory pool and the fees it teaches, with Bitcoin Core's names and fields.

Sizes count as weight, since that is what a block has room for and fees are paid by: `vsize` is the
weight, rates are BTM per 1000 of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Literal

from bystack.ledger.amounts import BTM_DECIMALS
from bystack.ledger.candidates import RATE, Candidate
from bystack.ledger.estimates import MAX_TARGET
from bystack.ledger.transactions import Transaction, decode_transaction
from bystack.ledger.waiting import Entry
from bystack.node import amounts_text
from bystack.node.ipc import RemoteError
from bystack.node.mainchain import shapes, shapes_mining
from bystack.node.mainchain.driver import Driver
from bystack.node.mainchain.forms import Json
from bystack.node.mainchain.poolkeeping import PoolKeeper
from bystack.node.mainchain.rpc_transactions import KILO, Rate, bound
from bystack.node.rpc import BAD_PARAMETER, MISC, NOT_FOUND, Hash, Hex, Methods, decoded
from bystack.primitives.errors import Invalid

TOGETHER = 25
UNKNOWN = "Insufficient data or no feerate found"

Mode = Literal["unset", "economical", "conservative", "UNSET", "ECONOMICAL", "CONSERVATIVE"]


class MempoolMethods:
    """Answers from the pool; `keeper` writes it to disk."""

    def __init__(self, driver: Driver, keeper: PoolKeeper) -> None:
        self._driver, self._keeper = driver, keeper
        self._pool = driver.pool

    def register(self, methods: Methods) -> None:
        """Add every method of this file."""
        add, some = methods.add, list[Hash] | dict[Hash, shapes.Entry]
        about = "Would these be taken in? Changes nothing."
        add("testmempoolaccept", self.test, help=about, returns=list[shapes.Verdict])
        about = "How much waits, and the least fee rate."
        add("getmempoolinfo", self.info, help=about, returns=shapes.MempoolInfo)
        add("getrawmempool", self.ids, help="What waits, as ids or with facts.", returns=some)
        about = "One that waits, with facts."
        add("getmempoolentry", self.entry, help=about, returns=shapes.Entry)
        about = "What one that waits builds on."
        add("getmempoolancestors", self.ancestors, help=about, returns=some)
        about = "What builds on one that waits."
        add("getmempooldescendants", self.descendants, help=about, returns=some)
        about = "A fee rate per 1000 of weight, in BTM."
        add("estimatesmartfee", self.estimate, help=about, returns=shapes.Estimate)
        add(
            "savemempool",
            self.save,
            scope="admin",
            help="Write what waits to disk.",
            returns=shapes_mining.Saved,
        )

    async def test(self, rawtxs: list[Hex], maxfeerate: Rate = 0) -> list[Json]:
        """For each: whether it would be taken in, and else the rule that refuses it; children
        after their parents."""
        if not 1 <= len(rawtxs) <= TOGETHER:
            raise RemoteError(BAD_PARAMETER, "Array must contain between 1 and 25 transactions.")
        most = bound(maxfeerate)
        txs = [decoded(one, decode_transaction, "TX") for one in rawtxs]
        verdicts = await self._pool.judge_all(txs)
        return [_verdict(tx, one, most) for tx, one in zip(txs, verdicts, strict=True)]

    def info(self) -> Json:
        """Figures of the pool."""
        machine = self._pool.machine
        return {
            "loaded": self._keeper.loaded,
            "size": len(machine),
            "bytes": machine.size,
            "weight": machine.weight,
            "usage": self._keeper.memory(machine.weight),
            "total_fee": _amount(machine.fee),
            "maxmempool": self._keeper.memory(machine.max_weight),
            "mempoolminfee": per_kilo(machine.floor),
            "minrelaytxfee": per_kilo(machine.min_rate),
            "incrementalrelayfee": per_kilo(machine.increment),
            "fullrbf": True,
            "orphans": len(self._pool.orphans),
        }

    def ids(self, verbose: bool = False) -> Any:
        """Ids in order of arrival, or facts by id."""
        entries = self._pool.machine.entries()
        if verbose:
            return self._forms(entries)
        return [entry.candidate.tx.id.hex() for entry in entries]

    def entry(self, txid: Hash) -> Json:
        """The facts of one that waits; raises `RemoteError` (-5)."""
        return self._form(self._entry(txid))

    def ancestors(self, txid: Hash, verbose: bool = False) -> Any:
        """What it builds on that waits as well."""
        id = self._entry(txid).candidate.tx.id
        return self._several(self._pool.machine.ancestors(id), verbose)

    def descendants(self, txid: Hash, verbose: bool = False) -> Any:
        """What builds on it."""
        id = self._entry(txid).candidate.tx.id
        return self._several(self._pool.machine.descendants(id) - {id}, verbose)

    def estimate(self, conf_target: int = 6, estimate_mode: Mode = "unset") -> Json:
        """The rate at which transactions were mined within so many blocks, and never less than the
        pool asks for; `errors` and no rate where too few were seen."""
        if not 1 <= conf_target <= MAX_TARGET:
            text = f"Invalid conf_target, must be between 1 and {MAX_TARGET}"
            raise RemoteError(BAD_PARAMETER, text)
        found = self._driver.fees.estimate(conf_target)
        if found is None:
            return {"errors": [UNKNOWN], "blocks": conf_target}
        rate = max(found.rate, self._pool.machine.floor)
        return {"feerate": per_kilo(rate), "blocks": found.blocks}

    async def save(self) -> Json:
        """The file that was written; raises `RemoteError` (-1)."""
        if not self._keeper.loaded:
            raise RemoteError(MISC, "The mempool was not loaded yet")
        return {"filename": await self._keeper.save()}

    def _entry(self, txid: Hash) -> Entry:
        entry = self._pool.machine.entry(bytes.fromhex(txid))
        if entry is None:
            raise RemoteError(NOT_FOUND, "Transaction not in mempool")
        return entry

    def _several(self, ids: Iterable[bytes], verbose: bool) -> Any:
        found = (self._pool.machine.entry(id) for id in ids)
        entries = sorted((one for one in found if one is not None), key=lambda one: one.arrival)
        if verbose:
            return self._forms(entries)
        return [entry.candidate.tx.id.hex() for entry in entries]

    def _forms(self, entries: Iterable[Entry]) -> Json:
        return {entry.candidate.tx.id.hex(): self._form(entry) for entry in entries}

    def _form(self, entry: Entry) -> Json:
        one = entry.candidate
        fee = _amount(one.fee)
        packages = {"ancestor": _amount(entry.above.fee), "descendant": _amount(entry.below.fee)}
        return {
            "vsize": one.weight,
            "weight": one.weight,
            "size": one.tx.size,
            "time": entry.since,
            "height": entry.height - 1,
            "ancestorcount": entry.above.count,
            "ancestorsize": entry.above.weight,
            "descendantcount": entry.below.count,
            "descendantsize": entry.below.weight,
            "wtxid": one.tx.witness_id.hex(),
            "fees": {"base": fee, "modified": fee, **packages},
            "depends": sorted(id.hex() for id in self._pool.machine.parents(one)),
            "spentby": sorted(id.hex() for id in entry.children),
            "bip125-replaceable": True,
        }


def _verdict(tx: Transaction, verdict: Candidate | Invalid, most: int) -> Json:
    names: Json = {"txid": tx.id.hex(), "wtxid": tx.witness_id.hex()}
    if isinstance(verdict, Invalid):
        facts = {"reject-reason": verdict.rule, "reject-details": str(verdict)}
        return {**names, "allowed": False, **facts}
    if most and verdict.rate > most:
        return {**names, "allowed": False, "reject-reason": "max-fee-exceeded"}
    fees = {"base": _amount(verdict.fee), "effective-feerate": per_kilo(verdict.rate)}
    names |= {"allowed": True, "vsize": verdict.weight, "weight": verdict.weight}
    return {**names, "fees": fees}


def _amount(units: int) -> amounts_text.Shown:
    return amounts_text.show(units, BTM_DECIMALS)


def per_kilo(rate: int) -> amounts_text.Shown:
    """A rate per million of weight as BTM per thousand, rounded up."""
    units = Decimal(rate * KILO) / RATE
    return _amount(int(units.to_integral_value(rounding="ROUND_CEILING")))

"""RPC about transactions, the memory pool, unspent coins and proofs."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, TypeVar

from bystack.ledger.amounts import BTM_DECIMALS
from bystack.ledger.candidates import RATE
from bystack.ledger.transactions import Outpoint, Transaction, decode_transaction
from bystack.mainchain.proofs import MAX_PROOF, TransactionProof, check_transaction_proof
from bystack.node import amounts_text
from bystack.node.ipc import RemoteError
from bystack.node.mainchain.driver import Driver
from bystack.node.mainchain.forms import Json, coin_form, transaction_form
from bystack.node.mainchain.reading import BAD_PARAMETER, NOT_FOUND, UNDECODABLE, Reader
from bystack.node.rpc import Hash, Hex, Methods
from bystack.primitives.codec import U32, decode, encode
from bystack.primitives.errors import Invalid

T = TypeVar("T")

KILO = 1_000


def decoded(data: Hex, read: Callable[[bytes], T], what: str) -> T:
    """What hex from a client stands for; raises `RemoteError` (-22) for anything else."""
    try:
        return read(bytes.fromhex(data))
    except Invalid as error:
        facts = {"rule": error.rule}
        raise RemoteError(UNDECODABLE, f"{what} decode failed: {error}", facts) from None


class TransactionMethods:
    """Answers from the pool, the stored blocks and the coins."""

    def __init__(self, driver: Driver, reader: Reader) -> None:
        self._driver, self._reader = driver, reader
        self._pool = driver.pool

    def register(self, methods: Methods) -> None:
        """Add every method of this file."""
        add = methods.add
        add("getrawtransaction", self.raw, help="A transaction, in hex or as fields.")
        add("decoderawtransaction", self.decode, help="The fields of a transaction in hex.")
        add("sendrawtransaction", self.send, help="Take a transaction in and relay it.")
        add("testmempoolaccept", self.test, help="Would these be taken in? Changes nothing.")
        add("getmempoolinfo", self.pool_info, help="How much waits, and the least fee rate.")
        add("getrawmempool", self.pool_ids, help="What waits, as ids or with facts.")
        add("gettxout", self.coin, help="An unspent output, or null.")
        add("gettxoutproof", self.prove, help="The proof that a transaction is in the chain.")
        add("verifytxoutproof", self.verify, help="The ids a proof shows to be in the chain.")
        add("estimatesmartfee", self.estimate, help="A fee rate per 1000 of weight, in BTM.")

    def raw(self, txid: Hash, verbose: int | bool = 0, blockhash: Hash = "") -> Any:
        """A transaction of the pool or the chain."""
        block = bytes.fromhex(blockhash) if blockhash else None
        tx, entry = self._reader.transaction(bytes.fromhex(txid), block)
        if not verbose:
            return encode(tx).hex()
        form = transaction_form(tx, self._driver.store.params)
        if entry is None:
            return form
        depth, time = max(0, self._reader.confirmations(entry)), entry.header.time
        place = {"blockhash": entry.id.hex(), "height": entry.header.height}
        return {**form, **place, "confirmations": depth, "time": time, "blocktime": time}

    def decode(self, hexstring: Hex) -> Json:
        """A transaction's fields."""
        tx = decoded(hexstring, decode_transaction, "TX")
        return transaction_form(tx, self._driver.store.params)

    async def send(self, hexstring: Hex) -> str:
        """The id of a transaction that was taken in; one that waits already is taken as sent."""
        tx = decoded(hexstring, decode_transaction, "TX")
        if tx.id not in self._pool.machine:
            await self._driver.submit(tx)
        return tx.id.hex()

    async def test(self, rawtxs: list[Hex]) -> list[Json]:
        """For each: whether it would be taken in, and else the rule that refuses it."""
        if not 1 <= len(rawtxs) <= 25:
            raise RemoteError(BAD_PARAMETER, "Array must contain between 1 and 25 transactions.")
        return [await self._test(decoded(one, decode_transaction, "TX")) for one in rawtxs]

    async def _test(self, tx: Transaction) -> Json:
        try:
            judged = await self._pool.judge(tx)
        except Invalid as error:
            refusal = {"reject-reason": error.rule, "reject-details": str(error)}
            return {"txid": tx.id.hex(), "wtxid": tx.witness_id.hex(), "allowed": False, **refusal}
        fee = amounts_text.show(judged.fee, BTM_DECIMALS)
        facts = {"weight": judged.weight, "fees": {"base": fee}}
        return {"txid": tx.id.hex(), "wtxid": tx.witness_id.hex(), "allowed": True, **facts}

    def pool_info(self) -> Json:
        """Figures of the pool."""
        machine = self._pool.machine
        least = _per_kilo(machine.floor)
        return {
            "loaded": True,
            "size": len(machine),
            "bytes": sum(one.tx.size for one in machine),
            "weight": machine.weight,
            "total_fee": amounts_text.show(sum(one.fee for one in machine), BTM_DECIMALS),
            "mempoolminfee": least,
            "minrelaytxfee": least,
        }

    def pool_ids(self, verbose: bool = False) -> Any:
        """Ids in order of arrival, or facts by id."""
        machine = self._pool.machine
        if not verbose:
            return [one.tx.id.hex() for one in machine]
        return {
            one.tx.id.hex(): {
                "weight": one.weight,
                "fees": {"base": amounts_text.show(one.fee, BTM_DECIMALS)},
                "depends": sorted(id.hex() for id in machine.ancestors(one.tx.id)),
                "wtxid": one.tx.witness_id.hex(),
            }
            for one in machine
        }

    def coin(self, txid: Hash, n: U32, include_mempool: bool = True) -> Json | None:
        """An unspent output; with the pool, its coins count and those it spends do not."""
        place = Outpoint(bytes.fromhex(txid), n)
        found = self._reader.coin(place)
        if include_mempool:
            found = None if self._pool.machine.taker(place) else found or self._pool.coin(place)
        tip = self._reader.tip
        if found is None:
            return None
        params = self._driver.store.params
        return coin_form(found, params, height=tip.header.height, best=tip.id)

    def prove(self, txids: list[Hash], blockhash: Hash = "") -> str:
        """The proof of one transaction, in hex."""
        if len(txids) != 1:
            raise RemoteError(BAD_PARAMETER, "One transaction a proof.")
        proof = self._reader.inclusion(bytes.fromhex(txids[0]))
        if proof is None or (blockhash and proof.header.hex() != blockhash.lower()):
            raise RemoteError(NOT_FOUND, "Transaction not yet in block")
        return encode(proof).hex()

    def verify(self, proof: Hex) -> list[str]:
        """The transaction's id if its block is in our chain, else nothing."""
        given = decoded(proof, lambda data: decode(TransactionProof, data, MAX_PROOF), "Proof")
        entry = self._driver.machine.tree.entry(given.header)
        if entry is None or not self._driver.machine.line.holds(given.header):
            raise RemoteError(NOT_FOUND, "Block not found in chain")
        return [check_transaction_proof(entry.header, given).id.hex()]

    def estimate(self, conf_target: int = 1) -> Json:
        """What waits now decides: the rate of the last one that the next blocks have room for."""
        if not 1 <= conf_target <= 1008:
            raise RemoteError(BAD_PARAMETER, "conf_target must be between 1 and 1008")
        machine, room = self._pool.machine, conf_target * self._driver.store.params.max_weight
        rate = machine.floor
        for one in sorted(machine, key=lambda one: one.rate, reverse=True):
            room -= one.weight
            if room < 0:
                rate = max(rate, one.rate + 1)
                break
        return {"feerate": _per_kilo(rate), "blocks": conf_target}


def _per_kilo(rate: int) -> amounts_text.Shown:
    """A rate per million of weight as BTM per thousand."""
    units = Decimal(rate * KILO) / RATE
    return amounts_text.show(int(units.to_integral_value(rounding="ROUND_CEILING")), BTM_DECIMALS)

"""RPC about transactions, unspent coins and proofs."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from bystack.ledger.amounts import BTM_DECIMALS
from bystack.ledger.candidates import RATE
from bystack.ledger.transactions import Outpoint, Transaction, decode_transaction
from bystack.mainchain.proofs import MAX_PROOF, TransactionProof, check_transaction_proof
from bystack.node import amounts_text
from bystack.node.ipc import RemoteError
from bystack.node.mainchain import shapes
from bystack.node.mainchain.driver import Driver
from bystack.node.mainchain.forms import Json, coin_form, transaction_form
from bystack.node.mainchain.reading import Reader
from bystack.node.rpc import BAD_PARAMETER, NOT_FOUND, Hash, Hex, Methods, decoded
from bystack.primitives.codec import U32, decode, encode
from bystack.primitives.errors import Invalid

KILO = 1_000
TOO_DEAR = -25

Rate = Annotated[int | float | str, Meta(description="BTM per 1000 of weight; 0 for no bound")]


def bound(maxfeerate: Rate) -> int:
    """A client's bound in units per million of weight; 0 for none."""
    return amounts_text.read(maxfeerate, BTM_DECIMALS) * RATE // KILO


class TransactionMethods:
    """Answers from the pool, the stored blocks and the coins."""

    def __init__(self, driver: Driver, reader: Reader) -> None:
        self._driver, self._reader = driver, reader
        self._pool = driver.pool

    def register(self, methods: Methods) -> None:
        """Add every method of this file."""
        add = methods.add
        add(
            "getrawtransaction",
            self.raw,
            help="A transaction, in hex or as fields.",
            returns=str | shapes.Transaction,
        )
        add(
            "decoderawtransaction",
            self.decode,
            help="The fields of a transaction in hex.",
            returns=shapes.Transaction,
        )
        add("sendrawtransaction", self.send, help="Take a transaction in and relay it.")
        add(
            "gettxout", self.coin, help="An unspent output, or null.", returns=shapes.Unspent | None
        )
        add("gettxoutproof", self.prove, help="The proof that a transaction is in the chain.")
        add("verifytxoutproof", self.verify, help="The ids a proof shows to be in the chain.")

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

    async def send(self, hexstring: Hex, maxfeerate: Rate = 0) -> str:
        """The id of a transaction that was taken in; one that waits already is taken as sent.

        One that pays a greater rate than `maxfeerate` is refused (-25).
        """
        tx, most = decoded(hexstring, decode_transaction, "TX"), bound(maxfeerate)
        if tx.id not in self._pool.machine:
            if most:
                await self._affordable(tx, most)
            await self._driver.submit(tx)
        return tx.id.hex()

    async def _affordable(self, tx: Transaction, most: int) -> None:
        [verdict] = await self._pool.judge_all([tx])
        if not isinstance(verdict, Invalid) and verdict.rate > most:
            raise RemoteError(TOO_DEAR, "Fee exceeds the maximum given (maxfeerate)")

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

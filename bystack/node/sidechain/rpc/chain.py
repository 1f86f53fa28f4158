"""RPC about a sidechain's blocks, transactions and pool: names and fields as in Bitcoin Core."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from bystack.ledger.transactions import Outpoint, decode_transaction
from bystack.node.rpc import Hash, Height, Hex, Methods, decoded
from bystack.node.sidechain.reading import Reader
from bystack.node.sidechain.rpc import shapes
from bystack.node.sidechain.rpc.forms import Forms, Json
from bystack.node.sidechain.telling import events_shown
from bystack.node.sidechain.voting.driver import Driver
from bystack.primitives.codec import U32, encode
from bystack.primitives.errors import Invalid

Many = Annotated[list[Hex], Meta(max_length=1_000)]


class ChainMethods:
    """Answers from the store and the pool."""

    def __init__(self, driver: Driver, reader: Reader) -> None:
        self._driver, self._reader = driver, reader
        self._store, self._pooling = driver.store, driver.pooling
        self._forms = Forms(driver.genesis)

    def register(self, methods: Methods) -> None:
        """Add every method of this file."""
        methods.add_all(
            ("getblockcount", self.count, "The height of the last final block."),
            ("getbestblockhash", self.best, "The id of the last final block."),
            ("getblockhash", self.hash_at, "The id of the block at a height."),
            (
                "getblockheader",
                self.header,
                "A header, as fields or in hex.",
                str | shapes.BlockHeader,
            ),
            (
                "getblock",
                self.block,
                "A block: hex (0), ids (1), transactions (2).",
                str | shapes.Block,
            ),
            ("getblockevents", self.events, "What pegs and modules did in a block."),
            ("getrawtransaction", self.raw, "A transaction, or its hex.", str | shapes.Transaction),
            ("decoderawtransaction", self.decode, "A transaction's fields.", shapes.Transaction),
            ("sendrawtransaction", self.send, "Take a transaction in and relay it."),
            (
                "sendrawtransactions",
                self.send_many,
                "Take many in, and relay them.",
                list[shapes.Submitted],
            ),
            ("gettxout", self.coin, "An unspent output, or null.", shapes.Unspent | None),
            (
                "getrawmempool",
                self.pool_ids,
                "What waits, as ids or with facts.",
                list[Hash] | dict[Hash, shapes.Waits],
            ),
            ("getmempoolinfo", self.pool_info, "How much waits.", shapes.MempoolInfo),
        )

    def count(self) -> int:
        """The height of the last final block."""
        return self._store.height

    def best(self) -> str:
        """The id of the last final block."""
        return self._store.header.id.hex()

    def hash_at(self, height: Height) -> str:
        """The id of the block at a height."""
        return self._reader.header_at(height).id.hex()

    def header(self, blockhash: Hash, verbose: bool = True) -> Any:
        """A header."""
        header = self._reader.header(bytes.fromhex(blockhash))
        if not verbose:
            return encode(header).hex()
        return self._forms.header(header, self._reader.confirmations(header), self._after(header))

    def _after(self, header: Any) -> bytes | None:
        following = self._store.header_at(header.height + 1)
        return None if following is None else following.id

    def block(self, blockhash: Hash, verbosity: int | bool = 1) -> Any:
        """A block."""
        found, body = self._reader.final(bytes.fromhex(blockhash))
        if not verbosity:
            return found.body.hex()
        header = found.header
        form = self._forms.header(header, self._reader.confirmations(header), self._after(header))
        whole = int(verbosity) > 1
        listed = [self._forms.transaction(tx) if whole else tx.id.hex() for tx in body.transactions]
        return {**form, "size": len(found.body), "tx": listed}

    def events(self, blockhash: Hash) -> list[Json]:
        """As subscribers of `pegs` are told; coins that the chain itself gave out among it."""
        found, _ = self._reader.final(bytes.fromhex(blockhash))
        return list(events_shown(self._store, found.header.height))

    def raw(self, txid: Hash, verbose: int | bool = 0) -> Any:
        """A transaction of the pool or the chain."""
        tx, header = self._reader.transaction(bytes.fromhex(txid))
        if not verbose:
            return encode(tx).hex()
        form = self._forms.transaction(tx)
        if header is None:
            return form
        place = {"blockhash": header.id.hex(), "height": header.height, "time": header.time}
        return {**form, **place, "confirmations": self._reader.confirmations(header)}

    def decode(self, hexstring: Hex) -> Json:
        """A transaction's fields."""
        return self._forms.transaction(decoded(hexstring, decode_transaction, "TX"))

    async def send(self, hexstring: Hex) -> str:
        """The id of a transaction that was taken in; one that waits already is taken as sent."""
        tx = decoded(hexstring, decode_transaction, "TX")
        if tx.id not in self._pooling.pool.machine:
            await self._pooling.submit(tx)
        return tx.id.hex()

    async def send_many(self, hexstrings: Many) -> list[Json]:
        """For each its id, with `error` and `rule` where it was not taken in; one that waits
        already is taken as sent."""
        txs = [decoded(text, decode_transaction, "TX") for text in hexstrings]
        waiting = self._pooling.pool.machine
        fresh = {tx.id: tx for tx in txs if tx.id not in waiting}
        refused = await self._pooling.submit_all(list(fresh.values()))
        return [_taken(tx.id, refused.get(tx.id)) for tx in txs]

    def coin(self, txid: Hash, n: U32, include_mempool: bool = True) -> Json | None:
        """An unspent output; with the pool, its coins count and those it spends do not."""
        place, pool = Outpoint(bytes.fromhex(txid), n), self._pooling.pool
        found = self._store.coins.get(place)
        if include_mempool:
            found = None if pool.machine.taker(place) else found or pool.coin(place)
        if found is None:
            return None
        return self._forms.coin(found, self._store.header)

    def pool_ids(self, verbose: bool = False) -> Any:
        """Ids in order of arrival, or facts by id."""
        machine = self._pooling.pool.machine
        if not verbose:
            return [one.tx.id.hex() for one in machine]
        return {
            one.tx.id.hex(): {
                "weight": one.weight,
                "depends": sorted(id.hex() for id in machine.ancestors(one.tx.id)),
                "wtxid": one.tx.witness_id.hex(),
            }
            for one in machine
        }

    def pool_info(self) -> Json:
        """Figures of the pool."""
        machine = self._pooling.pool.machine
        size = sum(one.tx.size for one in machine)
        return {"loaded": True, "size": len(machine), "bytes": size, "weight": machine.weight}


def _taken(id: bytes, refused: Invalid | None) -> Json:
    told = {} if refused is None else {"error": str(refused), "rule": refused.rule}
    return {"txid": id.hex(), **told}

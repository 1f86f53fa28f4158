"""RPC of a sidechain under the names that the main chain has for the same: chain, pool, proofs.

A sidechain's pool asks a least fee of each transaction whatever its size, so an estimate is a fee
and no rate. A proof has the form of the main chain's, and its header is final.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from bystack.ledger.candidates import Candidate
from bystack.ledger.transactions import Transaction, decode_transaction
from bystack.mainchain.proofs import MAX_PROOF, ProofHeight, TransactionProof
from bystack.node import amounts_text
from bystack.node.ipc import RemoteError
from bystack.node.mainchain.shapes import Verdict
from bystack.node.rpc import NOT_FOUND, Hash, Hex, Methods, decoded
from bystack.node.sidechain.reading import Reader
from bystack.node.sidechain.rpc import shapes, wires
from bystack.node.sidechain.rpc.forms import AssetName, Forms, Json, asset_named
from bystack.node.sidechain.voting.driver import Driver
from bystack.primitives.codec import decode, encode
from bystack.primitives.errors import Invalid
from bystack.primitives.merkle import merkle_proofs, merkle_verify
from bystack.primitives.plain import to_plain

Several = Annotated[list[Hex], Meta(min_length=1, max_length=25, description="in hex, 1 to 25")]
One = Annotated[list[Hash], Meta(min_length=1, max_length=1, description="one transaction's id")]
Blocks = Annotated[int, Meta(ge=1, le=1008, description="within how many blocks")]


class ReadMethods:
    """Answers from the genesis, the store and the pool."""

    def __init__(self, driver: Driver, reader: Reader) -> None:
        self._driver, self._reader = driver, reader
        self._store, self._pool = driver.store, driver.pooling
        self._genesis = driver.genesis
        self._forms = Forms(driver.genesis)

    def register(self, methods: Methods) -> None:
        """Add every method of this file."""
        add = methods.add
        add(
            "getblockchaininfo",
            self.info,
            help="What the chain's state is.",
            returns=shapes.ChainInfo,
        )
        add(
            "testmempoolaccept",
            self.test,
            help="Would these be taken in? Changes nothing.",
            returns=list[Verdict],
        )
        add("getmempoolentry", self.entry, help="One that waits, with facts.", returns=shapes.Entry)
        add(
            "estimatesmartfee",
            self.estimate,
            help="The least fees a transaction must pay.",
            returns=shapes.Fees,
        )
        add("gettxoutproof", self.prove, help="The proof that a transaction is in the chain.")
        add("verifytxoutproof", self.verify, help="The ids a proof shows to be in the chain.")
        add("getassetinfo", self.asset, help="An asset of this sidechain.", returns=wires.Asset)

    def info(self) -> Json:
        """Every block that is shown is final; `getsidechaininfo` says more."""
        header = self._store.header
        return {
            "chain": self._genesis.name,
            "chain_id": self._genesis.id.hex(),
            "blocks": header.height,
            "headers": header.height,
            "bestblockhash": header.id.hex(),
            "time": header.time // 1000,
            "mediantime": header.time // 1000,
            "epoch": header.epoch,
            "size_on_disk": self._store.size,
            "pruned": self._store.first > 0,
            "warnings": self._driver.upgrade.warnings,
        }

    async def test(self, rawtxs: Several) -> list[Json]:
        """For each: whether it would be taken in, and else the rule that refuses it; children
        after their parents."""
        txs = [decoded(one, decode_transaction, "TX") for one in rawtxs]
        verdicts = await self._pool.pool.judge_all(txs)
        return [_verdict(tx, one) for tx, one in zip(txs, verdicts, strict=True)]

    def entry(self, txid: Hash) -> Json:
        """The facts of one that waits; raises `RemoteError` (-5)."""
        machine = self._pool.pool.machine
        entry = machine.entry(bytes.fromhex(txid))
        if entry is None:
            raise RemoteError(NOT_FOUND, "Transaction not in mempool")
        one = entry.candidate
        return {
            "vsize": one.weight,
            "weight": one.weight,
            "size": one.tx.size,
            "wtxid": one.tx.witness_id.hex(),
            "depends": sorted(id.hex() for id in machine.parents(one)),
            "spentby": sorted(id.hex() for id in entry.children),
        }

    def estimate(self, conf_target: Blocks = 1) -> Json:
        """By asset: what a transaction pays at least, of any size, and one of several actions for
        each; one of these is enough."""
        fees = {
            one.name: amounts_text.show(one.fee, one.decimals)
            for one in self._genesis.assets
            if one.fee
        }
        return {"fees": fees, "blocks": 1}

    def prove(self, txids: One, blockhash: Hash = "") -> str:
        """The proof of one transaction, in hex."""
        id = bytes.fromhex(txids[0])
        place = self._store.find(id)
        header = None if place is None else self._store.header_at(place.height)
        wrong = header is not None and blockhash and header.id.hex() != blockhash.lower()
        if place is None or header is None or wrong:
            raise RemoteError(NOT_FOUND, "Transaction not yet in block")
        _, body = self._reader.final(header.id)
        (branch,) = merkle_proofs([tx.witness_id for tx in body.transactions], (place.position,))
        data = encode(body.transactions[place.position])
        return encode(TransactionProof(header.id, header.height, branch, data)).hex()

    def verify(self, proof: Hex) -> list[str]:
        """The transaction's id if its block is in our chain, else an error."""
        given = decoded(proof, lambda data: decode(TransactionProof, data, MAX_PROOF), "Proof")
        header = self._reader.header(given.header)
        if header.height != given.height:
            raise ProofHeight(expected=header.height, given=given.height)
        tx = decode_transaction(given.transaction)
        merkle_verify(header.witness_root, header.transaction_count, tx.witness_id, given.branch)
        return [tx.id.hex()]

    def asset(self, asset: AssetName) -> Json:
        """What the genesis says of it."""
        told: Json = to_plain(asset_named(self._genesis, asset))
        return told


def _verdict(tx: Transaction, verdict: Candidate | Invalid) -> Json:
    names: Json = {"txid": tx.id.hex(), "wtxid": tx.witness_id.hex()}
    if isinstance(verdict, Invalid):
        facts = {"reject-reason": verdict.rule, "reject-details": str(verdict)}
        return {**names, "allowed": False, **facts}
    return {**names, "allowed": True, "vsize": verdict.weight, "weight": verdict.weight}

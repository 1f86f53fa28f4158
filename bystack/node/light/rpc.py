"""The RPC of a light node: Bitcoin Core's names for what headers and proofs can answer.

What needs blocks, coins or a pool is refused with the setting that would bring it.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, Final, TypeVar

from bystack.ledger.amounts import BTM_DECIMALS
from bystack.ledger.candidates import RATE
from bystack.ledger.transactions import decode_transaction
from bystack.mainchain.chain import Entry, median_time
from bystack.mainchain.light_messages import MAX_TARGET
from bystack.mainchain.params import chain_id
from bystack.mainchain.proofs import MAX_PROOF, TransactionProof, check_transaction_proof
from bystack.node import amounts_text
from bystack.node.ipc import RemoteError
from bystack.node.light.driver import LightDriver
from bystack.node.light.fetching import NoPeer
from bystack.node.light.reading import LightReader
from bystack.node.light.scanning import Scanner
from bystack.node.mainchain import shapes, shapes_vaults
from bystack.node.mainchain.forms import Json, difficulty, header_form, transaction_form
from bystack.node.mainchain.rpc_assets import asset_form, evidence_form
from bystack.node.rpc import (
    BAD_PARAMETER,
    IN_WARMUP,
    MISC,
    NOT_FOUND,
    Hash,
    Height,
    Hex,
    Methods,
    decoded,
)
from bystack.primitives.codec import decode, encode

KILO: Final = 1_000

T = TypeVar("T")

FULL_ONLY: Final = frozenset(
    {
        "buildvaultoperation",
        "createvault",
        "generatetoaddress",
        "getblock",
        "getblocktemplate",
        "getmempoolancestors",
        "getmempooldescendants",
        "getmempoolentry",
        "getmempoolinfo",
        "getmininginfo",
        "getnetworkhashps",
        "getrawmempool",
        "gettxout",
        "getvault",
        "listvaults",
        "savemempool",
        "setgenerate",
        "submitblock",
        "submitvaultoperation",
        "testmempoolaccept",
    }
)


def needs_full(name: str) -> RemoteError:
    """Why a light node does not answer, and the next step."""
    text = (
        f'{name} needs every block; set [mainchain] mode = "full" and restart, or ask a full node'
    )
    return RemoteError(MISC, text, {"rule": "NeedsFullNode", "mode": "light"})


async def answered(answer: Awaitable[T]) -> T:
    """What peers answer; raises `RemoteError` (-28) while there is nobody to ask."""
    try:
        return await answer
    except NoPeer as error:
        raise RemoteError(IN_WARMUP, str(error), {"rule": "NoPeer"}) from None


class LightMethods(Methods):
    """The methods of a light node."""

    async def call(self, name: str, params: Any = (), scope: str = "admin") -> Any:
        """As `Methods.call`; one of a full node's raises `RemoteError` (-1, `NeedsFullNode`)."""
        if name in FULL_ONLY and name not in self.names:
            raise needs_full(name)
        return await super().call(name, params, scope)


class LightChainMethods:
    """Answers from headers, from what was watched, and from peers' proofs."""

    def __init__(self, scanner: Scanner, reader: LightReader) -> None:
        self._scanner, self._reader = scanner, reader
        self._driver: LightDriver = scanner.driver
        self._params = scanner.driver.store.params

    def register(self, methods: Methods) -> None:
        """Add every method of this file."""
        methods.add_all(
            ("getblockchaininfo", self.info, "What the chain's state is.", shapes.BlockchainInfo),
            ("getbestblockhash", self.best_hash, "The id of the best header."),
            ("getblockcount", self.count, "The height of the best header."),
            ("getblockhash", self.hash_at, "The id of the header at a height."),
            ("getblockheader", self.header, "A header, or its hex.", str | shapes.BlockHeader),
            ("getrawtransaction", self.raw, "One watched, or sent here.", str | shapes.Transaction),
            ("decoderawtransaction", self.decode, "A transaction's fields.", shapes.Transaction),
            ("sendrawtransaction", self.send, "Offer a transaction to every peer."),
            ("gettxoutproof", self.prove, "The proof that a transaction is in the chain."),
            ("verifytxoutproof", self.verify, "The ids a proof shows to be in the chain."),
            ("getevidence", self.evidence, "A proof of a transaction to keep."),
            ("getassetinfo", self.asset, "An asset, as a peer has it.", shapes_vaults.AssetInfo),
            (
                "estimatesmartfee",
                self.estimate,
                "A fee rate per 1000 of weight, in BTM.",
                shapes.Estimate,
            ),
        )

    def info(self) -> Json:
        """The chain's state: headers only; blocks are never judged here."""
        tip = self._reader.tip
        return {
            "chain": self._params.name,
            "chain_id": chain_id(self._params).hex(),
            "mode": "light",
            "hrp": self._params.hrp,
            "blocks": tip.header.height,
            "headers": tip.header.height,
            "bestblockhash": tip.id.hex(),
            "difficulty": difficulty(tip.header, self._params),
            "time": tip.header.time,
            "mediantime": median_time(tip),
            "verificationprogress": self._driver.machine.progress,
            "initialblockdownload": self._driver.syncing,
            "chainwork": tip.work.hex(),
            "size_on_disk": self._driver.store.size,
            "pruned": True,
            "full_peers": len(self._driver.machine.full()),
            "full_peers_needed": self._scanner.agree,
            "warnings": self._warning(),
        }

    def _warning(self) -> str:
        lacking, waits = self._scanner.lacking, self._scanner.waits
        if not lacking:
            return ""
        which = "" if waits is None else f" that keep blocks from height {waits} on"
        return f"payments and deposits are not read: connect {lacking} more full peers{which}"

    def best_hash(self) -> str:
        """The id of the best header."""
        return self._reader.tip.id.hex()

    def count(self) -> int:
        """The height of the best header."""
        return self._reader.tip.header.height

    def hash_at(self, height: Height) -> str:
        """The id of the header at a height."""
        return self._reader.id_at(height).hex()

    def header(self, blockhash: Hash, verbose: bool = True) -> Any:
        """A header as fields, or its bytes in hex."""
        entry = self._reader.entry(bytes.fromhex(blockhash))
        return self._form(entry) if verbose else encode(entry.header).hex()

    def _form(self, entry: Entry) -> Json:
        depth, following = self._reader.confirmations(entry), self._reader.following(entry)
        return header_form(entry, self._params, confirmations=depth, following=following)

    def raw(self, txid: Hash, verbose: int | bool = 0) -> Any:
        """A transaction that concerned a wallet or sidechain here, or that was sent from here."""
        tx, entry = self._reader.transaction(bytes.fromhex(txid))
        if not verbose:
            return encode(tx).hex()
        form = transaction_form(tx, self._params)
        if entry is None:
            return form
        depth, time = max(0, self._reader.confirmations(entry)), entry.header.time
        place = {"blockhash": entry.id.hex(), "height": entry.header.height}
        return {**form, **place, "confirmations": depth, "time": time, "blocktime": time}

    def decode(self, hexstring: Hex) -> Json:
        """A transaction's fields."""
        return transaction_form(decoded(hexstring, decode_transaction, "TX"), self._params)

    async def send(self, hexstring: Hex) -> str:
        """The id; only its form is judged here, and no peer says whether it took it."""
        tx = decoded(hexstring, decode_transaction, "TX")
        await self._driver.submit(tx)
        return tx.id.hex()

    async def evidence(self, txid: Hash, blockhash: Hash = "") -> str:
        """Evidence in hex, as a full node makes it: from a checked proof and the own headers."""
        proof = await answered(self._scanner.fetcher.proof(bytes.fromhex(txid)))
        if proof is None:
            raise RemoteError(NOT_FOUND, "Transaction not yet in block")
        return evidence_form(self._reader, proof, blockhash)

    async def asset(self, asset: Hash) -> Json:
        """An asset's definition, which its id binds; how much was issued, and when, a peer says."""
        coin = await answered(self._scanner.fetcher.record(bytes.fromhex(asset)))
        if coin is None:
            raise RemoteError(NOT_FOUND, "No such asset was issued")
        return asset_form(bytes.fromhex(asset), coin)

    async def prove(self, txids: list[Hash], blockhash: Hash = "") -> str:
        """The proof of one transaction, in hex; asked of peers where it is not kept."""
        if len(txids) != 1:
            raise RemoteError(BAD_PARAMETER, "One transaction a proof.")
        proof = await answered(self._scanner.fetcher.proof(bytes.fromhex(txids[0])))
        if proof is None or (blockhash and proof.header.hex() != blockhash.lower()):
            raise RemoteError(NOT_FOUND, "Transaction not yet in block")
        return encode(proof).hex()

    def verify(self, proof: Hex) -> list[str]:
        """The transaction's id if its block is in our chain, else an error."""
        given = decoded(proof, lambda data: decode(TransactionProof, data, MAX_PROOF), "Proof")
        if not self._driver.machine.line.holds(given.header):
            raise RemoteError(NOT_FOUND, "Block not found in chain")
        header = self._reader.entry(given.header).header
        return [check_transaction_proof(header, given).id.hex()]

    async def estimate(self, conf_target: int = 6) -> Json:
        """The middle of what up to five full peers say, at most a hundred times the least rate."""
        if not 1 <= conf_target <= MAX_TARGET:
            text = f"Invalid conf_target, must be between 1 and {MAX_TARGET}"
            raise RemoteError(BAD_PARAMETER, text)
        rate, peers = await self._scanner.fetcher.rate(conf_target)
        shown = amounts_text.show(-(-rate * KILO // RATE), BTM_DECIMALS)
        return {"feerate": shown, "blocks": conf_target, "peers": peers}

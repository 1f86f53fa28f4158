"""RPC about blocks and headers: names and fields as in Bitcoin Core."""

from __future__ import annotations

from typing import Any

from bystack.mainchain.chain import Entry, median_time
from bystack.mainchain.params import chain_id, subsidy_at
from bystack.node.mainchain import shapes
from bystack.node.mainchain.driver import Driver
from bystack.node.mainchain.forms import Json, difficulty, header_form, transaction_form
from bystack.node.mainchain.progress import progress_form, share
from bystack.node.mainchain.reading import Reader
from bystack.node.rpc import Hash, Height, Methods
from bystack.primitives.codec import encode


class ChainMethods:
    """Answers from the header tree and the stored blocks."""

    def __init__(self, driver: Driver, reader: Reader) -> None:
        self._driver, self._reader = driver, reader
        self._params = driver.store.params

    def register(self, methods: Methods) -> None:
        """Add every method of this file."""
        methods.add(
            "getblockchaininfo",
            self.info,
            help="What the chain's state is.",
            returns=shapes.BlockchainInfo,
        )
        methods.add("getbestblockhash", self.best_hash, help="The id of the last block.")
        methods.add("getblockcount", self.count, help="The height of the last block.")
        methods.add("getblockhash", self.hash_at, help="The id of the block at a height.")
        methods.add(
            "getblockheader",
            self.header,
            help="A header, as fields or in hex.",
            returns=str | shapes.BlockHeader,
        )
        methods.add(
            "getblock",
            self.block,
            help="A block: hex (0), ids (1), transactions (2).",
            returns=str | shapes.Block,
        )
        methods.add(
            "getblockstats",
            self.stats,
            help="A block's figures: fees, subsidy, sizes, counts.",
            returns=shapes.BlockStats,
        )

    def info(self) -> Json:
        """The chain's state."""
        tip, best = self._reader.tip, self._driver.machine.tree.best()
        progress = self._driver.progress
        return {
            "chain": self._params.name,
            "chain_id": chain_id(self._params).hex(),
            "magic": self._params.magic.hex(),
            "hrp": self._params.hrp,
            "blocks": tip.header.height,
            "headers": best.header.height,
            "bestblockhash": tip.id.hex(),
            "difficulty": difficulty(tip.header, self._params),
            "time": tip.header.time,
            "mediantime": median_time(tip),
            "verificationprogress": share(progress),
            "initialblockdownload": self._driver.syncing,
            "sync": progress_form(progress),
            "chainwork": tip.work.hex(),
            "size_on_disk": self._driver.store.size,
            **self._pruning(),
            "warnings": "",
        }

    def _pruning(self) -> Json:
        first = self._driver.store.first_kept
        return {"pruned": False} if first == 1 else {"pruned": True, "pruneheight": first}

    def best_hash(self) -> str:
        """The id of the last block."""
        return self._reader.tip.id.hex()

    def count(self) -> int:
        """The height of the last block."""
        return self._reader.tip.header.height

    def hash_at(self, height: Height) -> str:
        """The id of the block at a height."""
        return self._reader.id_at(height).hex()

    def header(self, blockhash: Hash, verbose: bool = True) -> Any:
        """A header as fields, or its bytes in hex."""
        entry = self._reader.entry(bytes.fromhex(blockhash))
        return self._form(entry) if verbose else encode(entry.header).hex()

    def block(self, blockhash: Hash, verbosity: int | bool = 1) -> Any:
        """A block in hex (0), with its transactions' ids (1) or with the transactions (2)."""
        id = bytes.fromhex(blockhash)
        data = self._reader.block_bytes(id)
        if not verbosity:
            return data.hex()
        block = self._reader.block(id)
        params = self._params
        listed: list[Any] = (
            [tx.id.hex() for tx in block.transactions]
            if verbosity == 1
            else [transaction_form(tx, params) for tx in block.transactions]
        )
        return {**self._form(self._reader.entry(id)), "size": len(data), "tx": listed}

    def stats(self, hash_or_height: Hash | Height) -> Json:
        """Figures of a block; `totalfee` is what its coinbase took above the subsidy."""
        asked = hash_or_height
        id = self._reader.id_at(asked) if isinstance(asked, int) else bytes.fromhex(asked)
        header, block = self._reader.entry(id).header, self._reader.block(id)
        subsidy = subsidy_at(header.height, self._params)
        coinbase, *others = block.transactions or (None,)
        taken = sum(output.amount for output in coinbase.body.outputs) if coinbase else 0
        return {
            "blockhash": id.hex(),
            "height": header.height,
            "time": header.time,
            "subsidy": subsidy,
            "totalfee": max(0, taken - subsidy),
            "txs": len(block.transactions),
            "ins": sum(len(tx.body.inputs) for tx in others),
            "outs": sum(len(tx.body.outputs) for tx in block.transactions),
            "total_size": len(self._reader.block_bytes(id)),
        }

    def _form(self, entry: Entry) -> Json:
        depth, following = self._reader.confirmations(entry), self._reader.following(entry)
        return header_form(entry, self._params, confirmations=depth, following=following)

"""RPC about issued assets and vaults: what the chain itself records of them."""

from __future__ import annotations

from typing import Protocol

from bystack.ledger.amounts import AssetDefinition, class_of, unit_of
from bystack.ledger.coins import Coin
from bystack.ledger.transactions import PendingLock, TreasuryLock
from bystack.ledger.vault_state import decode_state
from bystack.mainchain.chain import Entry
from bystack.mainchain.evidence import Evidence
from bystack.mainchain.issues import registration_of
from bystack.mainchain.proofs import HistoryProof, TransactionProof
from bystack.node import amounts_text
from bystack.node.ipc import RemoteError
from bystack.node.mainchain import shapes_vaults
from bystack.node.mainchain.driver import Driver
from bystack.node.mainchain.forms import Json, coins_form
from bystack.node.mainchain.reading import Reader
from bystack.node.rpc import NOT_FOUND, Hash, Methods
from bystack.primitives.codec import encode
from bystack.primitives.plain import to_plain


def definition_form(definition: AssetDefinition) -> Json:
    """A definition for JSON: its class by name, amounts in base units and as decimals too."""
    return {
        **to_plain(definition),
        "class": class_of(definition),
        "divisible": bool(definition.divisible),
        "fungible": bool(definition.fungible),
        "smallest": amounts_text.show(unit_of(definition), definition.decimals),
        "cap_value": amounts_text.show(definition.cap, definition.decimals),
    }


def asset_form(asset: bytes, coin: Coin) -> Json:
    """What an asset's record says."""
    record = registration_of(coin)
    definition = record.definition
    return {
        "asset": asset.hex(),
        **definition_form(definition),
        "issuance": record.issuance.hex(),
        "issued": record.issued,
        "issued_value": amounts_text.show(record.issued, definition.decimals),
        "first_height": record.first,
        "last_height": coin.height,
    }


class Headers(Protocol):
    """What evidence needs of a reader, a full node's or a light one's."""

    def entry(self, id: bytes) -> Entry:
        """A header's entry; raises `RemoteError` (-5)."""

    def confirmations(self, entry: Entry) -> int:
        """How deep a header lies; -1 beside the chain."""

    def history(self, old: int, newer: int) -> HistoryProof:
        """The proof that the header at one height is below that at another; raises -8."""


def evidence_form(reader: Headers, proof: TransactionProof, blockhash: str) -> str:
    """Evidence in hex: a proof with its header, or with the newer one of this id. Raises -5."""
    entry = reader.entry(bytes.fromhex(blockhash) if blockhash else proof.header)
    if reader.confirmations(entry) < 0:
        raise RemoteError(NOT_FOUND, "Block not found in chain")
    deep = entry.id != proof.header
    history = reader.history(proof.height, entry.header.height) if deep else None
    return encode(Evidence(entry.header, (history,) if history else (), proof)).hex()


class AssetMethods:
    """Answers from the registrations and the index of vaults."""

    def __init__(self, driver: Driver, reader: Reader) -> None:
        self._driver, self._reader = driver, reader
        self._store = driver.store

    def register(self, methods: Methods) -> None:
        """Add every method of this file."""
        methods.add(
            "getassetinfo",
            self.asset,
            help="An issued asset, by its id.",
            returns=shapes_vaults.AssetInfo,
        )
        methods.add("getevidence", self.evidence, help="A proof of a transaction to keep.")
        methods.add("listvaults", self.vaults, help="The ids of all vaults.")
        methods.add(
            "getvault",
            self.vault,
            help="A vault: its state and every coin it holds.",
            returns=shapes_vaults.Vault,
        )

    def asset(self, asset: Hash) -> Json:
        """What was registered when the asset was issued, how much was issued, and when."""
        coin = self._reader.asset(bytes.fromhex(asset))
        if coin is None:
            raise RemoteError(NOT_FOUND, "No such asset was issued")
        return asset_form(bytes.fromhex(asset), coin)

    def evidence(self, txid: Hash, blockhash: Hash = "") -> str:
        """Evidence in hex that a transaction stands in its block, or, with `blockhash`, below that
        newer block: whoever trusts the block's id can check it without a node."""
        proof = self._reader.inclusion(bytes.fromhex(txid))
        if proof is None:
            raise RemoteError(NOT_FOUND, "Transaction not yet in block")
        return evidence_form(self._reader, proof, blockhash)

    def vaults(self) -> list[str]:
        """Ids, ascending."""
        return [id.hex() for id in self._store.vaults()]

    def vault(self, vault: Hash) -> Json:
        """The anchor's state, the sums per asset and the coins."""
        id = bytes.fromhex(vault)
        anchor = self._store.anchor(id)
        if anchor is None:
            raise RemoteError(NOT_FOUND, "No such vault")
        place, coin = anchor
        coins = list(self._store.vault_coins(id))
        holdings: dict[str, int] = {}
        for _, one in coins:
            name = one.asset.hex()
            holdings[name] = holdings.get(name, 0) + one.amount
        others = [(p, c) for p, c in coins if p != place]
        return {
            "vault": id.hex(),
            "anchor": {"txid": place.transaction.hex(), "vout": place.index, "height": coin.height},
            "state": to_plain(decode_state(coin.state)),
            "holdings": {name: amount for name, amount in sorted(holdings.items()) if amount},
            "treasury": sum(isinstance(c.lock, TreasuryLock) for _, c in others),
            "pending": sum(isinstance(c.lock, PendingLock) for _, c in others),
            "coins": coins_form(others, self._store.params),
        }

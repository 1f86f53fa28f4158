"""Headers, transactions and coins of a sidechain as JSON, with Bitcoin Core's field names.

Ids are hex in the order of their bytes. Amounts are integers of base units under `units`, and
decimal under `value`. Times are in seconds, block times also in milliseconds (`time_ms`).
"""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from bystack.ledger.amounts import BTM
from bystack.ledger.coins import Coin
from bystack.ledger.transactions import (
    DepositLock,
    Lock,
    NoWitness,
    Output,
    PolicyLock,
    Transaction,
)
from bystack.node import amounts_text
from bystack.node.ipc import RemoteError
from bystack.node.rpc import BAD_PARAMETER
from bystack.primitives.addresses import DEPOSIT, POLICY, Address, encode_address
from bystack.primitives.codec import encode
from bystack.primitives.plain import to_plain
from bystack.sidechain.blocks import Header
from bystack.sidechain.params import Asset, Genesis

Json = dict[str, Any]
AssetName = Annotated[
    str, Meta(max_length=64, description="an asset's name or id", examples=["BTM"])
]


def asset_named(genesis: Genesis, name: str) -> Asset:
    """The asset of a name or id; raises `RemoteError` (-8)."""
    for one in genesis.assets:
        if name.lower() in (one.asset.hex(), one.name.lower()):
            return one
    raise RemoteError(BAD_PARAMETER, "this sidechain has no such asset")


class Forms:
    """The forms of one sidechain: its addresses and assets."""

    def __init__(self, genesis: Genesis) -> None:
        self._genesis = genesis

    def header(self, header: Header, confirmations: int, following: bytes | None) -> Json:
        """A header."""
        form: Json = {
            "hash": header.id.hex(),
            "confirmations": confirmations,
            "height": header.height,
            "version": header.version,
            "epoch": header.epoch,
            "time": header.time // 1000,
            "time_ms": header.time,
            "merkleroot": header.transaction_root.hex(),
            "witnessroot": header.witness_root.hex(),
            "nTx": header.transaction_count,
            "stateroot": header.state_root.hex(),
            "outboxroot": header.outbox_root.hex(),
            "relaytip": header.relay_tip.hex(),
            "parentcertificate": header.parent_certificate.hex(),
            "validatorshash": header.validators_hash.hex(),
            "proposer": header.proposer,
        }
        if header.height:
            form["previousblockhash"] = header.parent.hex()
        if following is not None:
            form["nextblockhash"] = following.hex()
        return form

    def address(self, lock: Lock) -> str | None:
        """The address here that pays to a lock."""
        if isinstance(lock, PolicyLock):
            return encode_address(Address(self._genesis.hrp, POLICY, lock.root))
        return None

    def main_address(self, lock: PolicyLock | DepositLock) -> str:
        """The main-chain address of a peg-out's destination."""
        match lock:
            case PolicyLock(root):
                return encode_address(Address(self._genesis.main.hrp, POLICY, root))
            case DepositLock(vault, note):
                return encode_address(Address(self._genesis.main.hrp, DEPOSIT, vault + note))

    def asset(self, asset: bytes, units: int) -> Json:
        """An amount of an asset."""
        known = self._genesis.by_asset.get(asset)
        form: Json = {"asset": "BTM" if asset == BTM else asset.hex(), "units": units}
        if known is None:
            return form
        return {**form, "name": known.name, "value": amounts_text.show(units, known.decimals)}

    def output(self, output: Output) -> Json:
        """An output or coin."""
        form = {**self.asset(output.asset, output.amount), "lock": to_plain(output.lock)}
        address = self.address(output.lock)
        return form if address is None else {**form, "address": address}

    def transaction(self, tx: Transaction) -> Json:
        """A transaction: its ids, inputs with witnesses, outputs, actions, and its bytes in hex."""
        body, inputs = tx.body, len(tx.body.inputs)
        spends = zip(body.inputs, tx.witnesses[:inputs], strict=False)
        actions = zip(body.actions, tx.witnesses[inputs:], strict=False)
        outputs = enumerate(body.outputs)
        return {
            "txid": tx.id.hex(),
            "hash": tx.witness_id.hex(),
            "version": body.version,
            "size": tx.size,
            "vin": [
                {"txid": place.transaction.hex(), "vout": place.index, "witness": _witness(w)}
                for place, w in spends
            ],
            "vout": [{"n": index, **self.output(output)} for index, output in outputs],
            "actions": [{**to_plain(action), "witness": _witness(w)} for action, w in actions],
            "valid_from": body.valid_from,
            "valid_until": body.valid_until,
            "memo": body.memo.hex(),
            "hex": encode(tx).hex(),
        }

    def coin(self, coin: Coin, tip: Header) -> Json:
        """What `gettxout` says of an unspent coin; one not in a block yet has 0 confirmations."""
        return {
            "bestblock": tip.id.hex(),
            "confirmations": max(0, tip.height - coin.height + 1),
            **self.output(coin.output),
            "unit": coin.unit,
            "coinbase": bool(coin.coinbase),
            "height": coin.height,
        }


def _witness(witness: Any) -> Any:
    return None if isinstance(witness, NoWitness) else to_plain(witness)

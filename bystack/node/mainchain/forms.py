"""Headers, blocks, transactions and coins as JSON, with Bitcoin Core's field names.

Ids are hex in the order of their bytes. Amounts are integers of base units under `units`, and
under `value` decimal where the number of decimals is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bystack.ledger.amounts import BTM, BTM_DECIMALS
from bystack.ledger.coins import Coin
from bystack.ledger.transactions import (
    DepositLock,
    Lock,
    Outpoint,
    Output,
    PolicyLock,
    Transaction,
)
from bystack.mainchain.actions import is_coinbase
from bystack.mainchain.blocks import Header
from bystack.mainchain.chain import Entry, median_time
from bystack.mainchain.params import Params
from bystack.mainchain.work import target_of
from bystack.node import amounts_text
from bystack.primitives.addresses import DEPOSIT, POLICY, Address, encode_address
from bystack.primitives.codec import encode
from bystack.primitives.plain import to_plain

Json = dict[str, Any]


def address_of(lock: Lock, hrp: str) -> str | None:
    """The address that pays to a lock, if it has one."""
    match lock:
        case PolicyLock(root):
            return encode_address(Address(hrp, POLICY, root))
        case DepositLock(vault, note):
            return encode_address(Address(hrp, DEPOSIT, vault + note))
        case _:
            return None


def difficulty(header: Header, params: Params) -> float:
    """How many times harder than the network's easiest target the header's is."""
    return target_of(params.target_limit) / target_of(header.target)


def header_form(
    entry: Entry, params: Params, *, confirmations: int, following: bytes | None
) -> Json:
    """A header; `confirmations` is -1 beside the chain."""
    header = entry.header
    form: Json = {
        "hash": header.id.hex(),
        "confirmations": confirmations,
        "height": header.height,
        "version": header.version,
        "merkleroot": header.transaction_root.hex(),
        "witnessroot": header.witness_root.hex(),
        "historyroot": header.history_root.hex(),
        "time": header.time,
        "mediantime": median_time(entry),
        "nonce": header.nonce.hex(),
        "bits": f"{header.target:08x}",
        "difficulty": difficulty(header, params),
        "chainwork": entry.work.hex(),
        "nTx": header.transaction_count,
    }
    if header.height:
        form["previousblockhash"] = header.previous.hex()
    if following is not None:
        form["nextblockhash"] = following.hex()
    return form


def output_form(output: Output, hrp: str) -> Json:
    """An output or coin: asset, amount, lock, and its address if it has one."""
    form: Json = {
        "asset": "BTM" if output.asset == BTM else output.asset.hex(),
        "units": output.amount,
        "lock": to_plain(output.lock),
    }
    if output.asset == BTM:
        form["value"] = amounts_text.show(output.amount, BTM_DECIMALS)
    address = address_of(output.lock, hrp)
    return form if address is None else {**form, "address": address}


def transaction_form(tx: Transaction, params: Params) -> Json:
    """A transaction: its ids, inputs with witnesses, outputs, actions, and its bytes in hex."""
    body, inputs = tx.body, len(tx.body.inputs)
    spends = zip(body.inputs, tx.witnesses[:inputs], strict=False)
    actions = zip(body.actions, tx.witnesses[inputs:], strict=False)
    return {
        "txid": tx.id.hex(),
        "hash": tx.witness_id.hex(),
        "version": body.version,
        "size": tx.size,
        "coinbase": is_coinbase(tx),
        "vin": [
            {"txid": place.transaction.hex(), "vout": place.index, "witness": to_plain(witness)}
            for place, witness in spends
        ],
        "vout": [
            {"n": index, **output_form(output, params.hrp)}
            for index, output in enumerate(body.outputs)
        ],
        "actions": [{**to_plain(action), "witness": to_plain(w)} for action, w in actions],
        "valid_from": body.valid_from,
        "valid_until": body.valid_until,
        "memo": body.memo.hex(),
        "hex": encode(tx).hex(),
    }


def coin_form(coin: Coin, params: Params, *, height: int, best: bytes) -> Json:
    """What `gettxout` says of an unspent coin; height 0 stands for one not in a block yet."""
    return {
        "bestblock": best.hex(),
        "confirmations": height - coin.height + 1 if coin.height <= height else 0,
        **output_form(coin.output, params.hrp),
        "unit": coin.unit,
        "coinbase": bool(coin.coinbase),
        "height": coin.height,
    }


def coins_form(coins: Sequence[tuple[Outpoint, Coin]], params: Params) -> list[Json]:
    """Coins with their places, as in `getvault`."""
    return [
        {
            "txid": place.transaction.hex(),
            "vout": place.index,
            "height": coin.height,
            **output_form(coin.output, params.hrp),
        }
        for place, coin in coins
    ]

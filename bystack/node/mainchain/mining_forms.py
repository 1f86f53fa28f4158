"""How RPC shows a miner the next block: fields after BIPs 22 and 23, amounts in 10**-8 BTM."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from bystack.mainchain.actions import coinbase_action
from bystack.mainchain.blocks import HEADER_TAG, VERSION, Block
from bystack.mainchain.chain import Entry, median_time, next_peaks, next_target
from bystack.mainchain.params import Params, subsidy_at
from bystack.mainchain.work import target_of
from bystack.node.mainchain.forms import Json
from bystack.node.mainchain.mining import Contents
from bystack.node.mainchain.templates import work_id
from bystack.primitives.codec import encode
from bystack.primitives.merkle import merkle_prove
from bystack.primitives.mountain import mountain_root

CAPABILITIES: Final = ("longpoll", "proposal", "workid")
MUTABLE: Final = ("time", "transactions", "prevblock", "coinbase", "submit/truncate")


def longpoll_id(holds: Contents) -> str:
    """What a miner gives back to be told of better: the tip it builds on and the fees it has."""
    return f"{holds.parent.id.hex()}-{holds.fees}"


def contents_form(holds: Contents, params: Params, now: int, extra: bytes) -> Json:
    """The next block without its coinbase, with all that one needs to make it."""
    parent, height = holds.parent, holds.parent.header.height + 1
    bits = next_target(parent, params)
    return {
        "capabilities": list(CAPABILITIES),
        "mutable": list(MUTABLE),
        "rules": [],
        "version": VERSION,
        "height": height,
        "previousblockhash": parent.id.hex(),
        "historyroot": mountain_root(next_peaks(parent)).hex(),
        "transactions": _transactions(holds),
        "coinbasevalue": subsidy_at(height, params) + holds.fees,
        "coinbaseaction": encode(coinbase_action(height, extra)).hex(),
        **_branches(holds),
        "target": f"{target_of(bits):064x}",
        "bits": f"{bits:08x}",
        "mintime": median_time(parent) + 1,
        "maxtime": now + params.tolerance,
        "curtime": max(now, median_time(parent) + 1),
        "noncerange": "0" * 16 + "f" * 16,
        "weightlimit": params.max_weight,
        "blschecklimit": params.max_bls_checks,
        "work": params.work,
        "seed": parent.seed.hex(),
        "headertag": f"bystack/{HEADER_TAG}",
        "longpollid": longpoll_id(holds),
    }


def _transactions(holds: Contents) -> list[Json]:
    """`depends` counts from 1, as BIP 22 has it."""
    places = {one.tx.id: at for at, one in enumerate(holds.chosen, 1)}
    return [
        {
            "data": encode(one.tx).hex(),
            "txid": one.tx.id.hex(),
            "hash": one.tx.witness_id.hex(),
            "depends": sorted(
                {places[p.transaction] for p in one.tx.body.inputs if p.transaction in places}
            ),
            "fee": one.fee,
            "weight": one.weight,
            "blschecks": one.bls_checks,
        }
        for one in holds.chosen
    ]


def _branches(holds: Contents) -> Json:
    """The siblings of the coinbase in both trees, from the leaf up: it stands to their left."""
    ids = [bytes(32), *(one.tx.id for one in holds.chosen)]
    witnesses = [bytes(32), *(one.tx.witness_id for one in holds.chosen)]
    return {
        "transactionbranch": [node.hex() for node in merkle_prove(ids, 0).path],
        "witnessbranch": [node.hex() for node in merkle_prove(witnesses, 0).path],
    }


def header_form(block: Block) -> Json:
    """A block to be searched: its coinbase, and its header with the nonce as last eight bytes."""
    coinbase = block.transactions[0]
    return {
        "header": encode(block.header).hex(),
        "workid": work_id(block.header),
        "coinbasetxn": {
            "data": encode(coinbase).hex(),
            "txid": coinbase.id.hex(),
            "hash": coinbase.witness_id.hex(),
        },
    }


def hash_rate(entries: Sequence[Entry]) -> float:
    """Digests a second that the work of these entries after the first took, by their times."""
    times = [entry.header.time for entry in entries]
    if len(entries) < 2 or max(times) == min(times):
        return 0.0
    works = [int.from_bytes(entry.work, "big") for entry in (entries[0], entries[-1])]
    return (works[1] - works[0]) / (max(times) - min(times))

"""A sidechain's block as rows: header and body, and what the node says its pegs did in it.

Coins that the chain itself gave out stand in no transaction's outputs: the events `given` and
`payments` tell them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from bystack.client.indexing.columns import BlockRows, Row
from bystack.client.indexing.locks import address_of, output_row
from bystack.client.indexing.mainchain import input_rows, transaction_row
from bystack.client.indexing.texts import key, plain, plain_facts, whole
from bystack.ledger.transactions import Output, PolicyLock, Transaction, decode_transaction
from bystack.primitives.errors import Invalid
from bystack.sidechain.action_kinds import BURN, CLAIM
from bystack.sidechain.actions import decode_action
from bystack.sidechain.blocks import decode_body, decode_header
from bystack.sidechain.burns import Burn
from bystack.sidechain.claims import Claim
from bystack.sidechain.records import pegout_id

Event = Mapping[str, Any]
GIVEN = ("given", "payments")


class BlockForeign(Invalid):
    """The block is of another chain than the one that is followed."""


def asset_rows(assets: Sequence[Mapping[str, Any]]) -> list[Row]:
    """Rows of `assets` for those that a sidechain takes, as `getsidechaininfo` lists them."""
    return [
        (
            str(one["asset"]), plain(str(one["name"])), None, int(one["decimals"]),
            bool(one["fungible"]), None, None, None, None,
        )
        for one in assets
    ]  # fmt: skip


class SideRows:
    """Rows of one block after another.

    `chain`: its id, 32 bytes. Its addresses begin with `hrp`, those of the main chain with `main`.
    """

    def __init__(self, chain: bytes, hrp: str, main: str) -> None:
        self._chain, self._hrp, self._main = chain, hrp, main
        self._rows: dict[str, list[Row]] = {}

    def block(self, head: bytes, data: bytes, events: Sequence[Event]) -> BlockRows:
        """The rows of a header, a body and the block's events.

        Raises the codec's errors, and `BlockForeign`.
        """
        header, transactions, self._rows = decode_header(head), decode_body(data).transactions, {}
        if header.chain != self._chain:
            raise BlockForeign(chain=header.chain, expected=self._chain)
        height, id, previous = header.height, header.id.hex(), header.parent.hex()
        sizes = (len(transactions), len(data))
        who = (None, header.epoch, header.proposer)
        self._add("blocks", (height, id, previous, header.time, *sizes, *who))
        payouts = {e["id"]: e["payout"] for e in events if e["event"] == "pegout"}
        for position, tx in enumerate(transactions):
            self._transaction(height, position, tx, payouts)
        for position, event in enumerate(events):
            self._event(height, position, event)
        return BlockRows(height, id, previous, self._rows, len(head) + len(data))

    def _add(self, table: str, *rows: Row) -> None:
        self._rows.setdefault(table, []).extend(rows)

    def _transaction(
        self, height: int, position: int, tx: Transaction, payouts: Mapping[str, int]
    ) -> None:
        size, id = len(tx.encoded()), tx.id.hex()
        self._add("transactions", transaction_row(height, position, tx, size))
        self._add("inputs", *input_rows(height, tx))
        made = enumerate(tx.body.outputs)
        self._add("outputs", *(output_row(height, id, n, one, self._hrp) for n, one in made))
        for number, action in enumerate(tx.body.actions):
            if action.kind == BURN:
                burned = decode_action(action)
                self._burn(height, tx, number, burned, payouts)
            elif action.kind == CLAIM:
                self._claim(height, tx, decode_action(action))

    def _burn(
        self, height: int, tx: Transaction, number: int, burn: Burn, payouts: Mapping[str, int]
    ) -> None:
        id = pegout_id(self._chain, tx.id, number).hex()
        to = address_of(burn.destination, self._main)
        back = address_of(PolicyLock(burn.refund), self._hrp)
        what = (burn.asset.hex(), burn.amount, payouts.get(id))
        self._add("burns", (height, tx.id.hex(), number, id, *what, to, back))

    def _claim(self, height: int, tx: Transaction, claim: Claim) -> None:
        deposit = decode_transaction(claim.inclusion.proof.transaction)
        taken, (given,) = deposit.body.outputs[claim.index], tx.body.outputs
        place = (deposit.id.hex(), claim.index)
        what = (taken.asset.hex(), taken.amount, taken.amount - given.amount)
        to = address_of(given.lock, self._hrp)
        self._add("claims", (height, tx.id.hex(), *place, *what, to))

    def _event(self, height: int, position: int, event: Event) -> None:
        name, facts = str(event["event"]), {k: v for k, v in event.items() if k != "event"}
        if name in GIVEN:
            self._given(height, facts)
        state, asset = facts.get("state"), facts.get("asset")
        amount = whole(facts.get("payout" if name == "pegout" else "amount"))
        told = (key(name), key(_subject(facts)), key(state), key(asset), amount)
        said = msgspec.json.encode(plain_facts(facts)).decode()
        self._add("peg_events", (height, position, *told, said))

    def _given(self, height: int, facts: Mapping[str, Any]) -> None:
        for number, (asset, amount, root) in enumerate(facts.get("coins", ()), facts["first"]):
            output = Output(bytes.fromhex(asset), amount, PolicyLock(bytes.fromhex(root)))
            self._add("outputs", output_row(height, facts["id"], number, output, self._hrp))


def _subject(facts: Mapping[str, Any]) -> str | None:
    match facts:
        case {"id": str(id)}:
            return id
        case {"outpoint": [str(id), int(index)]}:
            return f"{id}:{index}"
        case {"outpoint": {"transaction": str(id), "index": int(index)}}:
            return f"{id}:{index}"
        case {"seq": int(seq)}:
            return str(seq)
        case _:
            return None

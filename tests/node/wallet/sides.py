"""A sidechain's process played in this one: blocks to follow, coins to ask for, a pool."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from functools import cache
from typing import Any

import trio

from bystack.ledger.accounts import RECEIVE, Place
from bystack.ledger.amounts import BTM
from bystack.ledger.coins import Coin
from bystack.ledger.transactions import Outpoint, Transaction, decode_transaction
from bystack.node.ipc import RemoteError
from bystack.node.mainchain.signals import Signal
from bystack.node.wallet.chains import Chain
from bystack.primitives.codec import decode, encode
from bystack.sidechain.blocks import Body, Header
from tests.ledger.people import Person
from tests.mainchain.builders import EASY
from tests.node.wallet.people import KEY
from tests.sidechain.mainside import vault_chain
from tests.sidechain.world import genesis_for


@cache
def trade() -> Chain:
    genesis = genesis_for(vault_chain())
    return Chain("trade", genesis.id, genesis.hrp, EASY, genesis)


@cache
def me() -> Person:
    """The first address of our account there."""
    return Person(trade().account(KEY).secret(Place(RECEIVE, 0)))


def header(height: int) -> Header:
    empty = bytes(32)
    return Header(
        1, trade().id, height, 0, height, empty, empty, empty, empty, 0, empty, empty, empty,
        empty, empty, b"", 0,
    )  # fmt: skip


class FakeSide:
    """Answers the socket of the sidechain; `refuse` names the rule by which the pool refuses, and
    `lost` says that it has nothing of ours; `least` is the smallest deposit; `ends` is what happens
    when a payment was taken."""

    def __init__(self) -> None:
        self.bodies: list[tuple[Transaction, ...]] = []
        self.coins: dict[Outpoint, Coin] = {}
        self.pool: list[Transaction] = []
        self.refuse = ""
        self.lost = False
        self.least: int | None = None
        self.ends: Callable[[], None] | None = None
        self.changed = Signal()
        self.streams = {"blocks": self.blocks, "pool": self.waiting}

    def block(self, *transactions: Transaction) -> None:
        self.bodies.append(transactions)
        self.changed.notify()

    async def handle(self, method: str, params: list[Any]) -> Any:
        match method, params:
            case "status", []:
                return {"height": len(self.bodies), "id": header(len(self.bodies)).id}
            case "coins", [list(places)]:
                found = [self.coins.get(decode(Outpoint, place, 64)) for place in places]
                return [None if coin is None else encode(coin) for coin in found]
            case "rpc", ["getrawmempool", *_]:
                return [] if self.lost else [tx.id.hex() for tx in self.pool]
            case "rpc", ["getsidechaininfo", *_] if self.least is not None:
                return {"peg_numbers": [{"asset": BTM.hex(), "pegin_minimum": self.least}]}
            case "submit", [bytes(data)]:
                return self._submit(decode_transaction(data))
        raise RemoteError(-32601, method)

    def _submit(self, tx: Transaction) -> bytes:
        if self.refuse:
            raise RemoteError(-26, self.refuse, {"rule": self.refuse})
        if tx not in self.pool:
            self.pool.append(tx)
        if self.ends is not None:
            self.ends()
        return tx.id

    async def blocks(self, method: str, params: list[Any]) -> AsyncIterator[Any]:
        at = int(params[0])
        while True:
            while at <= len(self.bodies):
                body = encode(Body(b"", self.bodies[at - 1]))
                yield ["block", at, encode(header(at)), b"", body, []]
                at += 1
            await self.changed.wait()

    async def waiting(self, method: str, params: list[Any]) -> AsyncIterator[Any]:
        """The pool as it is when somebody begins to listen, and nothing more."""
        for tx in list(self.pool):
            yield ["add", tx.id, encode(tx)]
        await trio.sleep_forever()

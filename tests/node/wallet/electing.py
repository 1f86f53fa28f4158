"""The process of a sidechain that elects, played in this one over the real rules."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import trio

from bystack.ledger.amounts import BTM
from bystack.ledger.transactions import (
    Outpoint,
    Output,
    PolicyLock,
    Transaction,
    decode_transaction,
)
from bystack.node.ipc import RemoteError, serve
from bystack.node.mainchain.signals import Signal
from bystack.node.wallet.chains import Chain
from bystack.node.wallet.keeper import Keeper
from bystack.node.wallet.registry import wallet_methods
from bystack.primitives.addresses import decode_address
from bystack.primitives.codec import decode, encode
from bystack.primitives.errors import Invalid
from bystack.sidechain.modules.base import read_only
from tests.ledger.people import CAROL
from tests.mainchain.builders import EASY
from tests.sidechain.elections import Elected, elected


class PlayedSide:
    """Each transaction handed in is in the next block, or refused by its rule."""

    def __init__(self, world: Elected) -> None:
        self.world, self.changed = world, Signal()
        self.streams = {"blocks": self.blocks, "pool": self.waiting}

    def block(self, *transactions: Transaction) -> None:
        self.world.block(*transactions)
        self.changed.notify()

    def turn(self) -> None:
        self.world.turn()
        self.changed.notify()

    async def handle(self, method: str, params: list[Any]) -> Any:
        side = self.world.side
        match method, params:
            case "status", []:
                return {"height": side.header.height, "id": side.header.id}
            case "coins", [list(places)]:
                found = [side.coins.get(decode(Outpoint, place, 64)) for place in places]
                return [None if coin is None else encode(coin) for coin in found]
            case "module", [str(name), str(query), list(given)]:
                module = next(one for one in side.modules.modules if one.name == name)
                return module.query(read_only(side.state, name), query, given)
            case "rpc", ["getrawmempool", *_]:
                return []
            case "submit", [bytes(data)]:
                return self._submit(decode_transaction(data))
        raise RemoteError(-32601, method)

    def _submit(self, tx: Transaction) -> bytes:
        try:
            self.block(tx)
        except Invalid as error:
            raise RemoteError(-26, str(error), {"rule": error.rule}) from None
        return tx.id

    async def blocks(self, method: str, params: list[Any]) -> AsyncIterator[Any]:
        at = max(1, int(params[0]))
        while True:
            while at <= len(self.world.side.blocks):
                built = self.world.side.blocks[at - 1]
                events = [[event.name, event.facts] for event in built.executed.events]
                yield ["block", at, encode(built.header), b"", encode(built.body), events]
                at += 1
            await self.changed.wait()

    async def waiting(self, method: str, params: list[Any]) -> AsyncIterator[Any]:
        while True:
            await trio.sleep_forever()
            yield []


class Purses:
    """Wallets on that chain, and the chain."""

    def __init__(self, side: PlayedSide, keeper: Keeper, chain: Chain) -> None:
        self.side, self.keeper, self.chain = side, keeper, chain
        self._methods = wallet_methods(keeper)

    async def rpc(self, method: str, *params: Any, wallet: str = "") -> Any:
        given = [method, list(params), "admin", self.chain.name, wallet]
        return await self._methods.answer(given)

    async def fund(self, amount: int, wallet: str = "") -> str:
        """An address of a wallet, with coins."""
        address = str(await self.rpc("getnewaddress", wallet=wallet))
        await self.pay(address, amount)
        return address

    async def pay(self, address: str, amount: int) -> None:
        root = decode_address(address, self.chain.hrp).payload
        output = Output(BTM, amount, PolicyLock(root))
        self.side.block(self.side.world.transact(CAROL, (output,)))


@asynccontextmanager
async def purses(tmp_path: Path, *names: str) -> AsyncIterator[Purses]:
    """Wallets with these names."""
    world = elected()
    chain = Chain("trade", world.genesis.id, world.genesis.hrp, EASY, world.genesis)
    side = PlayedSide(world)
    async with trio.open_nursery() as nursery:
        await nursery.start(serve, chain.socket, side.handle, side.streams)
        keeper = Keeper(str(tmp_path / "data"), EASY, lambda: (chain,), nursery)
        keeper.cheap = True
        made = Purses(side, keeper, chain)
        for name in names:
            await made.rpc("createwallet", name)
        try:
            yield made
        finally:
            await keeper.close()
            nursery.cancel_scope.cancel()

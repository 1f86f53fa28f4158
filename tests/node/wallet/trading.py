"""Wallets on a sidechain with a registry and an exchange, played in this process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import trio

from bystack.ledger.amounts import BTM
from bystack.ledger.transactions import Output, PolicyLock
from bystack.node.ipc import serve
from bystack.node.wallet.chains import Chain
from bystack.node.wallet.keeper import Keeper
from bystack.primitives.addresses import decode_address
from tests.ledger.people import CAROL
from tests.mainchain.builders import EASY
from tests.node.wallet.electing import PlayedSide, Purses
from tests.sidechain.mainside import GOLD
from tests.sidechain.markets import trading


class Traders(Purses):
    """Those wallets, and the chain."""

    async def give(self, wallet: str, amount: int, asset: bytes = BTM) -> str:
        """An address of a wallet, with coins of Carol's."""
        address = str(await self.rpc("getnewaddress", wallet=wallet))
        root = decode_address(address, self.chain.hrp).payload
        output = Output(asset, amount, PolicyLock(root))
        self.side.block(self.side.world.transact(CAROL, (output,), asset=asset))
        return address

    async def units(self, wallet: str, asset: str = "BTM") -> int:
        """What a wallet can spend of an asset."""
        found = (await self.rpc("getbalances", wallet=wallet))["mine"]
        return int(found[asset]["units"]) if asset in found else 0


@asynccontextmanager
async def traders(tmp_path: Path, *names: str) -> AsyncIterator[Traders]:
    """Wallets with these names, each with 400 BTM and 200 GOLD."""
    world = trading()
    chain = Chain("trade", world.genesis.id, world.genesis.hrp, EASY, world.genesis)
    side = PlayedSide(world)  # type: ignore[arg-type]
    async with trio.open_nursery() as nursery:
        await nursery.start(serve, chain.socket, side.handle, side.streams)
        keeper = Keeper(str(tmp_path / "data"), EASY, lambda: (chain,), nursery)
        keeper.cheap = True
        made = Traders(side, keeper, chain)
        for name in names:
            await made.rpc("createwallet", name)
            await made.give(name, 400)
            await made.give(name, 200, GOLD)
        try:
            yield made
        finally:
            await keeper.close()
            nursery.cancel_scope.cancel()

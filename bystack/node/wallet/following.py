"""Following a chain's process: block by block into the purse, back on a reorganisation.

The process may be down, come back, or be another one than before; the purse says where it stands
and the stream begins there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import structlog
import trio

from bystack.ledger.coins import Coin, Delta
from bystack.ledger.transactions import Outpoint, Transaction
from bystack.mainchain.blocks import decode_block
from bystack.node.ipc import Client, Reconnecting, RemoteError, Unavailable
from bystack.node.mainchain.signals import Signal
from bystack.node.wallet.purse import Purse
from bystack.primitives.codec import decode, encode
from bystack.sidechain.actions import ANCHOR, MODULE_KINDS, PENDING, SYSTEM_OUTPUTS
from bystack.sidechain.blocks import decode_body, decode_header

MAX_COIN: Final = 64_000
SAVE_EVERY: Final = 500
PAUSE: Final = 0.2
GIVEN_OUT: Final = 64

log = structlog.get_logger("wallet")


class Follower:
    """Keeps one purse at its chain's tip; `moved` tells whenever it went on."""

    def __init__(self, purse: Purse) -> None:
        self.purse = purse
        self.client = Reconnecting(purse.chain.socket)
        self.moved = Signal()

    async def run(self) -> None:
        """Follow until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.client.run)
            while True:
                await self.client.wait_connected()
                try:
                    await self._follow()
                except (Unavailable, RemoteError) as error:
                    log.info("chain lost", chain=self.purse.chain.name, reason=str(error))
                self.purse.caught_up = False
                await trio.sleep(PAUSE)

    async def reach(self, height: int) -> None:
        """Return once the purse stands at `height` or above."""
        while self.purse.wallet.height < height:
            await self.moved.wait()

    async def _follow(self) -> None:
        if self.purse.chain.genesis is None:
            await self._follow_main()
        else:
            await self._follow_sidechain()

    async def _follow_main(self) -> None:
        async with self.client.stream("blocks", self.purse.locator()) as items:
            async for item in items:
                match item:
                    case ["connect", int(height), bytes(id), bytes(data)]:
                        block = decode_block(data)
                        self.purse.connect(height, id, block.transactions, time=block.header.time)
                    case ["disconnect", int(height), bytes(id)]:
                        if not self.purse.disconnect(height, id):
                            log.warning("reading the chain again", chain="main", height=height)
                            return self.purse.restart()
                    case ["tip", *_]:
                        await self._at_tip()
                await self._went_on()

    async def _follow_sidechain(self) -> None:
        wallet = self.purse.wallet
        tip = await self._tip()
        async with self.client.stream("blocks", wallet.height + 1) as items:
            async for item in items:
                match item:
                    case ["block", int(height), bytes(data), _, bytes(body), *_]:
                        header, transactions = decode_header(data), decode_body(body).transactions
                        more = await self._given_out(height, transactions)
                        self.purse.connect(height, header.id, transactions, more, header.time)
                await self._went_on()
                if wallet.height >= tip:
                    await self._at_tip()

    async def _tip(self) -> int:
        status: dict[str, Any] = await self.client.call("status")
        return int(status["height"])

    async def _went_on(self) -> None:
        if self.purse.wallet.height % SAVE_EVERY == 0:
            await self.purse.save()
        self.moved.notify()

    async def _at_tip(self) -> None:
        self.purse.caught_up = True
        await self.resubmit()
        await self.purse.save()

    async def resubmit(self) -> None:
        """Hand in payments that no block has yet; those refused are given up."""
        for tx in list(self.purse.open.values()):
            try:
                await self.client.call("submit", encode(tx))
            except RemoteError as error:
                log.warning("payment given up", id=tx.id.hex(), reason=error.rule or str(error))
                self.purse.given_up(tx)

    async def _given_out(self, height: int, transactions: Sequence[Transaction]) -> Delta:
        """Coins that a sidechain itself gave out (refunds, repaid sponsors): asked for by place."""
        places = [
            Outpoint(tx.id, SYSTEM_OUTPUTS * (position + 1) + number)
            for tx in transactions
            for position, action in enumerate(tx.body.actions)
            if action.kind in (ANCHOR, PENDING) or action.kind >= MODULE_KINDS
            for number in range(GIVEN_OUT)
        ]
        if not places:
            return Delta({}, {})
        answers = await self.client.call("coins", [encode(place) for place in places])
        coins = zip(places, answers, strict=True)
        return Delta({}, {p: decode(Coin, data, MAX_COIN) for p, data in coins if data})


async def submit(client: Reconnecting | Client, tx: Transaction) -> bytes:
    """Hand a transaction to its chain's process; its id."""
    answer: bytes = await client.call("submit", encode(tx))
    return answer

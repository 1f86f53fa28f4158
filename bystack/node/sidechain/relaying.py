"""Relaying by this node: follows its main chain, and proves to the sidechain what it lacks.

A light main chain is told what the vault is watched by, and gives of each block the transactions
that touch it: all that a relayer reads.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Final

import structlog
import trio

from bystack.ledger.candidates import FeeNotHigher
from bystack.ledger.mempool import AlreadyPooled
from bystack.mainchain.blocks import Block, decode_block
from bystack.node.ipc import RemoteError, Unavailable
from bystack.node.mainchain.signals import Signal
from bystack.node.rpc import IN_WARMUP
from bystack.node.sidechain.mainline import MainLine
from bystack.node.sidechain.pooling import Pooling
from bystack.node.sidechain.recalling import Recalling
from bystack.node.sidechain.store import SideStore
from bystack.node.store.storage import View
from bystack.primitives.errors import Invalid
from bystack.sidechain.actions import system_transaction
from bystack.sidechain.holdings import Holdings, Row
from bystack.sidechain.peg_numbers import PegNumbers, in_force
from bystack.sidechain.relay import RelayView
from bystack.sidechain.relayed import MAX_KNOWN
from bystack.sidechain.relayer import Relayer, Want
from bystack.sidechain.state import SystemState
from bystack.sidechain.sums import retired

PAUSE: Final = 0.5
KEPT_EVERY: Final = 100
"""Blocks, of many, after which it is asked whether they are to be kept."""

log = structlog.get_logger("relay")


class Relaying:
    """Runs one `Relayer`; `changed` wakes it after final blocks.

    `path`: the file in which it keeps what it read of the main chain, empty for none.
    """

    def __init__(
        self, store: SideStore, pooling: Pooling, main: MainLine, changed: Signal, path: str = ""
    ) -> None:
        self._store, self._pooling, self._main, self._changed = store, pooling, main, changed
        self._relayer = Relayer(store.genesis)
        self._holdings = Holdings(store.genesis)
        self._caught_up = False
        self._moved = Signal()
        self._recalling = Recalling(path, store.genesis)
        self._known = self._recalling.resume(self._relayer, self._holdings, store.height)

    async def run(self) -> None:
        """Relay until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._main.client.run)
            nursery.start_soon(self._follow)
            nursery.start_soon(self._watch)
            await self._prove()

    # For others

    def reserves(self, snapshot: View) -> tuple[int, dict[bytes, Row]]:
        """The main-chain height that the law is checked at, and its terms by asset.

        `snapshot` is one of the store. Raises `RemoteError` (-28) while this node's main chain does
        not reach that far.
        """
        state = SystemState(self._store.base(snapshot).state)
        height = self._relayer.proved_up_to(state)
        if not self._caught_up or height > self._holdings.height:
            raise RemoteError(IN_WARMUP, "this node's main chain is not that far yet; wait")
        if not self._relayed(state, height):
            raise RemoteError(IN_WARMUP, "this node's main chain is not the relayed one; wait")
        return height, self._holdings.reserves(state, height, partial(retired, state))

    def _relayed(self, state: SystemState, height: int) -> bool:
        """Whether the own chain and the relayed one are the same at a height, as far as known."""
        view, own = RelayView(state), dict(self._known).get(height)
        return own is None or not view.holds(height) or view.at(height).id == own

    def sight(self, seq: int) -> tuple[int, int]:
        """Heights of a batch's order and of the end of its delay on this main chain, -1 for none.

        What is not mined is not told apart from what this node has not read yet.
        """
        order = self._relayer.order_at(seq)
        return (-1, -1) if order is None else (order[0], self._relayer.resolved_at(order[1]))

    # The main chain

    async def _follow(self) -> None:
        while True:
            await self._main.client.wait_connected()
            try:
                await self._read()
            except (Unavailable, RemoteError) as error:
                log.info("main chain lost", reason=str(error))
            await trio.sleep(PAUSE)

    async def _read(self) -> None:
        checkpoint = self._store.genesis.checkpoint
        first = (checkpoint.header.height, checkpoint.id)
        locator = [list(place) for place in (*reversed(self._known), first)]
        status = await self._main.client.call("status")
        watched = [self._holdings.watched()] if status.get("mode") == "light" else []
        async with self._main.client.stream("blocks", locator, *watched) as items:
            async for item in items:
                await self._take(item)

    async def _take(self, item: list[Any]) -> None:
        match item:
            case ["connect", int(height), bytes(id), bytes(data)]:
                self._connect(height, decode_block(data))
                self._known = [*self._known[1 - MAX_KNOWN :], (height, id)]
                self._recalling.moved()
                if height % KEPT_EVERY == 0:
                    await self._keep()
            case ["disconnect", int(height), _]:
                self._forget(height)
                self._relayer.disconnect(height)
                self._holdings.disconnect(height)
                self._recalling.moved()
            case ["tip", *_]:
                self._main.work = (await self._main.client.call("status"))["work"]
                self._caught_up = True
                await self._keep()
                self._moved.notify()
                self._pooling.waiting.notify()

    async def _keep(self) -> None:
        height = self._store.height
        await self._recalling.keep(self._relayer, self._holdings, self._known, height)

    def _connect(self, height: int, block: Block) -> None:
        self._forget(height)
        self._relayer.connect(height, block)
        self._holdings.connect(height, block)

    def _forget(self, height: int) -> None:
        self._known = [place for place in self._known if place[0] < height]

    # The sidechain

    async def _watch(self) -> None:
        while True:
            await self._changed.wait()
            self._moved.notify()

    async def _prove(self) -> None:
        while True:
            await self._round()
            await self._moved.wait()

    async def _round(self) -> None:
        """Everything that can be proved on the present state."""
        waiting = self._pooling.proving()
        with self._store.snapshot() as snapshot:
            state = SystemState(self._store.base(snapshot).state)
            self._relayer.settle(state, waiting)
            wanted = self._relayer.wanted(state)
            for want in wanted:
                if not await self._submit(want, in_force(state)):
                    self._relayer.failed(want, state)
            await self._detach(state)

    async def _detach(self, state: SystemState) -> None:
        """Prove a reorganisation below the relay's window, which stops the pegs."""
        try:
            departure = await self._main.departure(state)
            if departure is not None:
                log.error("relay detached", fork=departure.fork.header.height)
                await self._pooling.submit(system_transaction(departure))
        except (AlreadyPooled, FeeNotHigher):
            return
        except (Unavailable, RemoteError, Invalid) as error:
            log.info("detachment not proved", reason=str(error))

    async def _submit(self, want: Want, numbers: PegNumbers) -> bool:
        try:
            inclusion = await self._main.inclusion(want)
            tx = None if inclusion is None else self._relayer.transaction(want, inclusion, numbers)
            if tx is not None:
                await self._pooling.submit(tx)
        except (AlreadyPooled, FeeNotHigher):
            return True  # somebody else's proof of the same waits
        except (Unavailable, RemoteError, Invalid) as error:
            log.info("not proved", proof=want.proof.name, reason=str(error))
            return False
        if tx is not None:
            log.info("proof sent", proof=want.proof.name, transaction=tx.id.hex())
        return tx is not None

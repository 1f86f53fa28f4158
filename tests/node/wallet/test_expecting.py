"""Payments that wait: a request is followed by the next without a gap, and by nothing stale."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, cast

import pytest
import trio
import trio.testing

from bystack.ledger.transactions import Output, PolicyLock, Transaction, TransactionBody
from bystack.node.ipc import Reconnecting
from bystack.node.mainchain.signals import Signal
from bystack.node.wallet import expecting
from bystack.node.wallet.expecting import expect
from bystack.node.wallet.purse import Purse
from bystack.primitives.codec import encode
from tests.node.mainchain.network import until

OURS = bytes([1]) * 32


def paying(memo: bytes, root: bytes = OURS) -> Transaction:
    output = Output(bytes(32), 1, PolicyLock(root))
    return Transaction(TransactionBody(1, (), (output,), (), 0, 0, memo), ())


class Pool:
    """Answers requests as the test says; `wait_connected` as `Reconnecting`."""

    def __init__(self) -> None:
        self.asked: list[trio.MemorySendChannel[list[list[Any]]]] = []

    async def wait_connected(self) -> None:
        await trio.lowlevel.checkpoint()

    @asynccontextmanager
    async def stream(
        self, method: str, roots: list[bytes]
    ) -> AsyncIterator[trio.MemoryReceiveChannel[list[list[Any]]]]:
        send, receive = trio.open_memory_channel[list[list[Any]]](10)
        self.asked.append(send)
        with receive:
            yield receive


class Scene:
    """A wallet of one address that listens to a pool."""

    def __init__(self) -> None:
        self.pool, self.widened = Pool(), Signal()
        self.places = {OURS: 0}
        wallet = SimpleNamespace(
            book=SimpleNamespace(places=self.places),
            place=lambda lock: self.places.get(lock.root),
        )
        self.purse = SimpleNamespace(wallet=wallet, expected={}, open={})

    async def run(self) -> None:
        purse = cast(Purse, self.purse)
        await expect(purse, cast(Reconnecting, cast(object, self.pool)), self.widened)

    async def tell(self, request: int, *events: list[Any]) -> None:
        await self.pool.asked[request].send([*events])
        await trio.testing.wait_all_tasks_blocked()

    async def asks_again(self, request: int) -> None:
        """A new address is handed out, and the pool asked, though it does not answer yet."""
        self.places[bytes([len(self.places) + 1]) * 32] = 0
        self.widened.notify()
        await asked(self, request)
        await trio.sleep(5 * expecting.SETTLED)


async def asked(scene: Scene, request: int) -> None:
    await until(lambda: len(scene.pool.asked) > request)


def added(tx: Transaction) -> list[Any]:
    return ["add", tx.id, encode(tx)]


def told(scene: Scene) -> set[bytes]:
    return set(scene.purse.expected)


async def _changing(scene: Scene) -> None:
    stays, leaves, lost = paying(b"stays"), paying(b"leaves"), paying(b"lost")
    await trio.sleep(2 * expecting.SETTLED)
    await scene.tell(0, *map(added, (stays, leaves, lost, paying(b"", bytes(32)))))
    await scene.asks_again(1)
    await scene.tell(0, ["remove", leaves.id])  # heard, as the second request is not answered yet
    assert told(scene) == {stays.id, lost.id}
    await scene.tell(1, added(stays))  # what left between the two is told of by neither
    await trio.sleep(2 * expecting.SETTLED)
    assert told(scene) == {stays.id}
    await scene.tell(1, ["remove", stays.id])
    assert told(scene) == set()


def test_until_a_wider_request_is_answered_the_last_is_heard() -> None:
    scene = Scene()

    async def main() -> None:
        with trio.fail_after(1_000):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(scene.run)
                await _changing(scene)
                nursery.cancel_scope.cancel()

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


def test_a_flood_of_dust_is_shown_up_to_a_bound_and_a_wider_request_keeps_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(expecting, "MAX_EXPECTED", 3)
    scene, dust = Scene(), [paying(b"%d" % number) for number in range(9)]

    async def main() -> None:
        with trio.fail_after(1_000):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(scene.run)
                await trio.sleep(2 * expecting.SETTLED)
                await scene.tell(0, *map(added, dust))
                assert told(scene) == {tx.id for tx in dust[:3]}
                await scene.asks_again(1)
                await scene.tell(1, *map(added, dust))
                await trio.sleep(2 * expecting.SETTLED)
                assert told(scene) == {tx.id for tx in dust[:3]}
                nursery.cancel_scope.cancel()

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


def test_a_pool_that_ends_the_stream_is_asked_again_after_a_pause() -> None:
    scene = Scene()

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(scene.run)
            for request in range(3):
                await asked(scene, request)
                await scene.tell(request, added(paying(b"")))
                assert told(scene)
                scene.pool.asked[request].close()
                await trio.testing.wait_all_tasks_blocked()
                assert not told(scene)
            assert trio.current_time() >= 2 * expecting.PAUSE
            nursery.cancel_scope.cancel()

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))

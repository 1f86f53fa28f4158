"""A member looks at final blocks once validators are through with them, and at many at once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import pairwise
from types import SimpleNamespace
from typing import Any, cast

import trio
import trio.testing

from bystack.node.federation.events import Event, SideFinal
from bystack.node.federation.following import SETTLE_SECONDS, TICK_SECONDS, follow_side
from bystack.node.federation.links import Links
from bystack.node.ipc import Unavailable

APART = 10 * SETTLE_SECONDS


class Side:
    """A sidechain's process: three blocks lie there, two come, and the line breaks once."""

    def __init__(self) -> None:
        self.began = list[int]()
        self.came = dict[int, float]()

    async def wait_connected(self) -> None:
        await trio.lowlevel.checkpoint()

    async def call(self, method: str) -> Any:
        assert method == "status"
        return {"first": 1, "height": 3 if not self.began else 5}

    async def stream(self, name: str, start: int) -> AsyncIterator[list[Any]]:
        self.began.append(start)
        for height in (1, 2, 3, 4, 5):
            await trio.sleep(APART if height > 3 else 0)
            self.came[height] = trio.current_time()
            yield [name, height, b"header", b"certificate"]
        if len(self.began) == 1:
            raise Unavailable("the process ended")
        await trio.sleep_forever()


def test_blocks_settle_and_what_waits_is_looked_at_together() -> None:
    side, heard = Side(), dict[int, float]()

    async def play() -> None:
        send, receive = trio.open_memory_channel[Event](0)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(follow_side, cast(Links, SimpleNamespace(side=side)), send)
            for _ in range(5):
                event = await receive.receive()
                assert isinstance(event, SideFinal)
                heard[event.height] = trio.current_time()
            await trio.sleep(2 * TICK_SECONDS)  # the line breaks, and is taken up again
            assert side.began == [1, 1]
            nursery.cancel_scope.cancel()

    trio.run(play, clock=trio.testing.MockClock(autojump_threshold=0))
    assert heard[1] == heard[2] == heard[3], "what lay there is looked at together"
    waited = [heard[height] - side.came[height] for height in (4, 5)]
    assert all(0 < one < APART / 2 for one in waited)
    assert all(early < late for early, late in pairwise(heard[height] for height in (3, 4, 5)))

"""Rooms: a process that shows no sign of life holds nobody for long, and nobody else at all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio
import trio.testing

from bystack.node.ipc import PING, Unanswered, Unavailable
from bystack.node.web.rooms import BEAT_SECONDS, BEATS, Deaf, GivenUp, Rooms

LONG = BEAT_SECONDS * (BEATS + 3)


class Process:
    """Answers pings while it is awake; every other call takes for ever."""

    def __init__(self) -> None:
        self.awake, self.pings = trio.Event(), 0

    async def call(self, method: str, *params: Any, timeout: float = 0) -> Any:
        assert method == PING
        self.pings += 1
        await self.awake.wait()


def run(body: Callable[[Rooms, Process], Awaitable[None]]) -> None:
    """On a clock that stands while anybody works: a beat lasts as long as it says."""

    async def main() -> None:
        rooms, process = Rooms(lambda: 2), Process()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(rooms.watch, lambda label: process)
            await body(rooms, process)
            nursery.cancel_scope.cancel()

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


def test_a_deaf_process_is_given_up_then_refused_then_asked_again() -> None:
    async def body(rooms: Rooms, process: Process) -> None:
        room, begun = rooms.of("sidechain-trade"), trio.current_time()
        for _ in range(2):
            with pytest.raises(Unanswered, match="sidechain-trade shows no sign of life"):
                await room.within(trio.sleep_forever)
            room.deaf = False
        assert trio.current_time() - begun < 3 * LONG
        room.deaf = True
        with pytest.raises(Deaf, match="see bystack status"):
            await room.within(trio.sleep_forever)
        process.awake.set()
        await trio.sleep(2 * BEAT_SECONDS)
        assert not room.deaf
        assert await room.within(answer) == 5

    run(body)


async def answer() -> int:
    return 5


def test_those_that_wait_for_room_are_given_up_too() -> None:
    async def body(rooms: Rooms, process: Process) -> None:
        ends = list[Exception]()

        async def ask() -> None:
            try:
                await rooms.of("wallet").within(trio.sleep_forever)
            except Unavailable as error:
                ends.append(error)

        async with trio.open_nursery() as nursery:
            for _ in range(5):
                nursery.start_soon(ask)
        assert [type(one) for one in ends] == [GivenUp] * 5

    run(body)


def test_slow_work_of_a_living_process_goes_on() -> None:
    async def body(rooms: Rooms, process: Process) -> None:
        process.awake.set()

        async def slow() -> int:
            await trio.sleep(10 * LONG)
            return 7

        assert await rooms.of("wallet").within(slow) == 7
        assert process.pings > BEATS

    run(body)


def test_nobody_is_asked_for_life_while_nothing_waits() -> None:
    async def body(rooms: Rooms, process: Process) -> None:
        assert await rooms.of("wallet").within(answer) == 5
        await trio.sleep(LONG)
        assert process.pings == 0

    run(body)

"""The engine's timers on a mock clock."""

from __future__ import annotations

import trio
import trio.testing

from bystack.node.sidechain.voting.timers import Timers
from bystack.sidechain.consensus.events import Timer, TimerKind


def timer(kind: TimerKind, height: int = 1, view: int = 0) -> Timer:
    return Timer(kind, height, view)


def fired_after(act: object) -> list[tuple[Timer, int]]:
    """What fires when, in milliseconds, once `act` has set timers."""
    fired: list[tuple[Timer, int]] = []

    def now() -> int:
        return round(trio.current_time() * 1000)

    async def main() -> None:
        timers, start = Timers(now), now()

        async def note(one: Timer) -> None:
            fired.append((one, now() - start))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(timers.run, note)
            await act(timers, start)  # type: ignore[operator]
            await trio.sleep(10)
            nursery.cancel_scope.cancel()

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    return fired


VIEW, RETRY = timer(TimerKind.VIEW), timer(TimerKind.RETRY)


def test_each_fires_once_at_its_time_in_order() -> None:
    async def act(timers: Timers, start: int) -> None:
        timers.set(VIEW, start + 1500)
        timers.set(RETRY, start + 400)

    assert fired_after(act) == [(RETRY, 400), (VIEW, 1500)]


def test_setting_it_again_replaces_it() -> None:
    async def act(timers: Timers, start: int) -> None:
        timers.set(VIEW, start + 1500)
        await trio.sleep(1)
        timers.set(VIEW, start + 3000)

    assert fired_after(act) == [(VIEW, 3000)]


def test_a_time_that_has_passed_fires_at_once() -> None:
    async def act(timers: Timers, start: int) -> None:
        await trio.sleep(1)
        timers.set(VIEW, start)

    assert fired_after(act) == [(VIEW, 1000)]


def test_heights_that_are_final_and_what_is_cleared_do_not_fire() -> None:
    async def act(timers: Timers, start: int) -> None:
        for height in range(1, 5):
            timers.set(timer(TimerKind.VIEW, height), start + 100 * height)
        timers.passed(2)
        await trio.sleep(0.35)
        timers.clear()

    assert fired_after(act) == [(timer(TimerKind.VIEW, 3), 300)]

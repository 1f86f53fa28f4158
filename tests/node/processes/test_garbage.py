"""Cycles are found by the clock, however few there are."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
import trio
import trio.testing

from bystack.node.processes import garbage
from bystack.node.processes.garbage import PAUSE, WHOLE, YOUNG, collect_at_times, collect_seldom


class Cycle:
    """Freed by no count."""

    def __init__(self) -> None:
        self.own = self


@pytest.fixture(autouse=True)
def _collector() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)
    gc.unfreeze()


@pytest.mark.parametrize(("generation", "pauses"), [(0, 1), (2, WHOLE)])
def test_a_cycle_is_freed_within_a_pause_and_an_old_one_within_ten(
    generation: int, pauses: int
) -> None:
    gc.disable()  # as a role's process is while it imports
    collect_seldom()
    assert gc.isenabled() and gc.get_threshold()[0] == YOUNG

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(collect_at_times)
            cycle = Cycle()
            dead = weakref.ref(cycle)
            for older in range(generation):
                gc.collect(older)  # it survives, and is of the next generation
            del cycle
            await trio.sleep((pauses - 0.5) * PAUSE)
            assert dead() is not None
            await trio.sleep(PAUSE)
            assert dead() is None
            nursery.cancel_scope.cancel()

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


def test_free_memory_goes_back_where_the_library_can(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = list[int]()
    glibc, musl = SimpleNamespace(malloc_trim=kept.append), SimpleNamespace()
    for library in (glibc, musl):
        loaded = SimpleNamespace(CDLL=lambda name, library=library: library)
        monkeypatch.setattr(garbage, "ctypes", loaded)
        collect_seldom()
    assert kept == [0]

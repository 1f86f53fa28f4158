"""How often the interpreter looks for cycles: seldom, for what a node makes is freed by counting.

A full block is a hundred thousand small objects, nearly none of which is ever in a cycle. Python
would look at them after every 700; after every 50,000 it still took a tenth of what a sidechain's
node did under load. So only what is far beyond a block's waves has it look at once, and else the
clock: a process at rest must not gather for hours what no count will ever free.
"""

from __future__ import annotations

import ctypes
import gc
from itertools import count
from typing import Final

import trio

YOUNG: Final = 500_000
"""Objects made and not yet freed before the young ones are looked at: some 50 MB at the worst."""
TIMES: Final = 5
PAUSE: Final = 60.0
"""Seconds after which the young ones are looked at anyway."""
WHOLE: Final = 10
"""After so many pauses all that is not older than the process's start is looked at."""


def collect_seldom() -> None:
    """Set the collector for a long-lived process, once everything is imported."""
    gc.collect()
    gc.freeze()
    give_back()
    gc.set_threshold(YOUNG, TIMES, TIMES)
    gc.enable()


async def collect_at_times() -> None:
    """Look for cycles by the clock until cancelled: tens of milliseconds under load, few idle."""
    for number in count(1):
        await trio.sleep(PAUSE)
        gc.collect(1 if number % WHOLE else 2)
        if not number % WHOLE:
            give_back()


def give_back() -> None:
    """Return to the system what is free between the objects in use, where glibc offers it.

    By itself it returns only what lies at the heap's end; importing leaves some 700 kB of holes.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)

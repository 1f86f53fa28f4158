"""How often the interpreter looks for cycles: seldom, for what a node makes is freed by counting.

A full block is a hundred thousand small objects, nearly none of which is ever in a cycle; looking
at them after every 700 took a tenth of the time that connecting the block took.
"""

from __future__ import annotations

import gc
from typing import Final

YOUNG: Final = 50_000
"""Objects made and not yet freed before the young ones are looked at."""
TIMES: Final = 20


def collect_seldom() -> None:
    """Set the collector for a long-lived process, once everything is imported."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, TIMES, TIMES)

"""Reading a chain again from a height on, beside what is known: begun, given up, gone on with.

The wallet is wound back to that height with the transactions it knows, and follows from there. What
it knew of later blocks is laid aside until the tip is reached; so a rescan that is given up ends
where it began, and one that was killed goes on.
"""

from __future__ import annotations

from bystack.node.wallet.purse import Purse
from bystack.node.wallet.stored import ScanRecord


def begin(purse: Purse, height: int, id: bytes) -> None:
    """Read again what follows block `id` at `height` (0 and nothing: everything)."""
    wallet, newest = purse.wallet, next(iter(purse.locator()), (0, b""))
    if purse.scan is None:
        purse.scan = ScanRecord(height, wallet.height, newest[1])
    for place, record in wallet.history.items():
        if record.height > height:
            purse.aside[place] = record
    # Without their transactions the records before `height` could not be followed up to it.
    purse.wind_back(height if purse.complete else 0, id)


def give_up(purse: Purse) -> bool:
    """Stand again where the wallet stood before; False when no rescan is under way."""
    if purse.scan is None:
        return False
    known = {**purse.aside, **purse.wallet.history}
    purse.wallet.history.clear()
    for place in sorted(known):
        purse.wallet.history[place] = known[place]
    purse.wind_back(purse.scan.height, purse.scan.id)
    purse.scan = None
    purse.aside.clear()
    return True


def progress(purse: Purse, target: int) -> float:
    """How much of the way to `target` is done, from 0 to 1."""
    start = purse.scan.start if purse.scan else 0
    return min(1.0, max(0.0, (purse.wallet.height - start) / max(1, target - start)))

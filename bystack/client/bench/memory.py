"""What cached coins take: a million of them, and as many passed through a cache that is bounded.

Anonymous memory of a fresh process, as the kernel counts it; the floor is what the cache itself
counts, by which it keeps within its bound.
"""

from __future__ import annotations

import subprocess
import sys

import msgspec

from bystack.client.bench.caching import Taken
from bystack.client.bench.frame import Measured, Show

MILLION = 1_000_000
WIDE_MB = 1_000_000
MB = 10**6
MIB = 1024 * 1024


def measure(show: Show, *, count: int = MILLION, bound: int = 64) -> Measured:
    """Megabytes (10**6 bytes) of a million coins; memory of a cache of `bound` MiB to its bound."""
    show(f"caching {count} coins")
    whole = _run(WIDE_MB, count)
    show(f"passing them through a cache of {bound} MiB")
    bounded = _run(bound, count)
    share = MILLION / max(whole.coins, 1) / MB
    return Measured(
        {
            "million_coins_mb": whole.anonymous * share,
            "bytes_per_coin": whole.anonymous / max(whole.coins, 1),
            "lookups_per_second": whole.lookups_per_second,
            "bounded_mb": bounded.anonymous / MB,
            "bounded_coins": bounded.coins,
        },
        {"million_coins_counted_mb": whole.counted * share, "bound_mb": bound * MIB / MB},
        {
            "taken_to_counted": whole.anonymous / whole.counted,
            "bounded_to_bound": bounded.anonymous / (bound * MIB),
        },
    )


def _run(cache_mb: int, count: int) -> Taken:
    """Fill a cache in a fresh process."""
    module = "bystack.client.bench.caching"
    command = [sys.executable, "-m", module, str(cache_mb), str(count)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    return msgspec.json.decode(done.stdout, type=Taken)

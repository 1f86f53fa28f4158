"""The reserves law over many random steps: `scripts/soak law`, 1 at a violation with its trace.

A history is 200 steps long; `--first 300` begins with another seed. What fails prints every step of
its history, and the seed that plays it again.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from tests.sidechain.governed import Governed

LENGTH = 200


def play(seed: int) -> tuple[Counter[str], str]:
    """One history: what was done, and its trace where the law, or anything, failed."""
    with tempfile.TemporaryDirectory(prefix="bystack-law-") as disk:
        history = Governed(seed, deep=seed % 4 != 0, disk=Path(disk) / "store")
        try:
            history.run(LENGTH)
        except Exception:
            again = f"seed {seed}: --first {seed} --steps 1"
            return history.did, "\n".join([*history.trace, traceback.format_exc(), again])
        return history.did, ""


def played(first: int, count: int, jobs: int) -> Iterator[tuple[Counter[str], str]]:
    """Histories in the order of their seeds, here or in processes."""
    seeds = range(first, first + count)
    if jobs == 0:
        yield from map(play, seeds)
        return
    with ProcessPoolExecutor(jobs) as pool:
        yield from pool.map(play, seeds, chunksize=4)


def main() -> int:
    """0 if the law held throughout."""
    parser = argparse.ArgumentParser(prog="scripts/soak law", description=__doc__)
    parser.add_argument("--steps", type=int, default=100_000)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--jobs", type=int, default=2, help="processes; 0: none beside this one")
    asked = parser.parse_args()
    did, count = Counter[str](), -(-asked.steps // LENGTH)
    for number, (done, failure) in enumerate(played(asked.first, count, asked.jobs), 1):
        did += done
        if failure:
            print(f"\n{failure}", file=sys.stderr)
            return 1
        print(f"\rthe law held: {number * LENGTH} steps", end="", flush=True)
    print()
    print(", ".join(f"{name} {times}" for name, times in did.most_common()))
    return 0


if __name__ == "__main__":
    sys.exit(main())

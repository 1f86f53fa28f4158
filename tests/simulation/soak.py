"""The long run: many seeds and all Twins scenarios, with progress, resumable, 1 at a violation.

`scripts/soak --seeds 5000` runs fewer; `--first 40000` goes on where a run was interrupted. The
transcript of the first violation is printed with the command that plays it again.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from tests.simulation.scenarios import bls_world, games, grouped_world, twins, world
from tests.simulation.twins import TOTAL

CHUNK = 200


def seed_chunk(first: int, count: int) -> None:
    """Seeds on the hash scheme; of every hundred one with real signatures, two of the adversary,
    and five with gateways.
    """
    for seed in range(first, first + count):
        world(seed).run()
        if seed % 100 == 0:
            bls_world(seed).run()
        if seed % 50 == 0:
            games(seed)
        if seed % 20 == 0:
            grouped_world(seed).run()


def twins_chunk(first: int, count: int) -> None:
    """Twins scenarios in a row."""
    for number in range(first, first + count):
        twins(number).run()


def chunks(first: int, end: int) -> Iterator[tuple[int, int]]:
    """Ranges of at most `CHUNK`: (first, count)."""
    for at in range(first, end, CHUNK):
        yield at, min(CHUNK, end - at)


def go_through(
    name: str, work: Callable[[int, int], None], parts: Iterable[tuple[int, int]], jobs: int | None
) -> None:
    """Run all parts, in processes if there are jobs; raises what the first that fails raised."""
    for end in ran_here(work, parts) if jobs == 0 else ran_apart(work, parts, jobs):
        print(f"\r{name}: {end} done", end="", flush=True)
    print()


def ran_here(work: Callable[[int, int], None], parts: Iterable[tuple[int, int]]) -> Iterator[int]:
    """The end of each part as it is done, in this process."""
    for at, count in parts:
        work(at, count)
        yield at + count


def ran_apart(
    work: Callable[[int, int], None], parts: Iterable[tuple[int, int]], jobs: int | None
) -> Iterator[int]:
    """The end of each part as it is done, in processes of their own."""
    with ProcessPoolExecutor(jobs) as pool:
        running = [(at + count, pool.submit(work, at, count)) for at, count in parts]
        for end, done in running:
            try:
                done.result()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
            yield end


def main(arguments: list[str]) -> int:
    """What the options say; 1 at a violation."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=100_000, help="how many (default 100,000)")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--twins", type=int, default=TOTAL, help="how many scenarios")
    parser.add_argument("--first-twins", type=int, default=0, help="the first of them")
    parser.add_argument(
        "--jobs", type=int, default=None, help="processes (default: one a core, 0: none)"
    )
    given = parser.parse_args(arguments)
    run = partial(go_through, jobs=given.jobs)
    try:
        run("seeds", seed_chunk, chunks(given.first, given.first + given.seeds))
        end = min(TOTAL, given.first_twins + given.twins)
        run("twins", twins_chunk, chunks(given.first_twins, end))
    except AssertionError as broken:
        print(f"\n{broken}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        told = "go on by --first, or --seeds 0 --first-twins, with the number shown"
        print(f"\nstopped: {told}", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

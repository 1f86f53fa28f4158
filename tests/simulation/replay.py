"""Shows who said what to whom in one world: `python -m tests.simulation.replay SEED`.

`--twins N` plays a scenario of the Twins enumeration, `--bls SEED` one with real signatures,
`--gateways SEED` one with gateways, `--games SEED` those of the adversary that owns the network.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable

from tests.simulation.adversary import Arena
from tests.simulation.monitor import Violation
from tests.simulation.scenarios import arenas, bls_world, grouped_world, twins, world
from tests.simulation.simulator import Simulation
from tests.simulation.transcript import Transcript
from tests.simulation.twins import Twins

World = Simulation | Twins | Arena


def main(arguments: list[str]) -> int:
    """Play it again, all of its transcript on the way out; 1 if a property broke."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seed", type=int, help="the seed or number")
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--twins", action="store_true", help="the number of a Twins scenario")
    kind.add_argument("--bls", action="store_true", help="a seed with real signatures")
    kind.add_argument("--gateways", action="store_true", help="a seed with gateways")
    kind.add_argument("--games", action="store_true", help="a seed of the adversary")
    return max(show(one) for one in worlds(parser.parse_args(arguments)))


def worlds(given: argparse.Namespace) -> Iterable[World]:
    """What was asked for."""
    if given.games:
        return arenas(given.seed)
    if given.twins:
        return [twins(given.seed)]
    make = bls_world if given.bls else grouped_world if given.gateways else world
    return [make(given.seed)]


def described(played: World) -> str:
    """What a world was subjected to."""
    match played:
        case Simulation():
            return played.described
        case Twins():
            return str(played.scenario)
        case _:
            return str(played)


def show(played: World) -> int:
    """Run a world and print what happened in it."""
    monitor = played.monitor
    monitor.transcript = Transcript(monitor.schedule.member, latest=None)
    verdict, code = "every property holds", 0
    try:
        played.run()
    except Violation as broken:
        verdict, code = str(broken).splitlines()[-3], 1
    print("\n".join(monitor.transcript.lines()))
    print(described(played))
    print(f"{verdict}; convicted: {sorted(monitor.guilty) or 'nobody'}")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

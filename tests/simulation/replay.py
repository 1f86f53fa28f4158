"""Shows who said what to whom in one world: `python -m tests.simulation.replay SEED`.

`--twins N` plays a scenario of the Twins enumeration, `--bls SEED` one with real signatures.
"""

from __future__ import annotations

import argparse
import sys

from tests.simulation.monitor import Violation
from tests.simulation.scenarios import bls_world, twins, world
from tests.simulation.simulator import Simulation
from tests.simulation.transcript import Transcript
from tests.simulation.twins import Twins


def main(arguments: list[str]) -> int:
    """Play it again, all of its transcript on the way out; 1 if a property broke."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seed", type=int)
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--twins", action="store_true", help="the number of a Twins scenario")
    kind.add_argument("--bls", action="store_true", help="a seed with real signatures")
    given = parser.parse_args(arguments)
    make = twins if given.twins else bls_world if given.bls else world
    return show(make(given.seed))


def show(played: Simulation | Twins) -> int:
    """Run a world and print what happened in it."""
    played.monitor.transcript = Transcript(latest=None)
    verdict, code = "every property holds", 0
    try:
        played.run()
    except Violation as broken:
        verdict, code = str(broken).splitlines()[-3], 1
    print("\n".join(played.monitor.transcript.lines()))
    print(played.plan if isinstance(played, Simulation) else played.scenario)
    print(f"{verdict}; convicted: {sorted(played.monitor.guilty) or 'nobody'}")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""The real supervisor over dummy roles, in a home given as argument."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

import trio

from bystack.node.config import Config, load_config
from bystack.node.processes import logs
from bystack.node.processes.child import Restarts
from bystack.node.processes.plan import RoleSpec, plan
from bystack.node.processes.supervisor import Supervisor, lock_home

ROLE = str(Path(__file__).with_name("dummy_role.py"))


def specs(config: Config) -> tuple[RoleSpec, ...]:
    """The real plan, with the dummy in the place of every role."""
    patience = float(os.environ.get("PATIENCE", "120"))
    return tuple(
        replace(spec, argv=(sys.executable, ROLE, spec.role, *_given(spec)), patience=patience)
        for spec in plan(config)
    )


def _given(spec: RoleSpec) -> tuple[str, ...]:
    return spec.argv[spec.argv.index("-m") + 2 :]


def main() -> None:
    home = sys.argv[1]
    os.umask(0o077)
    lock_home(home)
    os.chdir(home)
    config = load_config(".")
    logs.configure("bystackd", config.log)
    restarts = Restarts(most=int(os.environ.get("MOST", "10")), grace=2.0, beat=0.3)
    node = Supervisor(specs(config), config, replan=specs, restarts=restarts)
    trio.run(node.run)


if __name__ == "__main__":
    main()

"""The group `bystack federation`, and which commands stand in it."""

from __future__ import annotations

import click

from bystack.client.cli.federation import (
    charter,
    governing,
    joining,
    keys,
    launch,
    log,
    policy,
    reserves,
    status,
    year,
)


@click.group()
def federation() -> None:
    """A membership of the federation NAME (of the sidechain of that name)."""


COMMANDS: tuple[click.Command, ...] = (
    status.status,
    status.pending,
    joining.init,
    joining.join,
    keys.keygen,
    keys.refresh,
    keys.rotate,
    joining.add,
    joining.remove,
    launch.genesis,
    governing.pause,
    governing.unpause,
    governing.govern,
    governing.propose,
    governing.vote,
    governing.proposals,
    governing.members,
    governing.freezes,
    governing.report,
    year.simulate_year,
    charter.charter,
    policy.requests,
    policy.approve,
    policy.reject,
    policy.policy,
    log.log,
    reserves.audit,
)

for command in COMMANDS:
    federation.add_command(command)

"""`--wait`: every stage on standard error as it comes, until it is over or Ctrl-C."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Final

import click

from bystack.client.cli.conventions import harmless
from bystack.client.patience import hushed
from bystack.client.watching import PAUSE, Stage, stages

INTERRUPTED: Final = 130
"""The exit code of shells for a command ended by Ctrl-C."""

wait_option = click.option("--wait", is_flag=True, help="Tell every stage until it is done.")


def follow(look: Callable[[], Stage], again: str, pause: float = PAUSE) -> None:
    """Tell every stage; exit code 1 for an end that nobody wanted, 130 for Ctrl-C.

    `again`: the command that watches it once more; nothing depends on watching.
    """
    try:
        with ExitStack() as told:
            for stage in stages(look, pause):
                click.echo(harmless(stage.says), err=True)
                told.enter_context(hushed())  # what it waits for stands there now
                if stage.failed:
                    raise click.exceptions.Exit(1)
    except KeyboardInterrupt:
        gone = "Watched no longer; the money goes on by itself, and nothing is sent twice."
        click.echo(f"{gone}\nNext: {again}", err=True)
        raise click.exceptions.Exit(INTERRUPTED) from None

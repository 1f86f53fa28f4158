"""Names that a shell finishes: the chains of the home that is meant. Never fails, at worst none."""

from __future__ import annotations

import os
from pathlib import Path

import click

from bystack.client.destinations import MAIN
from bystack.node.config import ConfigErrors, load_config


def sidechain_names(context: click.Context, parameter: click.Parameter, begun: str) -> list[str]:
    """The sidechains in the configuration of --home, $BYSTACK_HOME or ~/.bystack."""
    home = context.params.get("home") or os.environ.get("BYSTACK_HOME") or "~/.bystack"
    try:
        named = [one.name for one in load_config(Path(str(home)).expanduser()).sidechain]
    except (ConfigErrors, OSError, RuntimeError):
        return []
    return [name for name in named if name.startswith(begun)]


def chain_names(context: click.Context, parameter: click.Parameter, begun: str) -> list[str]:
    """The sidechains, and `main`."""
    main = [MAIN] if MAIN.startswith(begun) else []
    return main + sidechain_names(context, parameter, begun)

"""The home that a command of `bystackd` is about, and how such a command ends."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

import click

from bystack.node.config import Config, ConfigErrors, load_config

DEFAULT_HOME = "~/.bystack"

home_option = click.option(
    "--home",
    default=DEFAULT_HOME,
    envvar="BYSTACK_HOME",
    show_default=True,
    show_envvar=True,
    type=click.Path(file_okay=False),
    help="Directory of this node: configuration, keys, data.",
)


def expanded(home: str) -> str:
    """The home as an absolute path."""
    return os.path.abspath(os.path.expanduser(home))


def end(text: str, code: int) -> NoReturn:
    """Say why on standard error, and exit: 1 it failed, 2 the configuration is wrong."""
    click.echo(text, err=True)
    sys.exit(code)


def load(home: str) -> Config:
    """The home's configuration; every error of it, and exit 2, when it has any."""
    try:
        return load_config(home)
    except ConfigErrors as error:
        end(str(error), 2)

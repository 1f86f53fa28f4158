"""The home that a command of `bystackd` is about, and how such a command ends."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any, NoReturn

import click
import msgspec

from bystack.node.config import Config, ConfigErrors, load_config

DEFAULT_HOME = "~/.bystack"
UNANSWERED = "nobody said yes, and nothing was done; answer y, or give --yes"

home_option = click.option(
    "--home",
    default=DEFAULT_HOME,
    envvar="BYSTACK_HOME",
    show_default=True,
    show_envvar=True,
    type=click.Path(file_okay=False),
    help="Directory of this node: configuration, keys, data.",
)


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")


def agreed(question: str) -> None:
    """Ask; a no, and nobody there to answer, raise what says that nothing was done."""
    try:
        click.confirm(question, abort=True, err=True)
    except click.Abort:
        raise click.ClickException(UNANSWERED) from None


def expanded(home: str) -> str:
    """The home as an absolute path."""
    return os.path.abspath(os.path.expanduser(home))


def enter(home: str) -> None:
    """Go into a home that is there; exit 2 where none is."""
    try:
        os.chdir(expanded(home))
    except OSError as error:
        text = f"{expanded(home)}: {error.strerror}; name the node's home with --home"
        end(f"{text} or BYSTACK_HOME, or make one with bystackd init", 2)


def tell(facts: Mapping[str, Any], sentence: str, *, as_json: bool) -> None:
    """What a command has done: the facts as JSON, or a sentence about them."""
    body = msgspec.json.format(msgspec.json.encode(facts)).decode() if as_json else sentence
    click.echo(body)


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

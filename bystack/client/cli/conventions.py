"""What every command shares: the home option, tables or JSON, errors as one sentence."""

from __future__ import annotations

import errno
import functools
import sys
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar, cast

import click
import msgspec

from bystack.client.cli.refusals import refusal
from bystack.client.destinations import WrongDestination
from bystack.client.rpc import NodeDown, Rpc, RpcFailed, Waited

PATIENCE = 15.0
WIDE = 400

F = TypeVar("F", bound=Callable[..., Any])

home_option = click.option(
    "--home",
    default="~/.bystack",
    envvar="BYSTACK_HOME",
    show_default=True,
    show_envvar=True,
    help="Home of the node to talk to.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
name_argument = click.argument("name")


def node(home: str) -> Rpc:
    """The node whose home this is."""
    return Rpc(Path(home).expanduser(), PATIENCE)


def guarded(command: F) -> F:
    """Errors as one sentence and exit code 1."""

    @functools.wraps(command)
    def run(*arguments: Any, **options: Any) -> Any:
        try:
            return command(*arguments, **options)
        except RpcFailed as error:
            click.echo(harmless(refusal(error)), err=True)
        except (NodeDown, Waited, WrongDestination) as error:
            click.echo(str(error), err=True)
        except OSError as error:
            if error.filename is None:  # no file's fault; click itself ends on a closed pipe
                raise
            click.echo(f"{error.filename}: {error.strerror}; {_cure(error)}", err=True)
        sys.exit(1)

    return cast(F, run)


def _cure(error: OSError) -> str:
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return "make room on the disk"
        case errno.ENOENT | errno.ENOTDIR | errno.EISDIR:
            return "give the path of a file that is there"
        case _:
            return "choose a file or folder that you may read and write"


def show(value: Any, *, as_json: bool) -> None:
    """A result: JSON, a table for lists of objects, lines for an object, else as it is."""
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(value)).decode())
        return
    match value:
        case [dict(), *_]:
            _table(value)
        case dict():
            for name, one in value.items():
                if name != "warning" or one:  # there is none
                    click.echo(f"{name}: {_plain(one)}")
        case []:
            click.echo("none")
        case list():
            for one in value:
                click.echo(_plain(one))
        case _:
            click.echo(_plain(value))


def tell(facts: Mapping[str, Any], sentence: str, *, as_json: bool) -> None:
    """What a command has done: the facts as JSON, or a sentence about them."""
    if as_json:
        show(facts, as_json=True)
    else:
        click.echo(harmless(sentence))


def _plain(value: Any) -> str:
    match value:
        case float():
            return format(Decimal(repr(value)), "f")
        case dict():
            return "  ".join(f"{name} {_plain(one)}" for name, one in value.items())
        case list():
            return " ".join(_plain(one) for one in value)
        case _:
            return harmless(str(value))


def aligned(facts: Mapping[str, Any]) -> str:
    """Names and what they stand for as a table of two columns; what is empty or 0 is left out."""
    rows = {name: _plain(one) for name, one in facts.items() if one}
    width = max(map(len, rows), default=0)
    return "\n".join(f"{name:{width}}  {one}" for name, one in rows.items())


def harmless(text: str) -> str:
    """Text for a terminal: a stranger chose an asset's unit, and it may not steer what is read."""
    return "".join(one if one.isprintable() or one == "\n" else ascii(one)[1:-1] for one in text)


def _table(rows: Sequence[Mapping[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for name in rows[0]:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(_plain(value) for value in row.values()))
    # Ids stay whole where nobody looks: a pipe has no width.
    width = None if sys.stdout.isatty() else WIDE
    Console(highlight=False, width=width).print(table)

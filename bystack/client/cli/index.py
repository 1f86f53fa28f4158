"""`bystack index`: a chain of a running node followed into PostgreSQL."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, Final

import click
from click.core import ParameterSource

from bystack.client.cli.conventions import (
    guarded,
    harmless,
    home_option,
    json_option,
    node,
    tell,
)
from bystack.client.cli.following import INTERRUPTED
from bystack.client.indexing.columns import Place
from bystack.client.indexing.following import FinalChanged, Indexer, Step
from bystack.client.indexing.reaching import SAY, DatabaseDown, DatabaseRefused
from bystack.client.indexing.source import MAIN, NodeSource, Unreadable
from bystack.client.patience import hushed

if TYPE_CHECKING:
    from bystack.client.indexing.postgres import Database

VARIABLE: Final = "BYSTACK_DATABASE"
LONGEST_NAME: Final = 63
"""Bytes of a name that PostgreSQL keeps."""


@click.command("index")
@click.option(
    "--database",
    required=True,
    envvar=VARIABLE,
    show_envvar=True,
    metavar="ADDRESS",
    help=f"{SAY}, or service=NAME.",
)
@click.option("--chain", default=MAIN, show_default=True, help="main, or a sidechain's name.")
@click.option("--schema", help="Where the tables go in the database.  [default: the chain's name]")
@click.option(
    "--from",
    "first",
    type=click.IntRange(1, 2**53),
    default=1,
    show_default=True,
    help="First height; counts when the tables are begun.",
)
@click.option("--once", is_flag=True, help="End at the tip, instead of following it.")
@home_option
@json_option
@click.pass_context
@guarded
def index(
    context: click.Context,
    database: str,
    chain: str,
    schema: str | None,
    first: int,
    once: bool,
    home: str,
    as_json: bool,
) -> None:
    """Keep a chain's blocks, transactions, coins and pegs as tables in PostgreSQL.

    It follows the node until it is stopped, and goes on where it was when it is started again,
    however it ended. What a reorganisation takes back leaves the tables.

    \b
    bystack index --database postgresql:///chains
    bystack index --database postgresql://ann@db/chains --chain trade --once

    The password comes from PGPASSWORD, ~/.pgpass or a service file, never from the command line.
    """
    if len((schema or chain).encode()) > LONGEST_NAME or not (schema or chain):
        raise click.UsageError(f"--schema: 1 to {LONGEST_NAME} bytes")
    try:
        tables, source = _tables(context, database), NodeSource(node(home), chain)
        held = tables(database, schema or chain, source.identity)
        _run(Indexer(source, held, _tell), held, first, once, as_json)
    except (DatabaseDown, DatabaseRefused, FinalChanged, Unreadable) as error:
        raise click.ClickException(harmless(str(error))) from None


def _tables(context: click.Context, database: str) -> type[Database]:
    """What keeps the tables; raises where the driver is missing, or a password shows."""
    try:
        from bystack.client.indexing.postgres import Database, password_in
    except ImportError as error:
        text = "PostgreSQL needs a driver; install it with: pip install 'bystack[postgres]'"
        raise click.ClickException(text) from error
    source = context.get_parameter_source("database")
    if password_in(database) and source is ParameterSource.COMMANDLINE:
        text = "other people of this machine see a password on a command line: put it into"
        raise click.UsageError(f"{text} PGPASSWORD or ~/.pgpass, or the address into {VARIABLE}")
    return Database


def _run(indexer: Indexer, tables: Any, first: int, once: bool, as_json: bool) -> None:
    try:
        if not once:
            _tell(f"follows {indexer.identity.name} until Ctrl-C")
        with nullcontext() if once else hushed():
            behind = indexer.run(first, once=once) is Step.BEHIND
        chain, place = indexer.identity.name, tables.place
        facts = {"chain": chain, "height": place.height if place.id else None}
        says = f"{chain}: {_reached(place, behind)}"
        tell({**facts, "node_behind": behind}, says, as_json=as_json)
    except KeyboardInterrupt:
        _tell(f"stopped after block {tables.place.height}; the same command goes on there")
        sys.exit(INTERRUPTED)
    finally:
        tables.close()


def _reached(place: Place, behind: bool) -> str:
    if not place.id:
        return f"no block yet, for the node's chain ends before height {place.height + 1}"
    return f"blocks up to {place.height}" + "; the node is behind that" * behind


def _tell(text: str) -> None:
    click.echo(harmless(text), err=True)

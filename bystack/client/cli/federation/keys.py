"""The life of the group key: its generation."""

from __future__ import annotations

import click

from bystack.client.cli.conventions import (
    guarded,
    home_option,
    json_option,
    name_argument,
    node,
    show,
)


@click.command("keygen")
@name_argument
@click.option("--attempt", default=0, show_default=True, help="Count up after an aborted attempt.")
@home_option
@json_option
@guarded
def keygen(name: str, attempt: int, home: str, as_json: bool) -> None:
    """Take part in generating the group key. Every member's operator runs this once.

    Next: bystack federation status NAME shows `keygen: done` and the key.
    """
    show(node(home).federation(name, "keygen", attempt), as_json=as_json)

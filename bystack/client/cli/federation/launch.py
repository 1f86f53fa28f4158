"""From a founded vault to the sidechain that it serves."""

from __future__ import annotations

import tomllib
from pathlib import Path

import click
import tomli_w

from bystack.client.cli.conventions import guarded, home_option, name_argument, node


@click.command("genesis")
@name_argument
@click.argument("spec", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
@home_option
@guarded
def genesis(name: str, spec: Path, out: Path, home: str) -> None:
    """Build the sidechain's genesis from what SPEC (TOML) says, and write it to OUT.

    Every member builds it; the ids must be the same. configs/sidechain.spec.toml is an example,
    with engine, assets, validators and modules.
    """
    try:
        said = tomllib.loads(spec.read_text())
    except (ValueError, OSError) as error:
        raise click.ClickException(f"{spec}: {error}") from None
    made = node(home).federation(name, "buildgenesis", said)
    out.write_text(tomli_w.dumps(made["genesis"]))
    click.echo(f"sidechain {made['id']}")
    click.echo(f"Next: compare the id with every member, then name {out} in [[sidechain]]")

"""From a founded vault to the sidechain that it serves."""

from __future__ import annotations

import tomllib
from pathlib import Path

import click
import tomli_w

from bystack.client.cli.conventions import (
    guarded,
    home_option,
    json_option,
    name_argument,
    node,
    tell,
)
from bystack.client.files import write


@click.command("genesis")
@name_argument
@click.argument("spec", required=False, type=click.Path(dir_okay=False, path_type=Path))
@click.argument("out", required=False, type=click.Path(dir_okay=False, path_type=Path))
@click.option("--replace", "anew", is_flag=True, help="Overwrite a genesis of other values.")
@home_option
@json_option
@guarded
def genesis(
    name: str, spec: Path | None, out: Path | None, anew: bool, home: str, as_json: bool
) -> None:
    """Build the sidechain's genesis from what SPEC (TOML) says, and write it to OUT.

    SPEC is sidechains/NAME.spec.toml of the home unless given (bystack sidechain new wrote it), OUT
    sidechains/NAME.genesis.toml. Every member builds it; the ids must be the same. The vault is
    found by the charter's terms; it must lie K blocks deep. configs/sidechain.spec.toml is an
    example with engine, assets, validators and modules. An OUT of other values is kept unless
    --replace is given: it is another sidechain, and what runs may go by it.
    """
    folder = Path(home).expanduser() / "sidechains"
    spec, out = spec or folder / f"{name}.spec.toml", out or folder / f"{name}.genesis.toml"
    try:
        said = tomllib.loads(spec.read_text())
    except (ValueError, RecursionError, OSError) as error:
        raise click.ClickException(f"{spec}: {error}") from None
    made = node(home).federation(name, "buildgenesis", said)
    text = tomli_w.dumps(made["genesis"])
    other = _holds_other(out, text)
    if other and not anew:
        raise click.ClickException(
            f"{out} holds another sidechain than {made['id']}, which SPEC makes; keep it if the"
            " members agreed on it. If it was built from a wrong SPEC and never ran: --replace,"
            " then stop and start bystackd, whose signer goes by what it has read"
        )
    write(out, text.encode())
    first = "stop and start bystackd, " if other else ""
    then = (
        f"Next: {first}compare the id with every member, then: bystack sidechain add {out}"
        " --validator --listen HOST:PORT --peer HOST:PORT (only to follow it: without --validator)"
    )
    facts = {"id": made["id"], "file": str(out)}
    tell(facts, f"sidechain {made['id']}\n{then}", as_json=as_json)


def _holds_other(out: Path, text: str) -> bool:
    """There is a genesis, or something that is none, and its values are not those of `text`."""
    if not out.exists():
        return False
    try:
        return tomllib.loads(out.read_text()) != tomllib.loads(text)
    except ValueError:
        return True

"""`bystack sidechain`: a new one described, launched step by step, run and put away by a node."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click

from bystack.client.cli.conventions import (
    guarded,
    home_option,
    json_option,
    name_argument,
    node,
    show,
)
from bystack.client.cli.sidechain_new import new
from bystack.client.patience import hushed
from bystack.client.rpc import NodeDown, RpcFailed

OTHERS = "{untouched} other processes of this node ran on untouched"


@click.group()
def sidechain() -> None:
    """Sidechains of this node: new, add, remove, list.

    \b
    A sidechain of one's own, in steps (each says the next; `next` tells where you are):
      bystack sidechain new NAME        charter, roster and specification, from questions
      bystack sidechain apply NAME      this node becomes a member (every member does it)
      bystack federation keygen NAME    the group key, made together
      bystack vault create NAME         the vault on the main chain
      bystack federation genesis NAME   the genesis, once the vault lies K blocks deep
      bystack sidechain add FILE        the sidechain runs
    """


def in_a_sentence(command: Callable[..., Any]) -> Callable[..., Any]:
    """What the home refuses, as a sentence and exit code 1."""

    @wraps(command)
    def run(*arguments: Any, **options: Any) -> Any:
        from bystack.client.sidechain_new.operators import OperatorUnfit
        from bystack.client.tables import TableRefused

        try:
            return command(*arguments, **options)
        except (OperatorUnfit, TableRefused) as error:
            click.echo(str(error), err=True)
        sys.exit(1)

    return run


@sidechain.command("apply")
@name_argument
@click.option("--listen", default="127.0.0.1:0", show_default=True, help="For other members.")
@click.option("--advertise", default="", help="Where other members reach this one, if elsewhere.")
@click.option("--peer", "peers", multiple=True, help="Another member, host:port. Repeatable.")
@home_option
@json_option
@guarded
@in_a_sentence
def apply(
    name: str, listen: str, advertise: str, peers: tuple[str, ...], home: str, as_json: bool
) -> None:
    """Make this node a member: charter and roster lie in federations/, the key in keys/.

    Writes federations/NAME.toml and tells the running daemon; nothing else is restarted.
    """
    from bystack.client import hosting, joining

    place = Path(home).expanduser()
    told = hosting.membership(place, name, listen, list(peers), advertise)
    charter, roster = joining.hashes(place, name)
    hard = list(hosting.hard_to_reach(name, listen, advertise))
    if as_json:
        facts = {"charter": charter, "roster": roster, "running": told, "warnings": hard}
        return show(facts, as_json=True)
    click.echo(f"charter {charter}\nroster  {roster}")
    click.echo(f"member of {name}" if told else f"written; no daemon runs in {home}: start it")
    for line in hard:
        click.echo(line)
    click.echo(
        "Next: compare both hashes with every member; when all have done this:"
        f" bystack federation keygen {name}"
    )
    return None


@sidechain.command("next")
@name_argument
@home_option
@json_option
@guarded
@in_a_sentence
def next_step(name: str, home: str, as_json: bool) -> None:
    """How far the launch of NAME is, as this node sees it, and what to do next."""
    from bystack.client.rpc import Rpc
    from bystack.client.sidechain_new.steps import Launch

    place = Path(home).expanduser()
    found = list(Launch(place, name, Rpc(place)).steps())
    if as_json:
        return show([one._asdict() for one in found], as_json=True)
    for one in found:
        click.echo(f"{'done' if one.done else 'now ':4}  {one.name}: {one.says}")
    click.echo(f"Next: {found[-1].next}")


@sidechain.command("add")
@click.argument("genesis", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--name", default="", help="Its name on this node; without it the genesis'.")
@click.option("--listen", default="127.0.0.1:0", show_default=True, help="For its peers.")
@click.option("--advertise", default="", help="Where others reach this validator.")
@click.option("--peer", "peers", multiple=True, help="A node of it, host:port. Repeatable.")
@click.option("--validator", is_flag=True, help="Vote with keys/NAME.validator.key.")
@click.option("--recipient", default="", help="Policy root; else of federation init or join.")
@click.option("--snapshot", is_flag=True, help="Join by a snapshot of the state.")
@home_option
@json_option
@guarded
@in_a_sentence
def add(genesis: Path, name: str, home: str, as_json: bool, **options: Any) -> None:
    """Run the sidechain of GENESIS (a file) on this node, without restarting anything else.

    Headers that its validator relays count as the work of the member with the --recipient.
    """
    from bystack.client import hosting, joining

    place = Path(home).expanduser()
    known = name or hosting.read_genesis(genesis).name
    options["recipient"] = options["recipient"] or joining.own_recipient(place, known)
    made = hosting.add(place, genesis, known, _table(known, **options), node(home))
    if as_json:
        return show({"name": known, **made._asdict()}, as_json=True)
    click.echo(f"sidechain {known} {made.id}")
    if made.height < 0:
        click.echo(f"Next: no daemon runs in {home}: bystackd run --home {home}")
        return None
    click.echo(f"runs, block {made.height}; {OTHERS.format(untouched=made.untouched)}")
    click.echo(f"Next: compare the id with every member, then: bystack pegin {known} AMOUNT")
    return None


def _table(
    name: str,
    listen: str,
    advertise: str,
    peers: tuple[str, ...],
    validator: bool,
    recipient: str,
    snapshot: bool,
) -> dict[str, Any]:
    table: dict[str, Any] = {"listen": listen, "peers": list(peers)}
    table |= {"advertise": advertise} if advertise else {}
    table |= {"validator_key": f"keys/{name}.validator.key"} if validator else {}
    table |= {"recipient": recipient} if recipient else {}
    return table | ({"join": "snapshot"} if snapshot else {})


@sidechain.command("remove")
@name_argument
@click.option("--with-membership", is_flag=True, help="Also of its federation, if a member.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@home_option
@json_option
@guarded
@in_a_sentence
def remove(name: str, with_membership: bool, yes: bool, home: str, as_json: bool) -> None:
    """Stop running the sidechain NAME on this node. Its data and keys stay where they are."""
    from bystack.client import hosting

    place = Path(home).expanduser()
    hosting.removable(place, name, with_membership=with_membership)
    if not yes:
        _ask(f"Stop running {name} here? Nothing is deleted")
    done = hosting.remove(place, name, with_membership=with_membership)
    if as_json:
        return show({"name": name, **done._asdict()}, as_json=True)
    click.echo(f"{name} is not run any more; {OTHERS.format(untouched=done.untouched)}")
    click.echo(f"stays: {', '.join(done.stays)}, keys/ and data/signer/")
    click.echo(f"Next: bystack sidechain add sidechains/{name}.genesis.toml takes it up again")
    return None


def _ask(question: str) -> None:
    try:
        with hushed():
            click.confirm(question, abort=True, err=True)
    except click.Abort:
        text = "nobody said yes, and nothing was done; answer y, or give --yes"
        raise click.ClickException(text) from None


@sidechain.command("list")
@home_option
@json_option
@guarded
@in_a_sentence
def list_sidechains(home: str, as_json: bool) -> None:
    """The sidechains configured here: id, block, whether this node validates and is a member."""
    from bystack.client import tables

    place = Path(home).expanduser()
    config, rpc = tables.configuration(place), node(home)
    members = {one.name for one in config.federation}
    rows = []
    for one in config.sidechain:
        row = {"name": one.name, "validator": "yes" if one.validator_key else "no"}
        row["member"] = "yes" if one.name in members else "no"
        try:
            info = rpc.side(one.name, "getsidechaininfo")
            row |= {"block": info["blocks"], "id": info["chain_id"]}
        except (RpcFailed, NodeDown) as error:
            row |= {"block": "", "id": str(error)}
        rows.append(row)
    if not rows and not as_json:
        click.echo(
            "none; bystack sidechain add FILE runs one, bystack sidechain new NAME makes one"
        )
        return
    show(rows, as_json=as_json)


sidechain.add_command(new)

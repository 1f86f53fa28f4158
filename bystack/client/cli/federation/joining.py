"""Becoming a member: one's keys and their public parts, the founders' files, the table; leaving."""

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
    tell,
)
from bystack.client.cli.federation.keys import proposed

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
NEWCOMER = (
    "Next for the newcomer, with that roster, your charter and the sidechain's genesis:"
    " bystack federation join {name} CHARTER ROSTER, then bystack sidechain add GENESIS"
)
USUAL = "As the founders agreed; else 1, or 2 for the first two of four or more."


def in_a_sentence(command: Callable[..., Any]) -> Callable[..., Any]:
    """What files and home refuse, as a sentence and exit code 1."""

    @wraps(command)
    def run(*arguments: Any, **options: Any) -> Any:
        from bystack.client.devnet.processes import CommandFailed
        from bystack.client.joining import JoiningRefused
        from bystack.client.sidechain_new.operators import OperatorUnfit
        from bystack.client.tables import TableRefused

        try:
            return command(*arguments, **options)
        except (CommandFailed, JoiningRefused, OperatorUnfit, TableRefused) as error:
            click.echo(str(error), err=True)
        sys.exit(1)

    return run


@click.command("init")
@name_argument
@click.option("--operator", required=True, help="Your name among the members, as alice.")
@click.option("--named", multiple=True, help="A charter key to make too, as super-1. Repeatable.")
@click.option("--weight", type=click.IntRange(1, 128), help=USUAL)
@click.option("--recipient", default="", help="Policy root your fees go to; else your wallet's.")
@click.option("--password-file", type=FILE, help="Seal the keys with this.")
@click.option("--cheap", is_flag=True, help="Cheap sealing, which only regtest accepts.")
@home_option
@json_option
@guarded
@in_a_sentence
def init(name: str, home: str, as_json: bool, **options: Any) -> None:
    """Make this node's keys for the federation NAME; write their public part to a file.

    The keys stay in keys/ and never leave it, in the clear unless --password-file is given (the
    signer reads the password from keys/password, 0600). The file holds nothing secret: send it to
    the founder, who puts all operators' files together (bystack sidechain new), or, to a federation
    that exists, to one of its members (bystack federation add).
    """
    from bystack.client import joining

    path = joining.make_keys(Path(home).expanduser(), name, node(home), **options)
    says = (
        f"keys of {options['operator']} are in {home}/keys; their public part: {path}\n"
        f"{_lock(options['password_file'])}\n"
        "Back up keys/ now. Whoever has it is you; a lost share takes a reshare to replace.\n"
        f"Next: send {path.name} to the founder, who runs bystack sidechain new {name} with the"
        " files of all operators and hands out charter and roster; then bystack federation join"
    )
    tell({"operator": options["operator"], "file": str(path)}, says, as_json=as_json)


def _lock(password: Path | None) -> str:
    """How the keys lie there, and what the signer needs to open them."""
    if password is None:
        return "They lie there in the clear; --password-file would have sealed them."
    return f"They are sealed: the signer needs {password} as keys/password (mode 0600) to start."


@click.command("join")
@name_argument
@click.argument("charter", type=FILE)
@click.argument("roster", type=FILE)
@click.option("--listen", default="127.0.0.1:0", show_default=True, help="For other members.")
@click.option("--advertise", default="", help="Where other members reach this one, if elsewhere.")
@click.option("--peer", "peers", multiple=True, help="Another member, host:port. Repeatable.")
@click.option("--parts", type=FILE, help="Where bystackd key new made the keys: what it printed.")
@home_option
@json_option
@guarded
@in_a_sentence
def join(
    name: str,
    charter: Path,
    roster: Path,
    listen: str,
    advertise: str,
    peers: tuple[str, ...],
    parts: Path | None,
    home: str,
    as_json: bool,
) -> None:
    """Take the founders' CHARTER and ROSTER over, and make this node a member.

    Every member needs the same bytes: compare the hashes that are printed with the others, over a
    line that is not the one the files came by. What the charter lets whom do:
    bystack federation charter explain CHARTER.
    """
    from bystack.client import hosting, joining

    place = Path(home).expanduser()
    joined = joining.take_files(place, name, charter, roster, parts)
    told = joining.become_member(place, name, listen, list(peers), advertise)
    hard = list(hosting.hard_to_reach(name, listen, advertise))
    if as_json:
        return show({**joined._asdict(), "running": told, "warnings": hard}, as_json=True)
    click.echo(f"charter {joined.charter}")
    click.echo(f"roster  {joined.roster}")
    click.echo(f"you are {joined.member}: weight {joined.weight}; {joined.quorum} sign")
    if not told:
        click.echo(f"no daemon runs in {home}: bystackd run --home {home}")
    for line in hard:
        click.echo(line)
    click.echo(
        f"Next: compare both hashes with every member, then bystack federation keygen {name};"
        f" to a federation that has its key: bystack federation status {name}"
    )
    return None


@click.command("add")
@name_argument
@click.argument("parts", type=FILE)
@click.option("--weight", type=click.IntRange(1, 128), help="Else as the file says.")
@click.option("--threshold", "least", type=click.IntRange(1, 128), help="Of the new set.")
@click.option("--fresh", is_flag=True, help="By a new key instead of new shares of this one.")
@click.option("--note", default="", help="Published with the proposal.")
@home_option
@json_option
@guarded
@in_a_sentence
def add(name: str, parts: Path, home: str, as_json: bool, note: str, **options: Any) -> None:
    """Propose a new member, whose public part (bystack federation init) is in the file PARTS.

    Once decided, the members' nodes deal shares of the SAME key to the new set: vault and deposit
    address stay. At most a third of the weight changes at once. The newcomer needs the charter, the
    roster that this command writes, and the sidechain's genesis; it joins with them before or
    after the vote.
    """
    from bystack.client import joining

    rpc, place = node(home), Path(home).expanduser()
    asked = joining.newcomer(place, name, parts, rpc, **options)
    if not as_json:
        click.echo(f"for the newcomer: {asked.roster}")
        click.echo(NEWCOMER.format(name=name))
        click.echo(f"threshold of the new set: {asked.details['threshold']}")
    proposed(rpc, name, "add", asked.details, note, as_json=as_json)


@click.command("remove")
@name_argument
@click.argument("member")
@click.option("--threshold", type=click.IntRange(1, 128), help="Of the new set; else proposed.")
@click.option("--fresh", is_flag=True, help="By a new key instead of new shares of this one.")
@click.option("--note", default="", help="Published with the proposal.")
@home_option
@json_option
@guarded
@in_a_sentence
def remove(
    name: str,
    member: str,
    threshold: int | None,
    fresh: bool,
    note: str,
    home: str,
    as_json: bool,
) -> None:
    """Propose that MEMBER leaves; the others' nodes get new shares of the same key.

    Its old shares sign nothing any more. Since it may have kept them, they still count against
    the key: when too much weight has left, the chain asks for a new key (--fresh).
    """
    from bystack.client import joining

    rpc = node(home)
    wanted = threshold or joining.threshold_without(rpc, name, member)
    if not as_json:
        click.echo(f"threshold of the new set: {wanted}")
    details = {"identity": member, "threshold": wanted, "fresh": int(fresh)}
    proposed(rpc, name, "remove", details, note, as_json=as_json)

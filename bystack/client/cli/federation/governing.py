"""Pauses by one member; parameters by a quorum, of whom each approves the same draft."""

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


def approval(text: str) -> tuple[int, int, str]:
    """A member's approval – seat, signer's version, signature – as `govern` prints it."""
    seat, version, signature = (*text.split(":"), "", "", "")[:3]
    numbers = seat.isascii() and seat.isdigit() and version.isascii() and version.isdigit()
    if not (numbers and len(seat) < 6 and len(version) < 10 and len(signature) == 128):
        raise click.BadParameter(f"{text} is no SEAT:VERSION:HEX as `govern` prints it")
    return int(seat), int(version), signature


def change(text: str) -> tuple[str, int]:
    """A parameter's name and its new value."""
    name, _, number = text.partition("=")
    if not (name and number.isascii() and number.isdigit() and len(number) < 12):
        raise click.BadParameter(f"{text} is no NAME=NUMBER, for example interval=400")
    return name, int(number)


@click.command("govern")
@name_argument
@click.argument("changes", nargs=-1, required=True)
@click.option(
    "--with",
    "approvals",
    multiple=True,
    help="Another member's approval, as their `govern` printed it. Send once it is a quorum.",
)
@home_option
@json_option
@guarded
def govern(
    name: str,
    changes: tuple[str, ...],
    approvals: tuple[str, ...],
    home: str,
    as_json: bool,
) -> None:
    """Change the sidechain's parameters from its next epoch on: NAME=NUMBER ...

    Every approving member runs this with the same changes and passes on the approval it prints;
    one of them runs it again --with the others' approvals, which sends the decision.
    """
    rpc, wanted = node(home), dict(change(one) for one in changes)
    if approvals:
        others = [approval(one) for one in approvals]
        own = rpc.federation(name, "vote", "govern", [], wanted)
        given = {one[0]: one for one in (*others, tuple(own))}
        everyone = sorted(given.values())
        sent = rpc.federation(name, "submitaction", "govern", [], everyone, wanted)
        return show({"transaction": sent}, as_json=as_json)
    own = rpc.federation(name, "vote", "govern", [], wanted)
    show({"approval": ":".join(str(part) for part in own)}, as_json=as_json)


@click.command("pause")
@name_argument
@click.argument("what", type=click.Choice(["claims", "burns", "batches", "signing", "all"]))
@click.option("--reason", default="", help="Published with the pause.")
@home_option
@guarded
def pause(name: str, what: str, reason: str, home: str) -> None:
    """Pause WHAT for 720 main-chain blocks; each member may do so once in 8064."""
    show(node(home).federation(name, "pause", what, reason), as_json=False)

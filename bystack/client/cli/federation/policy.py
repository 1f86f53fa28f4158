"""The operator and his own signer: what waits, his word on it, the policy.

These speak to the signer of this host on the operator's own socket: neither the member's process
nor any RPC stands between.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import click
import trio

from bystack.client.cli.conventions import (
    guarded,
    harmless,
    home_option,
    json_option,
    name_argument,
    show,
    tell,
)
from bystack.client.rpc import NodeDown, RpcFailed
from bystack.node.ipc import RemoteError, Unavailable, connect

id_argument = click.argument("digest", metavar="ID")
reason_option = click.option("--reason", required=True, help="Why; it stands in the audit log.")


def operate(home: str, name: str, method: str, *params: Any) -> Any:
    """Ask the signer of this home as its operator; raises `NodeDown`, `RpcFailed`."""

    async def ask() -> Any:
        async with connect(f"run/signer-operator-{name}.sock") as signer:
            return await signer.call(method, *params)

    try:
        with contextlib.chdir(Path(home).expanduser()):  # the kernel wants short names of sockets
            return trio.run(ask)
    except RemoteError as error:
        raise RpcFailed(method, {"message": str(error), "data": {"rule": error.rule}}) from None
    except (Unavailable, OSError):
        raise NodeDown(f"the signer of {name} does not answer in {home}: is it up?") from None


def whole_digest(home: str, name: str, given: str) -> bytes:
    """The digest of the one request that waits and whose id begins so."""
    found = [row["digest"] for row in operate(home, name, "requests")]
    meant = [digest for digest in found if given and digest.startswith(given)]
    if len(meant) != 1:
        raise click.BadParameter(f"{given} begins {len(meant)} of the requests that wait")
    return bytes.fromhex(meant[0])


@click.command("requests")
@name_argument
@home_option
@json_option
@guarded
def requests(name: str, home: str, as_json: bool) -> None:
    """What the signer did not let through, and why; its ids are for `approve` and `reject`."""
    rows = operate(home, name, "requests")
    if as_json:
        show(rows, as_json=True)
    elif not rows:
        click.echo("Nothing waits.")
    for row in () if as_json else rows:
        click.echo(f"{row['digest']}  {row['kind']}  seq {row['seq']}  at block {row['height']}")
        click.echo(harmless(f"  {row['outcome']}: {row['reason']} ({row['words']})"))
        for payout in row["payouts"]:
            click.echo(f"  pays {payout['amount']} {payout['asset']} to {payout['to']}")
    if rows and not as_json:
        click.echo(
            f"Next: where it says approval_needed, bystack federation approve {name} ID --reason"
            " TEXT, or reject; another reason passes by itself, or asks for another policy file"
        )


@click.command("approve")
@name_argument
@id_argument
@reason_option
@home_option
@json_option
@guarded
def approve(name: str, digest: str, reason: str, home: str, as_json: bool) -> None:
    """Let the request ID through where an operator's approval is needed. It binds that digest."""
    whole = whole_digest(home, name, digest)
    operate(home, name, "approve", whole, reason)
    says = "Approved: it is signed as soon as the member asks again."
    tell({"digest": whole.hex(), "approved": True}, says, as_json=as_json)


@click.command("reject")
@name_argument
@id_argument
@reason_option
@home_option
@json_option
@guarded
def reject(name: str, digest: str, reason: str, home: str, as_json: bool) -> None:
    """Refuse the request ID; a later approval takes that back."""
    whole = whole_digest(home, name, digest)
    operate(home, name, "reject", whole, reason)
    says = "Rejected: it is not signed here. bystack federation approve takes that back."
    tell({"digest": whole.hex(), "approved": False}, says, as_json=as_json)


@click.command("policy")
@name_argument
@home_option
@json_option
@guarded
def policy(name: str, home: str, as_json: bool) -> None:
    """Check the policy file, as the running signer reads it: every fault at once."""
    read = operate(home, name, "policy")
    if read["fault"]:
        raise NodeDown(f"{read['fault']}\nWhile this stands, nothing is signed.")
    gone = f"There is no {read['path']}: proofs alone decide."
    tell(read, f"{read['path']} holds." if read["digest"] else gone, as_json=as_json)

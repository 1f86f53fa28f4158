"""The operator and his own signer: what waits, his word on it, the policy.

These speak to the signer of this host on the operator's own socket, or read its files: neither the
member's process nor any RPC stands between.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from decimal import Decimal
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
)
from bystack.client.rpc import NodeDown, RpcFailed
from bystack.federation.policies.requests import POLICY_KEY
from bystack.node.config import ConfigErrors, load_config
from bystack.node.federation_files import FederationFileError
from bystack.node.ipc import RemoteError, Unavailable, connect
from bystack.node.networks import params_of
from bystack.node.signer.policy_file import assets_of, policy_path, read_policy
from bystack.node.store.journal import JournalError
from bystack.primitives.addresses import POLICY, Address, encode_address
from bystack.primitives.errors import Invalid

id_argument = click.argument("digest", metavar="ID")
reason_option = click.option("--reason", required=True, help="Why; it stands in the audit log.")


@contextlib.contextmanager
def inside(home: str) -> Iterator[None]:
    """In the node's home: its files and sockets go by short names."""
    try:
        with contextlib.chdir(Path(home).expanduser()):
            yield
    except FileNotFoundError as error:
        raise NodeDown(f"{error.filename}: there is no such file") from None
    except (JournalError, FederationFileError, ConfigErrors, Invalid) as error:
        raise NodeDown(str(error)) from None


def operate(home: str, name: str, method: str, *params: Any) -> Any:
    """Ask the signer of this home as its operator; raises `NodeDown`, `RpcFailed`."""

    async def ask() -> Any:
        async with connect(f"run/signer-operator-{name}.sock") as signer:
            return await signer.call(method, *params)

    with inside(home):
        try:
            return trio.run(ask)
        except RemoteError as error:
            raise RpcFailed(method, {"message": str(error), "data": {"rule": error.rule}}) from None
        except (Unavailable, OSError):
            raise NodeDown(f"the signer of {name} does not answer in {home}: is it up?") from None


def whole_digest(home: str, name: str, given: str) -> bytes:
    """The digest of the one request that waits and whose id begins so."""
    found = [row["digest"] for row in operate(home, name, "requests")]
    meant = [digest for digest in found if given and digest.hex().startswith(given)]
    if len(meant) != 1:
        raise click.BadParameter(f"{given} begins {len(meant)} of the requests that wait")
    return bytes(meant[0])


@click.command("requests")
@name_argument
@home_option
@json_option
@guarded
def requests(name: str, home: str, as_json: bool) -> None:
    """What the signer did not let through, and why; its ids are for `approve` and `reject`."""
    rows = [_request(row, _names(home, name)) for row in operate(home, name, "requests")]
    if as_json:
        show(rows, as_json=True)
    elif not rows:
        click.echo("Nothing waits.")
    for row in () if as_json else rows:
        click.echo(f"{row['digest']}  {row['kind']}  seq {row['seq']}  at block {row['height']}")
        click.echo(harmless(f"  {row['outcome']}: {row['reason']} ({row['words']})"))
        for payout in row["payouts"]:
            click.echo(f"  pays {payout}")


def _names(home: str, name: str) -> Callable[[list[Any]], str]:
    """Says a payout with the roster's names of assets, and with addresses."""
    with inside(home):
        known = {asset.id: (text, asset.decimals) for text, asset in assets_of(name).items()}
        hrp = params_of(load_config(".").network).hrp

    def said(payout: list[Any]) -> str:
        to, asset, amount = payout
        text, decimals = known.get(asset, (asset.hex(), 0))
        address = encode_address(Address(hrp, POLICY, to[1:])) if to[:1] == POLICY_KEY else ""
        return (
            f"{Decimal(amount).scaleb(-decimals):f} {text} to {address or 'vault ' + to[1:].hex()}"
        )

    return said


def _request(row: dict[str, Any], said: Callable[[list[Any]], str]) -> dict[str, Any]:
    return {**row, "digest": row["digest"].hex(), "payouts": [said(one) for one in row["payouts"]]}


@click.command("approve")
@name_argument
@id_argument
@reason_option
@home_option
@guarded
def approve(name: str, digest: str, reason: str, home: str) -> None:
    """Let the request ID through where an operator's approval is needed. It binds that digest."""
    operate(home, name, "approve", whole_digest(home, name, digest), reason)
    click.echo("Approved: it is signed as soon as the member asks again.")


@click.command("reject")
@name_argument
@id_argument
@reason_option
@home_option
@guarded
def reject(name: str, digest: str, reason: str, home: str) -> None:
    """Refuse the request ID; a later approval takes that back."""
    operate(home, name, "reject", whole_digest(home, name, digest), reason)
    click.echo("Rejected: it is not signed here.")


@click.command("policy")
@name_argument
@home_option
@guarded
def policy(name: str, home: str) -> None:
    """Check the policy file: every fault at once, or that it holds."""
    with inside(home):
        read = read_policy(name, params_of(load_config(".").network).hrp)
    if read.fault:
        raise NodeDown(f"{read.fault}\nWhile this stands, nothing is signed.")
    path = policy_path(name)
    click.echo(
        f"{path} holds." if any(read.digest) else f"There is no {path}: proofs alone decide."
    )

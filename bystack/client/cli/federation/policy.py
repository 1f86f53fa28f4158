"""The operator and his own signer: what waits, his word on it, the policy, the audit log.

These speak to the signer of this host on the operator's own socket, or read its files: neither the
member's process nor any RPC stands between.
"""

from __future__ import annotations

import contextlib
import csv
import datetime
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import trio

from bystack.client.cli.conventions import guarded, home_option, json_option, name_argument, show
from bystack.client.rpc import NodeDown, RpcFailed
from bystack.federation.audit import AuditLine, Head, check_head, verified
from bystack.federation.policies.requests import Outcome
from bystack.node.config import ConfigErrors, load_config
from bystack.node.federation_files import FederationFileError, read_roster, roster_path
from bystack.node.ipc import RemoteError, Unavailable, connect
from bystack.node.networks import params_of
from bystack.node.signer.audit_log import audit_path, read_lines
from bystack.node.signer.policy_file import policy_path, read_policy
from bystack.node.store.journal import JournalError
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
    rows = operate(home, name, "requests")
    if not rows and not as_json:
        click.echo("Nothing waits.")
        return
    show([_request(row) for row in rows], as_json=as_json)


def _request(row: dict[str, Any]) -> dict[str, Any]:
    payouts = [
        f"{amount} of {asset.hex()} to {to[1:].hex()}" for to, asset, amount in row["payouts"]
    ]
    return {**row, "digest": row["digest"].hex(), "payouts": payouts}


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


@click.command("log")
@name_argument
@click.option("--verify", is_flag=True, help="Check hashes, numbers and signatures.")
@click.option("--key", default="", help="The member's governance key in hex; else the roster's.")
@click.option("--head", default="", help="A published hash that the log must have ended with once.")
@click.option("--file", "path", default="", help="A copy of a log, instead of the home's own.")
@click.option("--csv", "table", type=click.Path(dir_okay=False), help="Write it as CSV there.")
@home_option
@json_option
@guarded
def log(
    name: str, verify: bool, key: str, head: str, path: str, table: str, home: str, as_json: bool
) -> None:
    """The signer's decisions, oldest first. Needs no running node."""
    given = str(Path(path).absolute()) if path else audit_path("data/signer", name)
    out = Path(table).absolute() if table else None
    with inside(home):
        lines = list(read_lines(given))
        if verify or head or key:
            click.echo(_verify(lines, name, key, head), err=as_json)
    rows = [_row(line) for line in lines]
    if out is not None:
        with out.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]) if rows else [])
            writer.writeheader()
            writer.writerows({key: _cell(value) for key, value in row.items()} for row in rows)
        click.echo(f"{len(rows)} records in {out}", err=as_json)
    elif as_json or not verify:
        show(rows, as_json=as_json)


def _verify(lines: list[AuditLine], name: str, key: str, head: str) -> str:
    """A sentence on what was verified; raises `AuditBroken`, `AuditTruncated`."""
    who, public = _author(lines, name, key)
    heads = [head for _, head in verified(lines, public)]
    if head:
        check_head(heads, bytes.fromhex(head))
    end = heads[-1] if heads else Head(0, bytes(32))
    return f"{end.records} records verified, by {who}; the last has the hash {end.hash.hex()}"


def _author(lines: list[AuditLine], name: str, key: str) -> tuple[str, bytes]:
    """Whose log it is: the key given, or the one of the roster that signed the first record."""
    if key:
        return f"the key {key}", bytes.fromhex(key)
    members = read_roster(roster_path(name)).member
    for member in members:
        public = bytes.fromhex(member.governance)
        with contextlib.suppress(Invalid):
            list(verified(lines[:1], public))
            return f"the governance key of {member.name}", public
    raise NodeDown("no member of the roster signed the first record: name the key with --key")


def _row(line: AuditLine) -> dict[str, Any]:
    record = line.record
    at = datetime.datetime.fromtimestamp(record.time, datetime.UTC)
    return {
        "number": record.number,
        "time": at.isoformat().replace("+00:00", "Z"),
        "height": record.height,
        "kind": record.kind.decode(errors="replace"),
        "seq": record.seq,
        "outcome": Outcome(record.outcome).name.lower(),
        "reason": record.reason.decode(errors="replace"),
        "digest": record.digest.hex(),
        "words": record.words.decode(errors="replace"),
        "spends": [f"{one.amount} {one.asset.hex()}" for one in record.spends],
        "hash": line.hash.hex(),
    }


def _cell(value: Any) -> str:
    """A cell that no spreadsheet takes for a formula: words come from people and plug-ins."""
    text = "; ".join(value) if isinstance(value, list) else str(value)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text

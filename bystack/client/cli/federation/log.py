"""The signer's audit log: shown, verified with the public key alone, written as CSV."""

from __future__ import annotations

import contextlib
import csv
import datetime
from pathlib import Path
from typing import Any

import click

from bystack.client.cli.conventions import (
    guarded,
    harmless,
    home_option,
    json_option,
    name_argument,
    show,
)
from bystack.client.cli.federation.policy import inside
from bystack.client.rpc import NodeDown
from bystack.federation.audit import AuditLine, Head, check_head, verified
from bystack.federation.policies.requests import Outcome
from bystack.node.federation_files import read_roster, roster_path
from bystack.node.signer.audit_log import audit_path, read_lines
from bystack.primitives.errors import Invalid


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
    elif as_json:
        show(rows, as_json=True)
    elif not verify:
        for row in rows:
            click.echo(harmless(_line(row)))


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


def _line(row: dict[str, Any]) -> str:
    words = f" ({row['words']})" if row["words"] else ""
    place = f"{row['number']}  {row['time']}  block {row['height']}  {row['kind']} seq {row['seq']}"
    return f"{place}  {row['outcome']}: {row['reason']}{words}  {row['digest']}"


def _cell(value: Any) -> str:
    """A cell that no spreadsheet takes for a formula: words come from people and plug-ins."""
    text = "; ".join(value) if isinstance(value, list) else str(value)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text

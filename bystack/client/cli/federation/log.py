"""The signer's audit log: shown, verified with the public key alone, written as CSV."""

from __future__ import annotations

import contextlib
import csv
import datetime
import re
from collections.abc import Sequence
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
from bystack.client.rpc import NodeDown
from bystack.federation.audit import EMPTY, AuditLine, check_head, read_log, verified
from bystack.federation.policies.requests import Outcome
from bystack.federation.roster_file import parse_roster
from bystack.primitives.errors import Invalid

OUTCOMES = {int(one): one.name.lower() for one in Outcome}


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
    folder = Path(home).expanduser()
    lines = _lines(Path(path) if path else folder / f"data/signer/audit-{name}.journal")
    if verify or head or key:
        who, public = _author(lines, folder / f"federations/{name}.roster.toml", key)
        click.echo(_verify(lines, who, public, head), err=as_json)
    rows = [_row(line) for line in lines]
    if table:
        with Path(table).open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]) if rows else [])
            writer.writeheader()
            writer.writerows({key: _cell(value) for key, value in row.items()} for row in rows)
        click.echo(f"{len(rows)} records in {table}", err=as_json)
    elif as_json:
        show(rows, as_json=True)
    elif not verify:
        for row in rows:
            click.echo(harmless(_line(row)))


def _lines(path: Path) -> tuple[AuditLine, ...]:
    try:
        return read_log(path.read_bytes())
    except OSError as error:
        raise NodeDown(f"{path}: {error.strerror}") from None
    except Invalid as error:
        raise NodeDown(f"{path}: {error}") from None


def _verify(lines: Sequence[AuditLine], who: str, public: bytes, published: str) -> str:
    """A sentence on what was verified; raises `NodeDown` with the rule that does not hold."""
    try:
        heads = [head for _, head in verified(lines, public)]
        if published:
            check_head(heads, _hash(published))
    except Invalid as error:
        raise NodeDown(str(error)) from None
    end = heads[-1] if heads else EMPTY
    return f"{end.records} records verified, by {who}; the last has the hash {end.hash.hex()}"


def _author(lines: Sequence[AuditLine], roster: Path, key: str) -> tuple[str, bytes]:
    """Whose log it is: the key given, or the one of the roster that signed the first record."""
    if key:
        return f"the key {key}", _hash(key)
    try:
        members = parse_roster(roster.read_bytes()).member
    except (OSError, Invalid) as error:
        raise NodeDown(f"{roster} is not read ({error}): name the key with --key") from None
    for member in members:
        public = bytes.fromhex(member.governance)
        with contextlib.suppress(Invalid):
            list(verified(lines[:1], public))
            return f"the governance key of {member.name}", public
    raise NodeDown("no member of the roster signed the first record: name the key with --key")


def _hash(text: str) -> bytes:
    if not re.fullmatch("[0-9a-f]{64}", text):
        raise click.BadParameter(f"{text} is no 32 bytes in hex")
    return bytes.fromhex(text)


def _time(seconds: int) -> str:
    """In UTC; a number where no calendar reaches."""
    try:
        return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return str(seconds)


def _row(line: AuditLine) -> dict[str, Any]:
    record = line.record
    return {
        "number": record.number,
        "time": _time(record.time),
        "height": record.height,
        "kind": record.kind.decode(errors="replace"),
        "seq": record.seq,
        "outcome": OUTCOMES.get(record.outcome, str(record.outcome)),
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

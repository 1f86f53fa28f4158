"""`bystack federation charter`: check, compile, compare and explain a charter; needs no node."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

import click

from bystack.client.cli.conventions import json_option, show
from bystack.federation.charter import Charter, parse_charter
from bystack.federation.charter_checking import roster_faults
from bystack.federation.charter_comparing import differences, refusal
from bystack.federation.charter_compiling import compile
from bystack.federation.charter_explaining import explain
from bystack.federation.charter_reading import CharterInvalid, Fault
from bystack.federation.leak_explaining import explain_leak, leak_facts
from bystack.federation.leak_names import UNKNOWN, Known, known, leak
from bystack.federation.leaks import ANSWER, RECOVERY
from bystack.federation.roster_file import RosterFile, assets_of, keys_of, parse_roster
from bystack.ledger.terms import terms_hash
from bystack.primitives import bls
from bystack.primitives.codec import encode
from bystack.primitives.errors import Invalid

F = TypeVar("F", bound=Callable[..., Any])

path = click.Path(exists=True, dir_okay=False, path_type=Path)
file_argument = click.argument("file", type=path)
roster_option = click.option("--roster", "roster_path", type=path, help="Roster (TOML) it is for.")


def refused(command: F) -> F:
    """What charter, roster or names break, on standard error; exit code 1."""

    @functools.wraps(command)
    def run(*arguments: Any, **options: Any) -> Any:
        try:
            return command(*arguments, **options)
        except (Invalid, OSError) as error:
            click.echo(str(error), err=True)
        sys.exit(1)

    return cast(F, run)


LEAK = (
    "Next: the same with --leaked NAMES (keys, members, operator:NAME) says what those keys could"
    " take, how fast, and who can stop it"
)
COMPILED = (
    "Next: every member compiles it and compares the hash. For a first vault: bystack vault create"
    " {name}; for new terms: bystack federation propose {name} terms terms=HEX, with the terms"
    " above, then bystack vault announce {name} {file}"
)
ALLOWED = (
    "Next: decide on it: bystack federation propose {name} terms terms=HEX, as bystack federation"
    " charter compile {file} prints them; then bystack vault announce {name} {file}"
)


@click.group()
def charter() -> None:
    """A federation's charter (TOML): who may pay out what, and who can stop it.

    \b
    Before a federation signs one:
      bystack federation charter check trade.charter.toml --roster trade.roster.toml
      bystack federation charter explain trade.charter.toml --roster trade.roster.toml
      bystack federation charter explain trade.charter.toml --leaked super-1,operations
    """


@charter.command("check")
@file_argument
@roster_option
@json_option
@refused
def check(file: Path, roster_path: Path | None, as_json: bool) -> None:
    """Check FILE; with --roster also that its keys, assets and weights fit the roster.

    Every fault at once: its place, what stands there, what was expected. Exit code 1 if any.

    Next: bystack federation charter explain FILE
    """
    faults, read = _faults(file, roster_path)
    if as_json:
        rows = [{"where": f.where, "given": f.given, "expected": f.expected} for f in faults]
        show({"hash": read.hash.hex() if read else None, "faults": rows}, as_json=True)
    else:
        for fault in faults:
            click.echo(str(fault))
        if read and not faults:
            click.echo(f"{file}: a valid charter of {read.name}, hash {read.hash.hex()}")
            click.echo(f"Next: bystack federation charter explain {file} says who can do what")
    sys.exit(1 if faults else 0)


def _faults(file: Path, roster_path: Path | None) -> tuple[Sequence[Fault], Charter | None]:
    try:
        read = parse_charter(file.read_bytes())
    except CharterInvalid as error:
        return error.faults, None
    roster = _roster(roster_path)
    return (roster_faults(read, roster) if roster else ()), read


def _roster(path: Path | None) -> RosterFile | None:
    return parse_roster(path.read_bytes()) if path else None


def _known(path: Path | None) -> Known:
    roster = _roster(path)
    return known(roster, assets_of(roster)) if roster else UNKNOWN


@charter.command("compile")
@file_argument
@click.option("--roster", "roster_path", type=path, required=True, help="The federation's roster.")
@click.option(
    "--group-key",
    "group_keys",
    multiple=True,
    metavar="HEX|NAME=HEX",
    help="The group key, as federation status shows it; with its name if the charter has several.",
)
@json_option
@refused
def compile_command(
    file: Path, roster_path: Path, group_keys: tuple[str, ...], as_json: bool
) -> None:
    """The vault's terms that FILE stands for, and their hash: what members sign and vote on.

    Two members with the same charter, roster and group key see the same hash.
    """
    read, roster = parse_charter(file.read_bytes()), parse_roster(roster_path.read_bytes())
    keys = keys_of(roster) | _group_keys(read, group_keys)
    terms = compile(read, keys, assets_of(roster))
    facts = {"charter": read.hash.hex(), "hash": terms_hash(terms).hex()}
    show(facts | {"terms": encode(terms).hex()}, as_json=as_json)
    if not as_json:
        click.echo(COMPILED.format(name=read.name, file=file))


def _group_keys(read: Charter, given: Sequence[str]) -> dict[str, bytes]:
    """The keys of the charter's groups by name; one without a name is the only group's."""
    keys: dict[str, bytes] = {}
    for text in given:
        name, _, key = text.rpartition("=")
        names = [name] if name else read.group_keys
        if len(names) != 1 or names[0] not in read.group_keys:
            known = ", ".join(read.group_keys) or "none"
            raise click.BadParameter(f"{text}: which of the charter's groups ({known})? NAME=HEX")
        keys[names[0]] = _key(key)
    lacking = [name for name in read.group_keys if name not in keys]
    if lacking:
        raise click.UsageError(f"the charter names a group: give --group-key {lacking[0]}=HEX")
    return keys


def _key(text: str) -> bytes:
    try:
        key = bytes.fromhex(text)
    except ValueError:
        raise click.BadParameter(f"{text} is not in hex") from None
    if not bls.key_validate(key):
        raise click.BadParameter(f"{text} is no BLS public key: 48 bytes, as federation status has")
    return key


@charter.command("explain")
@file_argument
@roster_option
@click.option("--leaked", help="Names, by commas: keys, members, operator:MEMBER for all it has.")
@click.option("--answer", default=ANSWER, show_default=True, help="Blocks until guards act.")
@click.option("--recovery", default=RECOVERY, show_default=True, help="Until recovery acts.")
@json_option
@refused
def explain_command(
    file: Path,
    roster_path: Path | None,
    leaked: str | None,
    answer: int,
    recovery: int,
    as_json: bool,
) -> None:
    """Say in sentences who can do what; with --leaked what those keys could take, and how fast.

    The bound is what the main chain enforces: it holds whatever signers, members and sidechain do.
    """
    read, who = parse_charter(file.read_bytes()), _known(roster_path)
    if leaked is None:
        _tell(explain(read, {k: who.roster for k in read.group_keys if who.roster}), as_json)
        return None if as_json else click.echo(LEAK)
    names = [name.strip() for name in leaked.split(",") if name.strip()]
    found = leak(read, names, who, answer, recovery)
    if as_json:
        return show(leak_facts(read, found), as_json=True)
    _tell(explain_leak(read, found, who), as_json)


def _tell(sentences: Sequence[str], as_json: bool) -> None:
    if as_json:
        return show(list(sentences), as_json=True)
    for sentence in sentences:
        click.echo(sentence)


@charter.command("diff")
@click.argument("old", type=path)
@click.argument("new", type=path)
@roster_option
@json_option
@refused
def diff(old: Path, new: Path, roster_path: Path | None, as_json: bool) -> None:
    """Say what becomes looser or stricter from OLD to NEW, and if signers take it as one change.

    Limits at most double, delays at most halve with one change. Exit code 1 if it is too much.

    Next, if allowed: propose the charter and the terms hash that `charter compile` shows, then
    bystack vault announce NAME NEW
    """
    before, after = (parse_charter(one.read_bytes()) for one in (old, new))
    found, reason = differences(before, after), refusal(before, after, _known(roster_path).assets)
    if as_json:
        rows = [{"where": c.where, "way": str(c.way), "sentence": c.sentence} for c in found]
        show({"changes": rows, "allowed": reason is None, "reason": _told(reason)}, as_json=True)
    else:
        for change in found:
            click.echo(f"{change.way}: {change.sentence}")
        click.echo(f"Not as one change: {reason}" if reason else "Allowed as one change.")
        if found and not reason:
            click.echo(ALLOWED.format(name=after.name, file=new))
    sys.exit(1 if reason else 0)


def _told(reason: Invalid | None) -> str | None:
    return None if reason is None else str(reason)

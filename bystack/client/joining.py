"""What an operator's machine does to become a member: keys, files, the proposal that adds one."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import tomli_w

from bystack.client import hosting
from bystack.client.devnet.processes import bystackd
from bystack.client.files import write
from bystack.client.rpc import NodeDown, Rpc, RpcFailed
from bystack.client.sidechain_new.choices import threshold
from bystack.client.sidechain_new.operators import Operator, read_operator
from bystack.client.tables import FEDERATIONS
from bystack.federation.charter import parse_charter
from bystack.federation.roster_file import (
    MAX_ROSTER,
    MemberEntry,
    RosterFile,
    parse_roster,
    roster_of,
)
from bystack.primitives.errors import Invalid
from bystack.primitives.hashes import sha256


class JoiningRefused(Exception):
    """Files or keys do not fit together; the message says which, and what to do."""


class Joined(NamedTuple):
    """Whose files were taken over: their hashes, and who this node is among the members."""

    charter: str
    roster: str
    member: str
    weight: int
    quorum: str


class Newcomer(NamedTuple):
    """What is proposed of a new member, and the roster file it needs."""

    details: dict[str, Any]
    roster: Path


def parts_path(home: Path, name: str) -> Path:
    """Where a node keeps the public part of its own keys."""
    return home / FEDERATIONS / f"{name}.parts.json"


def own_recipient(home: Path, name: str) -> str:
    """The policy root that this node's member has its fees paid to; empty for none.

    Raises `OperatorUnfit`.
    """
    path = parts_path(home, name)
    return read_operator(path).recipient if path.exists() else ""


def make_keys(
    home: Path,
    name: str,
    rpc: Rpc,
    operator: str,
    named: tuple[str, ...],
    weight: int | None,
    recipient: str,
    password_file: Path | None,
    cheap: bool,
) -> Path:
    """Keys of validator, member and `named` in the home; the file with their public part.

    Raises `CommandFailed` where there are keys already, and `JoiningRefused`.
    """
    path = Path(os.getcwd()) / f"{name}.{operator}.json"
    if not os.access(path.parent, os.W_OK):
        raise JoiningRefused(f"{path} cannot be written; go to a folder that you may write")
    root = policy_root(recipient) if recipient else _own_root(rpc)
    words = ["key", "new", f"validator:{name}", f"member:{name}"]
    words += [f"named:{one}" for one in named] + ["--home", str(home)]
    words += ["--password-file", str(password_file)] if password_file else []
    made = msgspec.json.decode(bystackd(*words, *(["--cheap"] if cheap else [])))
    parts = {"name": operator, "recipient": root, "weight": weight or 0, **made}
    text = msgspec.json.format(msgspec.json.encode(parts))
    write(parts_path(home, name), text)
    path.write_bytes(text)
    return path


def policy_root(text: str) -> str:
    """The policy root that an operator typed; raises `JoiningRefused`."""
    if re.fullmatch("[0-9a-f]{64}", text) is None:
        raise JoiningRefused(
            f"--recipient {text[:80]}: no policy root, which is 64 hex digits: the `root` that"
            " bystack rpc getaddressinfo ADDRESS shows"
        )
    return text


def _own_root(rpc: Rpc) -> str:
    """A policy root of the node's wallet."""
    try:
        return str(rpc.getaddressinfo(rpc.getnewaddress())["root"])
    except (NodeDown, RpcFailed) as error:
        raise JoiningRefused(
            f"no address for your fees: {error}; start the node and make a wallet (bystack wallet"
            " create), or give --recipient"
        ) from None


def take_files(
    home: Path, name: str, charter: Path, roster: Path, parts: Path | None = None
) -> Joined:
    """Check the founders' files against each other and this node's keys, and keep them.

    `parts`: the public part of keys that `bystackd key new` made; else that of `make_keys`.
    Raises `JoiningRefused`, `OperatorUnfit`; then nothing is written.
    """
    said, listed = _read(charter), _read(roster)
    try:
        rules, file = parse_charter(said), parse_roster(listed)
        seats = roster_of(file)
    except Invalid as error:
        raise JoiningRefused(f"{error}; get the file again from the founder") from None
    own = _own_entry(home, name, file, parts or parts_path(home, name))
    if parts is not None:
        write(parts_path(home, name), _read(parts))
    write(home / FEDERATIONS / f"{name}.charter.toml", said)
    write(home / FEDERATIONS / f"{name}.roster.toml", listed)
    quorum = f"{file.threshold} of {seats.total}"
    return Joined(rules.hash.hex(), sha256(listed).hex(), own.name, own.weight, quorum)


def hashes(home: Path, name: str) -> tuple[str, str]:
    """Of the charter and the roster that lie in the home: what members compare by voice.

    Raises `JoiningRefused` for a charter that is none.
    """
    said = _read(home / FEDERATIONS / f"{name}.charter.toml")
    try:
        rules = parse_charter(said)
    except Invalid as error:
        raise JoiningRefused(f"{error}; get the file again from the founder") from None
    listed = _read(home / FEDERATIONS / f"{name}.roster.toml")
    return rules.hash.hex(), sha256(listed).hex()


def _read(path: Path) -> bytes:
    if path.stat().st_size > MAX_ROSTER:
        raise JoiningRefused(f"{path}: larger than any charter or roster")
    return path.read_bytes()


def _own_entry(home: Path, name: str, file: RosterFile, parts: Path) -> MemberEntry:
    key = f"keys/{name}.member.key"
    if not (home / key).exists():
        raise JoiningRefused(
            f"{key} is missing: bystack federation init {name} makes this node's keys first"
        )
    if not parts.exists():
        raise JoiningRefused(
            f"{parts} is missing: give with --parts what bystackd key new printed when it made"
            f" {key}"
        )
    own = read_operator(parts).member.get(name)
    if own is None:
        raise JoiningRefused(f"{parts}: no member's keys of {name}; it is of another federation")
    found = [entry for entry in file.member if entry.identity == own.identity]
    if not found:
        raise JoiningRefused(
            f"the roster has no member with this node's identity {own.identity}; the founder"
            f" lacks {parts.name}"
        )
    return found[0]


def become_member(
    home: Path, name: str, listen: str, peers: list[str], advertise: str = ""
) -> bool:
    """Write the membership's table and tell the daemon; False where none runs."""
    return hosting.membership(home, name, listen, peers, advertise)


def newcomer(
    home: Path,
    name: str,
    parts: Path,
    rpc: Rpc,
    weight: int | None,
    least: int | None,
    fresh: bool,
) -> Newcomer:
    """The proposal that adds the operator of `parts`, and a roster that names it too."""
    operator = read_operator(parts)
    entry = _entry(operator, name, parts, weight)
    members = rpc.federation(name, "listmembers")["members"]
    weights = [int(one["weight"]) for one in members] + [entry.weight]
    wanted = least or threshold(weights)
    details = msgspec.to_builtins(entry)
    details.pop("holds")
    details |= {"threshold": wanted, "fresh": int(fresh)}
    return Newcomer(details, _next_roster(home, name, [*map(_listed, members), entry], wanted))


def _entry(operator: Operator, name: str, parts: Path, weight: int | None) -> MemberEntry:
    own = operator.member.get(name)
    if own is None or not operator.recipient:
        raise JoiningRefused(
            f"{parts}: no member's keys of {name}, or no recipient; its operator runs bystack"
            f" federation init {name} and sends the file anew"
        )
    return MemberEntry(
        name=operator.name,
        identity=own.identity,
        node=own.node,
        weight=weight or operator.weight or 1,
        governance=own.governance,
        recipient=operator.recipient,
        holds=sorted(operator.named),
    )


def _listed(row: dict[str, Any]) -> MemberEntry:
    """A member as the sidechain lists it."""
    fields = {field: row[field] for field in ("name", "identity", "node", "weight", "recipient")}
    return MemberEntry(**fields, governance=row["key"])


def _next_roster(home: Path, name: str, members: list[MemberEntry], wanted: int) -> Path:
    """The roster for a newcomer: everybody who sits, and itself."""
    file = parse_roster(_read(home / FEDERATIONS / f"{name}.roster.toml"))
    made = msgspec.structs.replace(file, threshold=wanted, member=members)
    path = Path(os.getcwd()) / f"{name}.roster.toml"
    path.write_bytes(tomli_w.dumps(msgspec.to_builtins(made)).encode())
    return path


def threshold_without(rpc: Rpc, name: str, member: str) -> int:
    """The usual threshold of those who stay; raises `JoiningRefused` for a stranger."""
    members = rpc.federation(name, "listmembers")["members"]
    rest = [one for one in members if member not in (one["name"], one["identity"])]
    if len(rest) == len(members):
        names = ", ".join(str(one["name"]) for one in members)
        raise JoiningRefused(f"no member {member}; there are {names}")
    return threshold([int(one["weight"]) for one in rest])

"""A sidechain taken up by, or put away from, a running node, while its other processes go on."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

import tomli_w

from bystack.client import tables
from bystack.client.files import write
from bystack.client.rpc import Rpc, wait_for
from bystack.client.tables import FEDERATIONS, SIDECHAINS, TableRefused
from bystack.mainchain.params import chain_id
from bystack.primitives.errors import Invalid
from bystack.primitives.plain import from_plain, to_plain
from bystack.sidechain.consensus.scheme import BlsScheme
from bystack.sidechain.consensus.validators import check_set
from bystack.sidechain.engines import ConsensusError, engine_of
from bystack.sidechain.params import MAX_GENESIS, Genesis, check_genesis

SECONDS: Final = 180.0


class Added(NamedTuple):
    """What came of it: the sidechain's id, its height here (-1: no daemon runs), who went on."""

    id: str
    height: int
    untouched: int
    restarted: list[str]


def read_genesis(path: Path) -> Genesis:
    """The checked genesis in a file; raises `TableRefused`."""
    try:
        if path.stat().st_size > 8 * MAX_GENESIS:
            raise TableRefused(f"{path}: larger than any genesis; ask for the right file")
        genesis: Genesis = from_plain(Genesis, tomllib.loads(path.read_text()))
        check_genesis(genesis)
        check_set(genesis.validator_set, BlsScheme())
        engine_of(genesis)
    except (OSError, ValueError, RecursionError, Invalid, ConsensusError) as error:
        text = f"{path}: {error}; get the file again from a member and compare its sidechain id"
        raise TableRefused(text) from None
    return genesis


def add(home: Path, file: Path, name: str, table: dict[str, Any], rpc: Rpc) -> Added:
    """Keep the genesis in the home, write the table, start the processes of it; wait for them.

    `table`: the keys of `[[sidechain]]` but name and genesis. Raises `TableRefused`, `Waited`.
    """
    genesis = read_genesis(file)
    name = name or genesis.name
    _check(home, genesis, name, table)
    kept = home / SIDECHAINS / f"{name}.genesis.toml"
    if kept.resolve() != file.resolve():
        write(kept, tomli_w.dumps(to_plain(genesis)).encode())
    before = tables.pids(home)
    place = f"{SIDECHAINS}/{name}.genesis.toml"
    tables.put(home, SIDECHAINS, name, {"name": name, "genesis": place, **table})
    if not tables.reload(home):
        return Added(genesis.id.hex(), -1, 0, [])
    height = _started(f"{name} starts", lambda: rpc.side(name, "getblockcount") + 1) - 1
    return Added(genesis.id.hex(), height, *_compared(home, before))


def _started(what: str, probe: Callable[[], int]) -> int:
    return wait_for(what, probe, SECONDS)


def _check(home: Path, genesis: Genesis, name: str, table: dict[str, Any]) -> None:
    config = tables.configuration(home)
    if chain_id(genesis.main) != chain_id(tables.params_in(home)):
        raise TableRefused(f"a sidechain of {genesis.main.name}; this node is on {config.network}")
    for one in config.sidechain:
        if one.name == name:
            raise TableRefused(f"{name} is configured already; bystack sidechain list shows it")
        path = home / one.genesis
        if path.exists() and read_genesis(path).id == genesis.id:
            raise TableRefused(f"this sidechain is configured already, as {one.name}")
    kept = home / SIDECHAINS / f"{name}.genesis.toml"
    if kept.exists() and read_genesis(kept).id != genesis.id:
        raise TableRefused(f"{kept} is the genesis of another sidechain; choose another --name")
    key = table.get("validator_key", "")
    if key and not (home / key).exists():
        raise TableRefused(f"{key}: no such key; bystackd key new validator:{name} makes it")


def _compared(home: Path, before: dict[tuple[str, str], int]) -> tuple[int, list[str]]:
    """How many of the processes that ran before run on, and those that were started anew."""
    after = tables.pids(home)
    anew = [" ".join(who).strip() for who in before if who in after and after[who] != before[who]]
    return sum(after.get(who) == pid for who, pid in before.items()), anew


def hard_to_reach(name: str, listen: str, advertise: str) -> list[str]:
    """What to tell an operator whose node other members do not find at what he gave."""
    mend = f"in federations/{name}.toml, then kill -HUP bystackd"
    if listen.endswith(":0"):
        return [
            "Others reach this node at no lasting address (its port changes at each start): set"
            f" listen, and peers of theirs, {mend}"
        ]
    if not advertise and listen.startswith(("0.0.0.0:", "[::]:")):
        return [
            "Members without this node's address as --peer find it only if it is told: set"
            f" advertise {mend}"
        ]
    return []


def membership(home: Path, name: str, listen: str, peers: list[str], advertise: str = "") -> bool:
    """Write the table of a membership and tell the daemon; False where none runs.

    Raises `TableRefused`.
    """
    if any(one.name == name for one in tables.configuration(home).federation):
        raise TableRefused(f"the membership {name} is configured already")
    places = {
        "member_key": f"keys/{name}.member.key",
        "charter": f"{FEDERATIONS}/{name}.charter.toml",
    }
    for what, place in {**places, "roster": f"{FEDERATIONS}/{name}.roster.toml"}.items():
        if not (home / place).exists():
            make = f"bystackd key new member:{name}" if what == "member_key" else "the founders"
            raise TableRefused(f"{place} is missing; it comes from {make}")
    table = {"name": name, "listen": listen, "peers": peers, **places}
    table |= {"advertise": advertise} if advertise else {}
    tables.put(home, FEDERATIONS, name, table)
    return tables.reload(home)


class Removed(NamedTuple):
    """What is left: the folders that stay, and who went on."""

    stays: list[str]
    untouched: int
    restarted: list[str]


def removable(home: Path, name: str, *, with_membership: bool) -> list[tuple[str, str]]:
    """The processes that go with a sidechain, by role and name.

    Raises `TableRefused`, also while a membership of that name needs the sidechain.
    """
    config = tables.configuration(home)
    if name not in [one.name for one in config.sidechain]:
        raise TableRefused(f"no sidechain {name} is configured; bystack sidechain list shows them")
    gone = [("sidechain", name)]
    if any(one.name == name for one in config.federation):
        if not with_membership:
            raise TableRefused(
                f"this node is a member of the federation {name}, and a member follows its"
                " sidechain; --with-membership removes both"
            )
        gone.append(("federation", name))
    tables.check_own_file(home, SIDECHAINS, name)
    if len(gone) > 1:
        tables.check_own_file(home, FEDERATIONS, name)
    return gone


def remove(home: Path, name: str, *, with_membership: bool) -> Removed:
    """Take the table away and wait until its processes are gone; the data stays.

    Raises `TableRefused`, also while a membership or guard of that name needs the sidechain.
    """
    gone = removable(home, name, with_membership=with_membership)
    before = tables.pids(home)
    tables.drop(home, SIDECHAINS, name)
    if len(gone) > 1:
        tables.drop(home, FEDERATIONS, name)
    if tables.reload(home):
        wait_for(f"{name} ends", lambda: not set(gone) & set(tables.pids(home)), SECONDS)
    stays = [f"data/{role}-{name}" for role, _ in gone] + [f"{SIDECHAINS}/{name}.genesis.toml"]
    rest = {who: pid for who, pid in before.items() if who not in gone}
    return Removed([one for one in stays if (home / one).exists()], *_compared(home, rest))

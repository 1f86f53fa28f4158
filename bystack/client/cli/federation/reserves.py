"""`bystack federation audit`: does the vault hold what the sidechain stands for?"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from bystack.client.audit_files import FORMAT, Heading, Recorded, Recording
from bystack.client.auditing import Audit, reach
from bystack.client.cli.conventions import (
    PATIENCE,
    guarded,
    home_option,
    json_option,
    name_argument,
    show,
)
from bystack.client.rpc import NodeDown, Rpc, RpcFailed
from bystack.federation.reserves import Verdict
from bystack.federation.stated import Stated
from bystack.federation.statements import agreeing
from bystack.ledger.amounts import shown_amount
from bystack.node.genesis_files import GenesisFileError, read_genesis
from bystack.primitives.errors import Invalid
from bystack.sidechain.engines import ConsensusError
from bystack.sidechain.params import Genesis

OLD_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
NEW_FILE = click.Path(dir_okay=False, path_type=Path)
TERMS = ("vault", "circulating", "pool", "owed", "unclaimed", "surplus", "deficit")
TRUSTED = (
    "more than two thirds of the validators' weight in each epoch",
    "that the main chain shown is valid and has the most work: headers and bodies were checked, "
    "scripts were not executed (a full node of your own does that)",
)


@click.command("audit")
@name_argument
@click.option("--verify", is_flag=True, help="Recompute all from public data; believe no sums.")
@click.option("--main", "main", default="", help="Home or URL of a node of the main chain.")
@click.option("--side", "side", default="", help="Home or URL of a node of the sidechain.")
@click.option("--chain", default="", help="The sidechain's id, from where you trust it.")
@click.option("--save", type=NEW_FILE, help="Write all that was answered to a file, for --file.")
@click.option("--file", "saved", type=OLD_FILE, help="Verify such a file; no node is asked.")
@click.option(
    "--genesis",
    type=OLD_FILE,
    help="The sidechain's genesis file, in place of its id.",
)
@home_option
@json_option
@guarded
def audit(
    name: str, verify: bool, main: str, side: str, chain: str, save: Path | None,
    saved: Path | None, genesis: Path | None, home: str, as_json: bool,
) -> None:  # fmt: skip
    """Check that the vault of the sidechain NAME holds what it stands for; exit code 1 if not.

    \b
    coins of the vault = circulating + pool + owed + unclaimed + surplus - deficit

    Amounts are in units that people use, in --json in smallest ones, with each asset's decimals.
    Without --verify the sidechain's node reckons. With it every main-chain block since the vault
    was made is read and checked against its header, and every sum of the sidechain is proved under
    a final header; the nodes may be anybody's: --main and --side take a URL with user and password.
    --save keeps all of it in a file, which --file audits again, anywhere, without a node.
    """
    if saved is not None:
        return _conclude(_proved(lambda: _from_file(name, saved, chain, genesis)), as_json=as_json)
    one, two = reach(side or home, PATIENCE), reach(main or home, PATIENCE)
    if not (verify or save):
        return _conclude(_as_told(one, name), as_json=as_json)
    found = _proved(lambda: _from_nodes(name, one, two, save, _trusted(chain, genesis, one, name)))
    _conclude({**found, "differs": _differing(found, _told(one, name))}, as_json=as_json)


Trusted = tuple[bytes, str]
"""A sidechain's id, and where it comes from."""


def _proved(audited: Callable[[], tuple[Audit, Verdict, str]]) -> dict[str, Any]:
    """What an audit proved; ends with 1 and the rule that does not hold."""
    try:
        auditing, verdict, source = audited()
    except (Invalid, ConsensusError) as error:
        click.echo(f"Not proved. {error}", err=True)
        sys.exit(1)
    said: dict[str, Any] = {"statements": _words(auditing.stated), "differs": []}
    return {**_as_proved(auditing.genesis, verdict), "trusted": [source, *TRUSTED], **said}


def _words(said: Sequence[Stated]) -> dict[str, Any]:
    """Members' statements as `getreserves` sums them up, and those without one that is in time."""
    words = [one.statement for one in said if one.lately and one.statement is not None]
    return {
        "lately": len(words),
        "agree": agreeing(words),
        "hold": all(one.holds for one in words),
        "newest": max((one.height for one in words), default=None),
        "silent": [one.member for one in said if not one.lately],
    }


def _from_nodes(
    name: str, side: Rpc, main: Rpc, save: Path | None, trusted: Trusted
) -> tuple[Audit, Verdict, str]:
    id, source = trusted
    now = int(time.time())
    if save is None:
        auditing = Audit(name, id, main, side, now)
        return auditing, auditing.verdict(), source
    with Recording(save, Heading(FORMAT, name, id.hex(), now), main, side) as both:
        auditing = Audit(name, id, both, both, now)
        return auditing, auditing.verdict(), source


def _from_file(
    name: str, path: Path, chain: str, genesis: Path | None
) -> tuple[Audit, Verdict, str]:
    file = Recorded(path)
    try:
        told = file.heading.chain
        source = (
            f"the sidechain's id {told}, as the file says (--chain or --genesis: as you know it)"
        )
        id, source = _given(chain, genesis) or (_id(told, "the file's heading"), source)
        auditing = Audit(name, id, file, file, file.heading.time)
        return auditing, auditing.verdict(), source
    finally:
        file.close()


def _trusted(chain: str, genesis: Path | None, rpc: Rpc, name: str) -> Trusted:
    given = _given(chain, genesis)
    if given is not None:
        return given
    told = rpc.side(name, "getsidechaininfo")["chain_id"]
    source = f"the sidechain's id {told}, as the node says (--chain or --genesis: as you know it)"
    return _id(told, "the node's answer"), source


def _given(chain: str, genesis: Path | None) -> Trusted | None:
    """The id that whoever audits brings along, if any."""
    if genesis is not None:
        try:
            return read_genesis(genesis).id, f"the sidechain's id, from {genesis}"
        except GenesisFileError as error:
            raise NodeDown(str(error)) from None
    return (_id(chain, "--chain"), "the sidechain's id, as you gave it") if chain else None


def _id(text: str, where: str) -> bytes:
    if not re.fullmatch("[0-9a-fA-F]{64}", text):
        raise click.BadParameter(f"{where} is no 64 hex digits")
    return bytes.fromhex(text)


def _as_told(rpc: Rpc, name: str) -> dict[str, Any]:
    told, info = rpc.side(name, "getreserves"), rpc.side(name, "getsidechaininfo")
    missing = any(row["deficit"] for row in told["assets"].values())
    return {
        "verified": False,
        "holds": told["holds"],
        "backed": told["holds"] and not missing,
        "height": told["height"],
        "sidechain_height": told["sidechain_height"],
        "assets": {name: _terms(row) for name, row in told["assets"].items()},
        "decimals": {one["name"]: one["decimals"] for one in info["assets"]},
        "statements": told["statements"],
        "trusted": ["the node's own sums: --verify recomputes them"],
        "differs": [],
    }


def _told(rpc: Rpc, name: str) -> dict[str, Any]:
    """What the node itself reckons; nothing if it cannot just now."""
    try:
        told: dict[str, Any] = rpc.side(name, "getreserves")
    except RpcFailed:
        return {}
    return told


def _differing(found: dict[str, Any], told: dict[str, Any]) -> list[str]:
    """The assets of which the node says otherwise of the same block."""
    if not told or any(told[name] != found[name] for name in ("height", "sidechain_height")):
        return []
    rows = found["assets"].items()
    return [name for name, row in rows if row != _terms(told["assets"][name])]


def _as_proved(genesis: Genesis, verdict: Verdict) -> dict[str, Any]:
    rows = {
        genesis.by_asset[asset].name: {**row._asdict(), "difference": row.difference}
        for asset, row in verdict.rows.items()
    }
    return {
        "verified": True,
        "holds": verdict.holds,
        "backed": verdict.backed,
        "height": verdict.height,
        "sidechain_height": verdict.header.height,
        "blockhash": verdict.header.id.hex(),
        "assets": rows,
        "decimals": {one.name: one.decimals for one in genesis.assets},
    }


def _terms(row: dict[str, Any]) -> dict[str, int]:
    return {name: row[name] for name in (*TERMS, "difference")}


def _conclude(found: dict[str, Any], *, as_json: bool) -> None:
    """Print what was found; exit with 1 if something is missing, or the node told otherwise."""
    if as_json:
        show(found, as_json=True)
    else:
        _print(found)
    if not found["backed"] or found["differs"]:
        sys.exit(1)


def _print(found: dict[str, Any]) -> None:
    how = "recomputed and proved" if found["verified"] else "as the node says"
    click.echo(f"{how}: sidechain block {found['sidechain_height']}, main chain {found['height']}")
    places = found["decimals"]
    rows = [
        {"asset": name, **{term: shown_amount(units, places[name]) for term, units in row.items()}}
        for name, row in found["assets"].items()
    ]
    show(rows, as_json=False)
    _print_words(found["statements"])
    for one in found["trusted"]:
        click.echo(f"trusted: {one}")
    for name in found["differs"]:
        click.echo(f"THE NODE SAYS OTHERWISE about {name}: ask who runs it")
    click.echo(_sentence(found))


def _print_words(said: dict[str, Any]) -> None:
    if said["lately"]:
        click.echo(f"members' statements lately: {said['lately']}, alike: {said['agree']}")
    if said.get("silent"):
        click.echo(f"members who stated nothing lately: {', '.join(said['silent'])}")
    if not said["hold"]:
        click.echo("A MEMBER STATES THAT THE LAW FAILS: liststatements says which")


def _sentence(found: dict[str, Any]) -> str:
    if not found["holds"]:
        return "The law FAILS: the vault does not hold what the sidechain's sums explain."
    if not found["backed"]:
        return "The law holds with a deficit: something that circulates has no backing."
    return "The law holds: the vault holds what the sidechain stands for."
